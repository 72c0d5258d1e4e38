"""Results: graded runs of a results file as experience, where somebody says that their grades may teach.

A grade of a benchmark never teaches by itself: whoever gives this a file decides that its tasks are for learning from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from pilotage.agent.budget import Budget
from pilotage.agent.state import State
from pilotage.agent.task import Task
from pilotage.agent.trace import Trace, Usage

MOST_TOKENS = 10_000_000
"""Of a step: more is no count of tokens."""


def graded_runs(
    lines: Iterable[tuple[int, Mapping[str, Any]]], tasks: Mapping[str, Task], left_out: list[tuple[str, str]]
) -> Iterator[tuple[str, State, float]]:
    """The runs of result lines at their end, each with the name of its model and its score.

    Args:
        lines: numbered result lines, as `pilotage solve --tasks` writes them.
        tasks: the tasks that they are about, by id.
        left_out: gets each line that tells nothing, and why.
    """
    for number, line in lines:
        id, score, run, model = line["task_id"], line.get("score"), line.get("run"), line.get("model")
        why, trace = None, Trace()
        try:
            trace = _trace(line)
        except ValidationError:
            why = "its steps cannot be read"
        if id not in tasks:
            why = "the given tasks do not hold it"
        elif line.get("asked") not in (None, tasks[id].asked):
            why = "it is of another task of that id"
        elif not isinstance(score, int | float) or isinstance(score, bool) or not 0 <= score <= 1:
            why = "it has no grade"
        elif not isinstance(run, str) or not run:
            why = "it names no run, so it could count twice"
        elif not trace.steps or not all(_can_be(step.usage) for step in trace.steps):
            why = "its steps tell no cost that can be"
        elif not isinstance(model, str) or not model:
            why = "it names no model"
        elif line.get("error") is not None:
            why = "it ended without a usable reply"
        elif line.get("abstained"):
            why = "its answer was withheld, so its grade is none of what its blocks came to"
        elif line.get("escalated") is not None:
            why = "two models had a part in it"
        if why is not None or not isinstance(run, str) or not isinstance(score, int | float):
            left_out.append((f"line {number}, task {id}", why or ""))
            continue
        yield str(model), State(tasks[id].public(), trace, Budget(), run=run), float(score)


def _can_be(usage: Usage) -> bool:
    """Whether a step can have cost that."""
    return 0 <= usage.prompt_tokens <= MOST_TOKENS and 0 <= usage.completion_tokens <= MOST_TOKENS


def _trace(line: Mapping[str, Any]) -> Trace:
    """What a line tells of a run; of the concepts that it was shown the ids alone."""
    ids = line.get("recalled") or ()
    hints = [{"concept_id": str(id), "title": "", "similarity": 0.0} for id in ids]
    content = {"steps": line["steps"], "charges": line.get("charges") or (), "recalled": {"hints": hints}}
    return Trace.model_validate(content)
