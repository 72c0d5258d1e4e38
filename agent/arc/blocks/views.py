"""Views: outputs written down from other views of a puzzle, which are undone before anything is compared.

A rule survives that a puzzle is turned, has other colours, and shows its pairs in another order; what a model takes
from the place or the colour of a cell does not. So views that agree are evidence, where repeats of one prompt are
little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pilotage.agent.arc.augment import Augmentation
from pilotage.agent.arc.blocks.look import SEEN, Look
from pilotage.agent.arc.blocks.steps import drawn, room
from pilotage.agent.arc.blocks.voting import ballots_of, elected
from pilotage.agent.arc.facts import facts
from pilotage.agent.arc.puzzle import Puzzle
from pilotage.agent.arc.tasks import encoding_of, outputs_in, puzzle_of, task_of, written
from pilotage.agent.blocks.base import CutShort
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.drawing import as_draw, prompt_tokens, side_by_side
from pilotage.agent.trace import Draw, Evidence, Step


def seen_from(view: Augmentation, state: State) -> State:
    """The run as a call about another view may know it: what was counted is counted there, and a plan is left out."""
    puzzle = view.of_puzzle(puzzle_of(state.task))
    steps = [
        step.model_copy(update={"result": SEEN.format(facts=facts(puzzle))}) if step.block == Look.name else step
        for step in state.trace.steps
        if step.block == Look.name or step.hints or not step.prepares
    ]
    task = task_of(puzzle, encoding=encoding_of(state.task))
    return replace(state, task=task, trace=state.trace.model_copy(update={"steps": tuple(steps)}))


async def drawn_from(view: Augmentation, block: str, state: State, kit: Kit, asked: str, **how: Any) -> Step:
    """One call that writes the outputs down from a view. Of another one later blocks read nothing but the outputs."""
    if not view.name:
        return await drawn(block, state, kit, asked, **how)
    step = await drawn(block, seen_from(view, state), kit, asked, **{**how, "independent": True})
    candidate = None
    if step.candidate is not None:
        candidate = written(tuple(map(view.undone, outputs_in(step.candidate))))
    draw = Draw(candidate=candidate, mean_logprob=step.mean_logprob, usage=step.usage, view=view.name)
    return step.model_copy(update={"turns": (), "candidate": candidate, "draws": (draw,)})


async def drawn_from_each(
    views: Sequence[Augmentation], block: str, state: State, kit: Kit, asked: str, **how: Any
) -> Step:
    """A call for each view, side by side as far as the budget has room; the outputs with most votes are the candidate.

    A reply that cannot be read abstains.

    Raises:
        CutShort: with the step, where a limit of the budget refused further calls.
        BudgetExceeded: it refused all of them.
        BadReply: none had a usable reply.
    """
    puzzle = puzzle_of(state.task)

    async def one(own: Kit, number: int) -> Step:
        return await drawn_from(views[number], block, state, own, asked, **how)

    room_for = {"prompt_tokens": prompt_tokens(state, asked), "completion_tokens": room(puzzle)}
    came = await side_by_side(block, kit, one, range(len(views)), **room_for)
    came.require_any()
    draws = tuple(
        as_draw(step).model_copy(update={"view": views[number].name})
        for number, step in zip(came.numbers, came.steps, strict=True)
    )
    shown = next((step for step in came.steps if step.candidate is not None), came.steps[0])
    read = sum(draw.candidate is not None for draw in draws)
    candidate = _elected(draws, puzzle) if read else None
    step = shown.model_copy(
        update={
            "candidate": candidate,
            "independent": how.get("independent", False),
            "evidence": Evidence(note=f"{read} of {len(views)} views were read"),
            "routes": max(1, sum(read and draw.candidate == candidate for draw in draws)),
            "draws": draws,
            "usage": kit.usage,
        }
    )
    if came.limit is not None:
        raise CutShort(came.limit, step)
    return step


def _elected(draws: tuple[Draw, ...], puzzle: Puzzle) -> str:
    """The outputs that most views vote for, test by test."""
    ballots = ballots_of([Step(block="", draws=draws)], len(puzzle.tests))
    return written(tuple(outputs[0] for outputs in elected(ballots, puzzle)))
