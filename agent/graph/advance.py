"""Advance: recall, observe, run a block. What happens to a run, one thing at a time.

The graph's nodes and `pilotage.agent.banks.stepwise` both work through these functions, so that what is recorded for
training is what happens in use.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from inspect import isawaitable
from typing import NamedTuple

from pilotage.agent.blocks.base import Block, CutShort
from pilotage.agent.budget import Budget, Meter
from pilotage.agent.components import Components
from pilotage.agent.errors import BudgetExceeded, UsageError
from pilotage.agent.kit import REPLY_TOKENS, Kit
from pilotage.agent.models.reply import RequestRefused
from pilotage.agent.routing.observation import Observer
from pilotage.agent.state import Abilities, State
from pilotage.agent.telemetry.operations import ended, running
from pilotage.agent.telemetry.spans import span
from pilotage.agent.trace import CostEntry, DecisionRecord, Evidence, Recalled, Step, Trace, Usage
from pilotage.common.tokens import estimate_tokens
from pilotage.memory.errors import ConceptStoreError
from pilotage.navigator.spaces import Observation

log = logging.getLogger("pilotage.experience")

REPLY_CALLS = 2
"""Of a reply: one, and another where it left out what was found."""
MOST_ATTEMPTS = 32
"""Of both, with those that failed, at this upstream and at those that stand in for it."""
NOTE_TOKENS = 2048
"""More than a note on what was found takes."""
SURE = 0.9
"""How likely an answer that nothing public backs has to be right for a run to teach something all the same."""


class BlockResult(NamedTuple):
    """A block's step, and the limit of the budget that cut it short, if one did."""

    step: Step
    stopped_by: str | None = None


class Observed(NamedTuple):
    """What the navigator reads, what asking for it cost, and the limit of the budget that forbade it, if one did."""

    observation: Observation
    usage: Usage
    stopped_by: str | None = None


def kit_for(
    components: Components, now: State, on_token: Callable[[str], None] | None = None, *, make: Callable[..., Kit] = Kit
) -> Kit:
    """Tools for the next thing to do in a run, with what is left of its budget; `make` builds a kit of another sort."""
    return make(
        components.model,
        Meter(now.budget, now.usage, max(now.elapsed, now.trace.seconds)),
        models=components.models,
        sandbox=components.sandbox,
        recall=components.recall,
        on_token=on_token,
        seed=components.seed,
    )


def reply_kit(
    components: Components,
    now: State,
    on_token: Callable[[str], None] | None = None,
    on_thought: Callable[[str], None] | None = None,
) -> Kit:
    """Tools for the reply of a conversation, which its caller limits: the run's budget is for the work before it."""
    room = now.task.reply.max_tokens or REPLY_TOKENS
    read = estimate_tokens("".join(message.written for message in now.task.messages)) + NOTE_TOKENS
    tools = now.task.reply.tools
    read += estimate_tokens(json.dumps(tools.tools)) if tools is not None else 0
    tokens, seconds = REPLY_CALLS * (read + room), now.budget.max_seconds
    budget = Budget(max_tokens=tokens, max_calls=MOST_ATTEMPTS, max_seconds=seconds)
    return Kit(components.model, Meter(budget), on_token=on_token, on_thought=on_thought, seed=components.seed)


def extended(
    state: State,
    *steps: Step,
    recalled: Recalled | None = None,
    charges: Iterable[CostEntry] = (),
    decisions: Iterable[DecisionRecord] = (),
) -> State:
    """The state after what is new in its trace."""
    trace = state.trace
    after = Trace(
        recalled=trace.recalled if recalled is None else recalled,
        steps=(*trace.steps, *steps),
        charges=(*trace.charges, *charges),
        decisions=(*trace.decisions, *decisions),
    )
    return replace(state, trace=after)


def charged(state: State, by: str, usage: Usage) -> State:
    """The state after a cost outside a block's step; the same where nothing was asked."""
    return extended(state, charges=[CostEntry(by=by, usage=usage)]) if usage.llm_calls else state


def abilities(components: Components, recalled: Recalled) -> Abilities:
    """What a run can do: as its agent; a run of the control group has no memory, wherever it is."""
    return replace(components.abilities, memory=False) if recalled.withheld else components.abilities


def in_control_group(task_id: str, seed: int, share: float) -> bool:
    """Whether a task belongs to the share that runs without hints: the same tasks for the same seed, everywhere."""
    digest = hashlib.sha256(f"{seed}/{task_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


async def remember(components: Components, now: State, kit: Kit) -> Recalled:
    """What memory has on the task, before anything else.

    Nothing to read in the control group, and nothing at all where what it has is not expected to pay for its tokens.
    """
    recalled, study = await kit.recall(now.task.about, components.registry.hint_tokens), components.study
    if study is not None and recalled.hints:  # of both groups, so that the control group is of the same tasks
        pays = await asyncio.to_thread(study.shows, now.task.about, recalled)
        recalled = recalled if pays else Recalled()
    return recalled.withhold() if in_control_group(now.task.id, components.seed, components.holdout) else recalled


async def lessons(components: Components, ended: State, kit: Kit) -> dict[str, str]:
    """Writes to memory what a finished run teaches; titles by id."""
    if components.learner is None or not await _may_write(components, ended):
        return {}
    return await components.learner.learn(ended, kit, on_trial=await _teaches_on_trial(components, ended))


async def _may_write(components: Components, ended: State) -> bool:
    """Whether what a run taught may be written down, which is paid for like all exploring."""
    if components.study is None or ended.leader is None:  # which taught nothing
        return True
    return await asyncio.to_thread(components.study.writes, ended.run)


async def _teaches_on_trial(components: Components, ended: State) -> bool:
    """Whether an answer that nothing public backs teaches something all the same: it is likely right.

    Not where the run was shown hints, or is of their control group; and not without room to explore.
    """
    leader, recalled = ended.leader, ended.trace.recalled
    study, confidence = components.study, components.confidence
    if leader is None or leader.verified or recalled.hints or recalled.withheld or confidence is None:
        return False
    if study is None or not study.of_routes:
        return False
    likely = confidence(ended, leader.text)
    return likely is not None and likely >= SURE and await asyncio.to_thread(study.has_room_to_write)


def keep_experience(components: Components, ended: State) -> None:
    """Keeps what the blocks of a finished run came to; with how likely its answer is right, where nobody knows.

    A memory that cannot be written costs nobody the answer: the log tells.
    """
    assert components.experience is not None
    answer = None if ended.leader is None else ended.leader.text
    guess = None if components.confidence is None else components.confidence(ended, answer)
    explores = components.study is not None and components.study.of_routes
    try:
        components.experience.keep(ended, guess, explores=explores)
    except ConceptStoreError as error:
        log.warning("what the blocks of a run came to is not kept: %s", error)


async def observe(observer: Observer, now: State, kit: Kit) -> Observed:
    """Computes what the navigator sees; what the budget does not let it ask is unknown.

    Raises:
        BadReply: the reply to what it asked was unusable; `kit` has what it cost.
    """
    try:
        observation = await observer.observe(now, kit)
    except BudgetExceeded as limit:
        return Observed(observer.without_asking(now), kit.usage, limit.limit)
    return Observed(observation, kit.usage)


async def run_block(block: Block, now: State, kit: Kit) -> BlockResult:
    """Runs one block; where the budget ends it, its step has what it cost until then, and seldom a candidate.

    Raises:
        BadReply: the model's reply stayed unusable, or its endpoint failed until the time was up and nothing was
            answered before; `kit` has what it cost.
        UsageError: the block is not written as one.
    """
    with span(running, block.name) as told:
        result = await _run_block(block, now, kit)
        told.tell(ended, result)
    return result


async def _run_block(block: Block, now: State, kit: Kit) -> BlockResult:
    started, stopped_by = time.monotonic(), None
    try:
        running = block.run(now, kit)
        if not isawaitable(running):
            raise UsageError(
                f"the block {block.name!r} does not run as a coroutine: write `async def run(self, state, kit)`"
            )
        step = await running
        if not isinstance(step, Step):
            raise UsageError(
                f"the block {block.name!r} returned {type(step).__name__} where a Step is wanted: end its `run` with "
                "`return kit.step(self.name, ...)`"
            )
    except CutShort as limit:
        step, stopped_by = limit.step, limit.limit
    except BudgetExceeded as limit:
        if limit.failing and now.leader is None:
            raise RequestRefused(str(limit)) from limit
        step = Step(block=block.name, evidence=Evidence(note=str(limit)), usage=kit.usage)
        stopped_by = limit.limit
    return BlockResult(step.model_copy(update={"seconds": time.monotonic() - started}), stopped_by)
