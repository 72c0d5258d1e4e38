"""Sources: the tasks of one or several specifications in turn, each with the header that a bank gives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

from pilotage.agent.errors import UsageError
from pilotage.agent.task import Task
from pilotage.agent.tasks import load_tasks
from pilotage.agent.tasks.source import TaskDefect, TaskSource
from pilotage.common.paths import expanded
from pilotage.navigator.bank.records import TaskHeader


@dataclass(frozen=True)
class Assigned:
    """A task, and how a bank names it."""

    task: Task
    header: TaskHeader


def mixed(
    specs: Sequence[str], limit: int | None = None, fields: Mapping[str, str] | None = None
) -> tuple[list[Assigned], list[TaskDefect]]:
    """The first `limit` tasks of all specifications, one of each in turn, and the entries left out.

    Raises:
        UsageError: a specification cannot be read, gives no task, or two tasks share an id.
    """
    sources = [load_tasks(spec, fields) for spec in specs]
    chosen: dict[str, Assigned] = {}
    for assigned in islice(_in_turn(sources), limit):
        id = assigned.task.id
        if id in chosen:
            raise UsageError(f"two tasks have the id {id!r}; a bank needs a different one for each")
        chosen[id] = assigned
    defects = [defect for source in sources for defect in source.defects]
    if not chosen:
        why = f" ({defects[0]})" if defects else ""
        raise UsageError(f"there is no task in {' or '.join(map(repr, specs))}{why}; give other --tasks")
    return list(chosen.values()), defects


def _in_turn(sources: Sequence[TaskSource]) -> Iterator[Assigned]:
    for turn in zip_longest(*sources):
        for source, task in zip(sources, turn, strict=True):
            if task is not None:
                yield Assigned(task, header_of(task, source))


def header_of(task: Task, source: TaskSource) -> TaskHeader:
    """How a bank names a task: the same whatever part of its source was asked for, and wherever the file lies."""
    spec = source.spec
    origin = spec.source or "jsonl"
    family = task.metadata.get("family")
    if origin == "gym":
        return TaskHeader(task.id, str(family), task.kind, f"gym:{family};seed={spec.seed or 0}")
    file = expanded(spec.target)
    given = family if isinstance(family, str) and family else (origin if origin != "jsonl" else file.stem)
    return TaskHeader(task.id, given, task.kind, f"{origin}:{file.name}")
