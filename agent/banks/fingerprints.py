"""Fingerprints: by which a bank knows its tasks again, without their texts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from pilotage.agent.errors import UsageError
from pilotage.agent.task import Task
from pilotage.navigator.bank.bank import Bank

PUZZLE_FIELDS = {"inputs", "topic", "content"}
CONVERSATION_FIELDS = {"messages", "reply"}
LATER_FIELDS = (PUZZLE_FIELDS, CONVERSATION_FIELDS, {"inferred"})
"""What tasks have come to hold since banks are recorded, the newest first."""


def fingerprint(task: Task) -> str:
    """Changes with what a task shows, and with its id.

    A task that is no puzzle has the one that it had before tasks could be any, and one that is no conversation, too.
    What a puzzle is about is computed from what it shows, and no part of it.
    """
    without = {"topic"} if task.inputs else set(PUZZLE_FIELDS)
    return _hashed(task.public(), without if task.messages else without | CONVERSATION_FIELDS)


def is_as_recorded(task: Task, noted: str | None) -> bool:
    """Whether a task shows what it showed when its fingerprint was noted; where none was, nobody can tell otherwise."""
    forms = (set[str]().union(*LATER_FIELDS[:count]) for count in range(len(LATER_FIELDS) + 1))
    return noted is None or noted in {fingerprint(task), *(_hashed(task.public(), form) for form in forms)}


def outputs_fingerprint(task: Task) -> str | None:
    """A hash of what is right of a puzzle, by which its nodes were scored; None for other tasks."""
    if not task.inputs or task.gold is None:
        return None
    return hashlib.sha256(json.dumps([task.content, task.gold]).encode()).hexdigest()[:16]


def require_recorded(bank: Bank, tasks: Mapping[str, Task]) -> None:
    """Raises UsageError unless these are the tasks of the bank, by id, as they were when it was recorded."""
    if missing := [id for id in bank.tasks if id not in tasks]:
        raise UsageError(
            f"{len(missing)} of the bank's {len(bank.tasks)} tasks are not among --tasks, {missing[0]} for one: give "
            "the --tasks that the bank was recorded with"
        )
    for id in bank.tasks:
        if not is_as_recorded(tasks[id], bank.tree(id).root.extras.get("prompt")):
            raise UsageError(f"task {id} is not what it was when the bank was recorded: give its tasks as then")


def _hashed(shown: Task, without: set[str]) -> str:
    return hashlib.sha256(shown.model_dump_json(exclude=without).encode()).hexdigest()[:16]
