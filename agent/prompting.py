"""Prompts as a conversation that only ever grows, so that a model's prefix cache serves all but the newest turn.

Order: a fixed system sentence, what memory recalled, the task, then the earlier exchanges that are to be read, word for
word (`pilotage.agent.freshness` tells which), and last the new instruction. Reading a prompt is what costs a
small machine most, so nothing stable ever stands behind something that changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from pilotage.agent.freshness import preparations, thread
from pilotage.agent.models.reply import Message
from pilotage.agent.state import State
from pilotage.agent.task import Task
from pilotage.agent.trace import Step, Turn

SYSTEM = "You solve problems correctly and briefly."
SYSTEM_OPEN = "You reply to what you are asked, completely and in the language of the request."

ANSWER_FORM = {
    "numeric": "Then write a last line 'Answer: ' followed by the number alone.",
    "choice": "Then write a last line 'Answer: ' followed by the letter alone.",
    "text": "Then write a last line 'Answer: ' followed by the answer alone.",
    "program": "Then write the complete program in one ```python block.",
    "grid": "Then write a last line 'Answer: ' followed by the grid as a JSON list of rows.",
    "open": "Then write the reply itself.",
}
"""How a block's instruction ends. Small models skip the work and answer at once unless the work is asked for first."""


def describe(task: Task) -> str:
    """The task as a prompt shows it: its text, its choices, its worked examples."""
    parts = [task.prompt.strip()]
    if task.choices:
        parts.append("\n".join(f"{letter(place)}) {choice}" for place, choice in enumerate(task.choices)))
    for example in task.examples:
        parts.append(f"Example input:\n{example.input}\nExample output:\n{example.output}")
    return "\n\n".join(parts)


def system(task: Task) -> str:
    """What the model is told to be: a solver of problems, or one that replies to a request as it stands."""
    return SYSTEM_OPEN if task.kind == "open" else SYSTEM


def letter(place: int) -> str:
    """Letter of a choice by its place: 0 is A."""
    return chr(ord("A") + place)


def opening(state: State) -> str:
    """The first user message's stable part.

    What memory recalled stands before the task: behind it, a small model takes the names and numbers of the hint for
    those of the task.
    """
    return f"{state.trace.recalled.text}\n\n{describe(state.task)}".strip()


def conversation(state: State, instruction: str, turns: Sequence[Turn] = ()) -> tuple[Message, ...]:
    """What was said so far, the turns of the block at work, then the instruction.

    While nothing has been answered, what was said are the preparations alone: an attempt that came to nothing misleads.
    On an open task nothing is an attempt: all that was said is material for the reply.
    """
    reads_all = state.candidates or state.task.kind == "open"
    return _messages(state, state.trace.steps if reads_all else preparations(state), turns, instruction)


def from_scratch(state: State, instruction: str, turns: Sequence[Turn] = ()) -> tuple[Message, ...]:
    """The task, what prepares for it, the turns of the block at work and the instruction, without any attempt."""
    return _messages(state, preparations(state), turns, instruction)


def continued(state: State, instruction: str, turns: Sequence[Turn] = ()) -> tuple[Message, ...]:
    """What was said so far with the attempt that the last step belongs to, to go on with or repair it."""
    past = state.trace.steps if state.task.kind == "open" else thread(state)
    return _messages(state, past, turns, instruction)


def _messages(state: State, past: Sequence[Step], turns: Sequence[Turn], instruction: str) -> tuple[Message, ...]:
    messages = [Message(role="system", content=system(state.task))]
    pending = opening(state)
    for said, result in (*((step.turns, step.result) for step in past), (turns, "")):
        for turn in said:
            messages.append(Message(role="user", content=f"{pending}\n\n{turn.asked}".strip()))
            messages.append(Message(role="assistant", content=turn.replied))
            pending = ""
        pending = f"{pending}\n\n{result}".strip()
    messages.append(Message(role="user", content=f"{pending}\n\n{instruction}".strip()))
    return tuple(messages)
