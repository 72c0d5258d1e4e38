"""States of every sort, and a scripted model that always gets it right."""

import re

from pilotage.agent.budget import Budget
from pilotage.agent.state import Abilities, State
from pilotage.agent.task import Example, Task
from pilotage.agent.trace import Step, Trace, Turn

REPLIES = {
    r"corrected program": "The sign was wrong.\n```python\nprint(42)\n```",
    r"Python program": "```python\nprint(6 * 7)\n```",
    r"numbered plan": "1. Multiply.\n2. State the product.",
    r"smaller questions": "1. What is six times seven?",
    r"three different approaches": "1. Multiply.\n2. Add seven six times.\n3. Count.",
    r"most reliable": "2",
    r"Reply with the number alone": "42",
    r"Name any mistake": "No mistake.\nAnswer: 42",
    r"": "Six times seven is forty-two.\nAnswer: 42",
}
"""Rules of a model that always gets it right; the newest instruction decides."""


def always_right(messages):
    return next(reply for pattern, reply in REPLIES.items() if re.search(pattern, messages[-1].text))


def step(block, candidate=None, **more):
    turns = more.pop("turns", (Turn(asked=f"Do {block}.", replied=f"{block} says {candidate}"),))
    return Step(block=block, candidate=candidate, turns=turns, text=turns[-1].replied if turns else "", **more)


def state_of(task, *steps, budget=None, memory=False, sandbox=True, **trace):
    return State(
        task=task,
        trace=Trace(steps=steps, **trace),
        budget=budget or Budget(),
        abilities=Abilities(sandbox=sandbox, memory=memory),
    )


PROGRAM_TASK = Task(
    id="double",
    prompt="Read a number and print its double.",
    kind="program",
    examples=(Example(input="2", output="4"), Example(input="5", output="10")),
)


def row(task_id, **more):
    """A line of a results file, with all that is read of one again."""
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "cached_tokens": 0, "llm_calls": 1, "seconds": 0.5}
    return {"task_id": task_id, "answer": "1", "score": 1.0, "usage": usage, **more}
