"""ProcBench (Fujisawa et al. 2024): procedures to follow step by step, of which every state is graded.

A record has `prompt` and, under `label` or beside it, the states `intermediate` and the `final` one. The model is asked
for all of them, so an answer is a list. The metrics are the paper's: the prefix accuracy is the length of
the longest common prefix by that of the longer list, the sequential match whether both are the same, the final match
whether their last states are. A task is right where the sequential match is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from pilotage.agent.answers import normal_form
from pilotage.agent.errors import TaskError
from pilotage.agent.task import Task

NAME = "procbench"
"""Of the source and of the grader."""
ASKED = (
    "Work through the procedure step by step. End with one line that has every state after the initial one in order, "
    'the final state last, as a JSON list: Answer: ["first state", "second state", "final state"]'
)


@dataclass(frozen=True)
class Metrics:
    """What the states of an answer are worth, each from 0 to 1."""

    prefix_accuracy: float
    sequential_match: float
    final_match: float

    @classmethod
    def of(cls, expected: Sequence[Any], given: Sequence[Any] | None) -> Metrics:
        """The metrics of the states that were given; of none all are 0."""
        if not given:
            return cls(0.0, 0.0, 0.0)
        pairs = [(_same(one), _same(other)) for one, other in zip(expected, given, strict=False)]
        prefix = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        accuracy = prefix / max(len(expected), len(given))
        return cls(accuracy, float(accuracy == 1.0), float(_same(expected[-1]) == _same(given[-1])))


def _same(state: Any) -> str:
    """One spelling for states that mean the same: of a list and its text, of 3 as a number and as text."""
    read = _read(state) if isinstance(state, str) else state
    return json.dumps(read) if isinstance(read, list) else normal_form("text", str(read))


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def states_in(answer: str | None) -> list[Any] | None:
    """The states of an answer; None where it is no list."""
    read = None if answer is None else _read(answer.strip().strip("`"))
    return read if isinstance(read, list) else None


def metrics_of(task: Task, answer: str | None) -> dict[str, float]:
    """The metrics of an answer by name; none for a task of another kind."""
    if task.metadata.get("grader") != NAME:
        return {}
    return dict(vars(Metrics.of(expected(task), states_in(answer))))


def expected(task: Task) -> list[Any]:
    """The states of a task; raises TaskError where it has none."""
    states = task.metadata.get("states")
    if not isinstance(states, list) or not states:
        raise TaskError(f"task {task.id}: the grader {NAME!r} needs `states` in `metadata`, a list of all states")
    return states


def task_from(record: dict[str, Any], name: str) -> Task:
    """A task from one record.

    Raises:
        TaskError: it lacks its prompt or its states.
    """
    label = record.get("label")
    label = _read(label) if isinstance(label, str) else label
    label = label if isinstance(label, dict) else record
    prompt, between, final = record.get("prompt"), label.get("intermediate"), label.get("final")
    between = _read(between) if isinstance(between, str) else between
    if not isinstance(prompt, str) or not prompt.strip():
        raise TaskError("a ProcBench record needs a `prompt` text")
    if not isinstance(between, list) or final is None:
        raise TaskError("a ProcBench record needs `label` with `intermediate`, a list, and `final`")
    family = record.get("task_name") or record.get("problem_name")
    metadata = {"grader": NAME, "states": [*between, final]} | ({"family": str(family)} if family else {})
    id = record.get("example_name") or name
    whole = f"{family}/{id}" if family else str(id)
    return Task(id=whole, prompt=f"{prompt.rstrip()}\n\n{ASKED}", kind="text", metadata=metadata)
