"""Tasks from a place of your own, and a grader of your own: a plain function each.

To install both for good, name them as entry points: `crates = "own_tasks:crates"` in `pilotage.tasks`, and
`nearly = "own_tasks:nearly"` in `pilotage.graders`.

python examples/own_tasks.py [MODEL]
"""

import sys
from collections.abc import Iterator

from pilotage.agent import ReasoningAgent, Task, load_tasks
from pilotage.agent.tasks import SOURCES, Spec
from pilotage.agent.tasks.grading import GRADERS

PROMPT = "A crate holds 12 boxes of 8 {what}. How many {what} are in {crates} crates?"


def crates(spec: Spec) -> Iterator[Task]:
    """How many are in so many crates: `crates:WHAT;size=N;seed=N;offset=N`."""
    for number in spec.chosen(range(2, 100)):
        yield Task(
            id=f"{spec.target}-{number}",
            prompt=PROMPT.format(what=spec.target, crates=number),
            kind="numeric",
            gold=12 * 8 * number,
            metadata={"grader": "nearly"},
        )


def nearly(task: Task, answer: str) -> float:
    """A point for the number itself, half of one for any that is within a tenth of it."""
    off = abs(float(answer) - float(task.gold)) / float(task.gold)
    return 1.0 if off == 0 else 0.5 if off <= 0.1 else 0.0


if __name__ == "__main__":
    SOURCES["crates"], GRADERS["nearly"] = crates, nearly
    with ReasoningAgent(sys.argv[1] if len(sys.argv) > 1 else "embedded") as agent:
        for task in load_tasks("crates:pens;offset=3;size=2"):
            run = agent.solve(task)
            print(task.id, run.answer, run.score)
