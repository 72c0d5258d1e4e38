"""Drawing: several draws of one route side by side, within the budget, and the step that they come to.

A draw is a step that starts from the task alone, by reasoning or by a program, at a temperature; its number decides
what a sampling backend gives, so that the same seed gives the same draws. Whatever came to no answer abstains.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pilotage.agent.answers import normal_form
from pilotage.agent.blocks import program, reason
from pilotage.agent.blocks.base import CutShort
from pilotage.agent.blocks.steps import MAX_TOKENS, programmed, reasoned
from pilotage.agent.errors import BadReply, BudgetExceeded
from pilotage.agent.kit import Kit
from pilotage.agent.prompting import ANSWER_FORM, describe, system
from pilotage.agent.state import Candidate, State, candidates
from pilotage.agent.strategies.together import within_budget
from pilotage.agent.trace import Draw, Evidence, Step
from pilotage.common.text import one_line
from pilotage.common.tokens import estimate_tokens

Route = Literal["reason", "program"]

ERROR_CHARACTERS = 300


@dataclass(frozen=True)
class Drawn:
    """What draws came to.

    Attributes:
        steps: one for each draw that was paid for, in the order they were asked for.
        limit: of the budget, that refused more.
        unusable: replies that were none; their steps have no answer, and tell why.
        numbers: of the draws, as they were asked for: where a limit ended some, not those of the last ones alone.
    """

    steps: tuple[Step, ...] = ()
    limit: BudgetExceeded | None = None
    unusable: tuple[BadReply, ...] = ()
    numbers: tuple[int, ...] = ()

    def __add__(self, more: Drawn) -> Drawn:
        return Drawn(
            (*self.steps, *more.steps),
            self.limit or more.limit,
            (*self.unusable, *more.unusable),
            (*self.numbers, *more.numbers),
        )

    def require_any(self) -> None:
        """Raises the limit, or the first bad reply, where no draw came to anything that can be used."""
        if self.unusable and len(self.unusable) == len(self.steps):
            raise self.unusable[0]
        if self.limit is not None and not self.steps:
            raise self.limit


def asked_for(state: State, route: Route) -> str:
    """The instruction of a draw: the route's block's own, so that a draw of a bank is one of a strategy too."""
    return program.instruction(state) if route == "program" else reason.PROMPT.format(form=ANSWER_FORM[state.task.kind])


async def draw(
    name: str,
    state: State,
    kit: Kit,
    numbers: Iterable[int],
    *,
    route: Route = "reason",
    temperature: float,
    greedy: Collection[int] = (),
    how: str = "",
) -> Drawn:
    """Draws a route side by side, once for each number.

    Args:
        name: of the strategy, for its steps.
        state: the run so far, of which a draw sees what its task was given by memory and nothing else.
        kit: pays.
        numbers: of the draws, from 1; a draw of a number is the same in every run of a seed.
        route: by which way.
        temperature: above 0, or all draws are one.
        greedy: numbers of draws at temperature 0 all the same.
        how: what is said before the route's instruction.
    """
    asked = "\n\n".join(filter(None, (how, asked_for(state, route))))
    by = programmed if route == "program" else reasoned

    async def one(own: Kit, number: int) -> Step:
        heat = 0.0 if number in greedy else temperature
        return await by(name, state, own, asked, independent=True, temperature=heat, sample=number)

    prompt = prompt_tokens(state, asked)
    return await side_by_side(name, kit, one, numbers, prompt_tokens=prompt, completion_tokens=MAX_TOKENS)


def prompt_tokens(state: State, asked: str) -> int:
    """Upper estimate of the tokens of a prompt from the task alone."""
    return estimate_tokens("\n".join([system(state.task), state.trace.recalled.text, describe(state.task), asked]))


async def side_by_side(
    name: str,
    kit: Kit,
    one: Callable[[Kit, int], Awaitable[Step]],
    numbers: Iterable[int],
    *,
    prompt_tokens: int,
    completion_tokens: int,
) -> Drawn:
    """Runs draws at the same time, see `within_budget`. One without a usable reply has no vote; its step tells why.

    Raises:
        ModelUnavailable: nobody answers; draws under way are given up, and what they cost counts.
    """
    kits: dict[int, Kit] = {}

    async def accounted(own: Kit, number: int) -> Step:
        kits[number] = own
        return await one(own, number)

    done = await within_budget(kit, accounted, ((number, prompt_tokens, completion_tokens) for number in numbers))
    failed = {number: _failed(name, bad, kits[number]) for number, bad in done.unusable.items()}
    steps = {**done.results, **failed}
    numbers = tuple(sorted(steps))
    return Drawn(tuple(steps[number] for number in numbers), done.limit, tuple(done.unusable.values()), numbers)


def _failed(name: str, bad: BadReply, kit: Kit) -> Step:
    evidence = Evidence(note=str(bad))
    return Step(block=name, independent=True, evidence=evidence, error=error_line(bad), usage=kit.usage)


def error_line(error: Exception) -> str:
    """What went wrong with a draw, as one short printable line."""
    return one_line(" ".join(str(error).split()))[:ERROR_CHARACTERS]


def as_draw(step: Step, score: float | None = None) -> Draw:
    """What the trace keeps of the step of a draw."""
    return Draw(
        candidate=step.candidate, score=score, mean_logprob=step.mean_logprob, usage=step.usage, error=step.error
    )


async def draw_one(name: str, kit: Kit, one: Callable[[Kit, int], Awaitable[Step]], number: int) -> Drawn:
    """A draw by itself, with whatever the budget has left."""
    return await side_by_side(name, kit, one, (number,), prompt_tokens=0, completion_tokens=0)


def answers_of(state: State, steps: Sequence[Step]) -> tuple[Candidate, ...]:
    """The distinct answers of draws, compared by the normal form of their kind of task; those that abstained have none.

    In the order in which they were first reached, which is nobody's preference.
    """
    kind, choices = state.task.kind, state.task.choices
    order = [normal_form(kind, step.candidate, choices) for step in steps if step.candidate is not None]
    found = candidates(state.task, steps)
    return tuple(sorted(found, key=lambda answer: order.index(normal_form(kind, answer.text, choices))))


def answer_of(state: State, steps: Sequence[Step], step: Step) -> Candidate | None:
    """The answer that one of several draws came to, with all draws that came to it."""
    return next((answer for answer in answers_of(state, steps) if step in answer.steps), None)


def chosen(
    name: str,
    kit: Kit,
    drawn: Drawn,
    answer: Candidate | None,
    note: str,
    scores: Sequence[float | None] | None = None,
    best: Step | None = None,
) -> Step:
    """The step of a strategy that drew several times and chose an answer.

    Its text, program and log-probabilities are those of one draw that reached the answer: `best`, or the likeliest.

    Raises:
        CutShort: with the step, where a limit of the budget refused further draws.
        BudgetExceeded: it refused all of them.
        BadReply: none had a usable reply.
    """
    drawn.require_any()
    steps = drawn.steps
    shown = best
    if shown is None:
        whole = [step for step in steps if not step.error] or steps
        shown = max(answer.steps if answer else whole[-1:], key=_likelihood)
    draws = tuple(as_draw(step, None if scores is None else scores[place]) for place, step in enumerate(steps))
    evidence = shown.evidence.model_copy(update={"note": note})
    step = shown.model_copy(
        update={
            "block": name,
            "candidate": None if answer is None else answer.text,
            "independent": True,
            "evidence": evidence,
            "routes": answer.routes if answer else 1,
            "draws": draws,
            "error": "",
            "usage": kit.usage,
        }
    )
    if drawn.limit is not None:
        raise CutShort(drawn.limit, step)
    return step


def _likelihood(step: Step) -> float:
    return float("-inf") if step.mean_logprob is None else step.mean_logprob
