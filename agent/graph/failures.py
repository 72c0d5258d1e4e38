"""Failures: what a run does where its model, its memory or a limit fails it, and what it raises in the end."""

from __future__ import annotations

import logging
from typing import TypeVar

from pilotage.agent.blocks.base import Block
from pilotage.agent.errors import BadReply, ModelError, ModelUnavailable
from pilotage.agent.graph.advance import BlockResult, extended
from pilotage.agent.kit import Kit
from pilotage.agent.models.reply import RequestRefused
from pilotage.agent.run import RefusedRun, UnusableRun
from pilotage.agent.state import State
from pilotage.agent.trace import CostEntry, Evidence, Step, Trace
from pilotage.memory.errors import ConceptStoreError, NamespaceErased, StoreClosed

log = logging.getLogger("pilotage")
T = TypeVar("T")

FORGONE = "memory could not be asked; the log says why"
FAILED = "error"
"""What stops the work of a conversation where a block's model fails it."""


def given_up(block: Block, error: ModelError, kit: Kit) -> BlockResult:
    """The step of a block whose model failed it, in a conversation: the reply is written all the same."""
    return BlockResult(Step(block=block.name, evidence=Evidence(note=str(error)), usage=kit.usage), FAILED)


def forgone(block: Block, kit: Kit) -> BlockResult:
    """The step of a block that was to ask memory, which failed: it found nothing.

    Why is said in the log (`without_memory`): the note is read by whoever talks to a server, and errors tell files.
    """
    return BlockResult(Step(block=block.name, prepares=True, evidence=Evidence(note=FORGONE), usage=kit.usage))


def without_memory(now: State, error: ConceptStoreError, instead: T) -> T:
    """What a conversation goes on with where its memory fails: whoever waits for a reply did not ask for a memory.

    Any other run raises the error, and so does a memory that was closed or erased.
    """
    if not now.task.messages or isinstance(error, NamespaceErased | StoreClosed):
        raise error
    log.warning("memory failed, and the reply is written without it: %s", error)
    return instead


def is_of_endpoint(error: ModelError) -> bool:
    """Whether every other request would meet the failure too."""
    return isinstance(error, ModelUnavailable) and not isinstance(error, RequestRefused)


def unusable(now: State, kit: Kit, by: str, error: BadReply) -> UnusableRun:
    """What ends a run whose model failed it, with all that it cost."""
    kind = RefusedRun if isinstance(error, ModelUnavailable) else UnusableRun
    return kind(str(error), _paid(now, kit, by))


def with_cost(now: State, kit: Kit, by: str, error: ModelError) -> None:
    """Notes in the failure of an endpoint, which ends a run too, all that the run cost."""
    error.trace = _paid(now, kit, by)


def _paid(now: State, kit: Kit, by: str) -> Trace:
    return extended(now, charges=[CostEntry(by=by, usage=kit.usage)]).trace
