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
from pilotage.agent.trace import Step, Trace


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
        why, steps = None, list[Step]()
        try:
            steps = [Step.model_validate(step) for step in line["steps"]]
        except ValidationError:
            why = "its steps cannot be read"
        if id not in tasks:
            why = "the given tasks do not hold it"
        elif not isinstance(score, int | float) or not 0 <= score <= 1:
            why = "it has no grade"
        elif not isinstance(run, str) or not run:
            why = "it names no run, so it could count twice"
        elif not isinstance(model, str):
            why = "it names no model"
        elif line.get("error") is not None:
            why = "it ended without a usable reply"
        if why is not None or not isinstance(run, str) or not isinstance(score, int | float):
            left_out.append((f"line {number}, task {id}", why or ""))
            continue
        yield str(model), State(tasks[id].public(), Trace(steps=tuple(steps)), Budget(), run=run), float(score)
