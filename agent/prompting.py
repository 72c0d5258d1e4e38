"""Prompts as a conversation that only ever grows, so that a model's prefix cache serves all but the newest turn.

Order: a fixed system sentence, what memory recalled, the task, then the earlier exchanges that are to be read, word for
word, and last the new instruction. Reading a prompt is what costs a small machine most, so nothing stable ever stands
behind something that changes.

Which of the steps so far are read: an attempt is a step that sought an answer; one that ended without a candidate is a
*failed* attempt. A failed transcript in the prompt hurts: of 27 tasks whose program gave no answer, reasoning behind
that program was right on 33%, and from the task alone on 59%, for fewer tokens. So routes are fresh: while nothing has
been answered, a block starts from the task and from what prepares for it, a plan say; once something has been answered,
a block that is to check it starts from the task alone, so that its agreement is evidence. Two blocks read an attempt on
purpose: `reason` goes on with its own text where a token limit cut it, and `reflect` repairs the last step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from pilotage.agent.messages import Message, alternating, last_user
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
    """The task as a prompt shows it: its text, its choices, its worked examples, its inputs."""
    parts = [task.prompt.strip()]
    if task.choices:
        parts.append("\n".join(f"{chr(ord('A') + place)}) {choice}" for place, choice in enumerate(task.choices)))
    for example in task.examples:
        parts.append(f"Example input:\n{example.input}\nExample output:\n{example.output}")
    for number, given in enumerate(task.inputs, 1):
        parts.append(f"Test input{f' {number}' if len(task.inputs) > 1 else ''}:\n{given}")
    return "\n\n".join(parts)


def content_fingerprint(task: Task) -> str:
    """The same for tasks that a model is shown the same of, whatever their ids: a copy of a file has ids of its own."""
    if task.content:
        return task.content
    return hashlib.sha256(describe(task).encode()).hexdigest()[:16]


def system(task: Task) -> str:
    """The system sentence: for a solver of problems, or for one that replies to a request as it stands.

    In a conversation it stands behind what the caller's system messages say.
    """
    own = SYSTEM_OPEN if task.kind == "open" else SYSTEM
    return "\n\n".join([*(message.text for message in task.messages if message.of_system), own])


def earlier(task: Task) -> tuple[Message, ...]:
    """What was said in a conversation before the message that is to be answered, told without tools."""
    return tuple(alternating(task.messages[: last_user(task.messages)]))


def conversation(
    state: State, instruction: str, turns: Sequence[Turn] = (), *, independent: bool = False, continuing: bool = False
) -> tuple[Message, ...]:
    """The run so far, the turns of the block at work, then the instruction.

    While nothing has been answered, the preparations alone are read of a run. On an open task nothing is an attempt:
    all of it is material for the reply.

    Args:
        state: the run so far.
        instruction: the newest user turn.
        turns: exchanges that the run does not hold yet.
        independent: leave out every attempt, those that reached an answer too.
        continuing: go on with, or repair, the attempt that the last step belongs to.
    """
    past = state.trace.steps
    if independent or not (continuing or state.candidates or state.task.kind == "open"):
        past = _preparations(state.task, past)
    elif continuing and state.task.kind != "open":
        past = _with_last_attempt(past)
    messages = [Message(role="system", content=system(state.task)), *earlier(state.task)]
    # Behind the task, a small model takes the names and numbers of a hint for those of the task.
    pending = f"{state.trace.recalled.text}\n\n{describe(state.task)}".strip()
    for exchanges, result in (*((step.turns, step.result) for step in past), (turns, "")):
        for turn in exchanges:
            messages.append(Message(role="user", content=f"{pending}\n\n{turn.asked}".strip()))
            messages.append(Message(role="assistant", content=turn.replied))
            pending = ""
        pending = f"{pending}\n\n{result}".strip()
    messages.append(Message(role="user", content=f"{pending}\n\n{instruction}".strip()))
    return tuple(messages)


def _preparations(task: Task, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that a route reads though it starts from the task.

    What memory recalled on the way belongs to the task's opening, always. A plan is read until something is answered:
    two routes on one plan would agree for the plan's sake.
    """
    answered = task.kind != "open" and any(step.candidate is not None for step in steps)
    return tuple(
        step
        for step in steps
        if (step.hints or (step.prepares and not answered)) and (step.text or step.result or step.turns)
    )


def _with_last_attempt(steps: Sequence[Step]) -> tuple[Step, ...]:
    """What prepares, what answered, and the last step's attempt from its start, whether it came to anything or not.

    Where the last step prepares, it is no attempt that is gone on with, and none that failed is read.
    """
    attempts = [place for place, step in enumerate(steps) if not step.prepares]
    start = next((place for place in reversed(attempts) if steps[place].independent or place == attempts[0]), 0)
    if not steps or steps[-1].prepares:
        start = len(steps)
    return tuple(
        step for place, step in enumerate(steps) if step.prepares or step.candidate is not None or place >= start
    )


def is_apart(state: State) -> bool:
    """Whether a route from here is independent: there were attempts before it, and it reads none of them."""
    return any(not step.prepares for step in state.trace.steps)


def is_unfinished(state: State, block: str) -> bool:
    """Whether the last step is this block's, and a token limit cut it before it reached an answer."""
    last = state.last
    return last is not None and last.block == block and last.candidate is None and last.cut


def was_asked(state: State, asks: Callable[[Step], bool]) -> bool:
    """Whether a route would ask what an earlier step did that `asks` the same: nothing that it reads has changed."""
    task, steps = state.task, state.trace.steps
    now = _preparations(task, steps)
    return any(asks(step) and _preparations(task, steps[:place]) == now for place, step in enumerate(steps))
