"""Freshness: which of the steps so far a block reads.

An attempt is a step that sought an answer; one that ended without a candidate is a *failed* attempt. A failed
transcript in the prompt hurts: of 27 tasks whose program gave no answer, reasoning behind that program was right on
33%, and from the task alone on 59%, for fewer tokens. So routes are fresh: while nothing has been answered, a block
starts from the task and from what prepares for it, a plan say; once something has been answered, a block that is to
check it starts from the task alone, so that its agreement is evidence.

Two blocks read an attempt on purpose: `reason` goes on with its own text where a token limit cut it, and `reflect`
repairs the last step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pilotage.agent.state import State
from pilotage.agent.trace import Step

ROUTES = "fresh"
"""What a bank's header says of the blocks that recorded it. Banks of before say nothing."""


def preparations(state: State) -> tuple[Step, ...]:
    """The steps that a route reads though it starts from the task.

    What memory recalled on the way belongs to the task's opening, always. A plan is read until something is answered:
    two routes on one plan would agree for the plan's sake.
    """
    told = (step for step in state.trace.steps if step.text or step.result or step.turns)
    return tuple(step for step in told if step.hints or (step.prepares and not state.candidates))


def is_apart(state: State) -> bool:
    """Whether a route from here is independent: there were attempts before it, and it reads none of them."""
    return any(not step.prepares for step in state.trace.steps)


def thread(state: State) -> tuple[Step, ...]:
    """What a block reads that goes on with the last step: what prepares, what answered, and that step's attempt.

    The attempt is read from its start, whether it came to anything or not. Where the last step prepares, it is no
    attempt that is gone on with, and none that failed is read.
    """
    steps = state.trace.steps
    attempts = [place for place, step in enumerate(steps) if not step.prepares]
    start = next((place for place in reversed(attempts) if steps[place].independent or place == attempts[0]), 0)
    if not steps or steps[-1].prepares:
        start = len(steps)
    return tuple(
        step for place, step in enumerate(steps) if step.prepares or step.candidate is not None or place >= start
    )


def is_unfinished(state: State, block: str) -> bool:
    """Whether the last step is this block's, and a token limit cut it before it reached an answer."""
    last = state.last
    return last is not None and last.block == block and last.candidate is None and last.cut


def was_asked(state: State, asks: Callable[[Step], bool]) -> bool:
    """Whether a route would ask what an earlier one did: nothing that it reads has changed since.

    Args:
        state: the run so far.
        asks: tells the steps that asked the same thing.
    """
    steps, now = state.trace.steps, preparations(state)
    return any(asks(step) and preparations(_before(state, place)) == now for place, step in enumerate(steps))


def _before(state: State, place: int) -> State:
    return replace(state, trace=state.trace.model_copy(update={"steps": state.trace.steps[:place]}))
