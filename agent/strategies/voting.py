"""Voting: who leads among the answers of several draws, and whether more draws could change that."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from math import comb
from random import Random

from pilotage.agent.answers import normal_form
from pilotage.agent.kit import Kit
from pilotage.agent.state import Candidate, State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Drawn, answer_of, answers_of, chosen
from pilotage.agent.strategies.scorers import flat, known
from pilotage.agent.trace import Step

Votes = Mapping[str, float]
"""Weight of each answer, by its normal form."""


def votes(state: State, steps: Sequence[Step], weights: Sequence[float] | None = None) -> dict[str, float]:
    """The sum of its draws' weights for each answer, one each by default; what abstained has no vote."""
    kind, choices = state.task.kind, state.task.choices
    cast: dict[str, float] = {}
    for place, step in enumerate(steps):
        if step.candidate is not None:
            form = normal_form(kind, step.candidate, choices)
            cast[form] = cast.get(form, 0.0) + (1.0 if weights is None else weights[place])
    return cast


def elected(state: State, steps: Sequence[Step], cast: Votes, chance: Random) -> Candidate | None:
    """The answer with most votes, of equals one that is drawn; None where every draw abstained."""
    kind, choices = state.task.kind, state.task.choices
    most = max(cast.values(), default=0.0)
    first = [a for a in answers_of(state, steps) if cast[normal_form(kind, a.text, choices)] == most]
    return chance.choice(first) if first else None


def by_vote(
    strategy: Strategy,
    state: State,
    kit: Kit,
    drawn: Drawn,
    scores: Sequence[float | None] | None = None,
    *,
    note: str = "",
) -> Step:
    """The step of a strategy whose draws vote: each with one vote, or with its score.

    Scores that hardly differ are noise, and all votes count the same then.

    Args:
        strategy: whose draws they are.
        state: the run so far.
        kit: that paid.
        drawn: the draws.
        scores: of each draw, 0 to 1.
        note: what else the reader of the trace should know.
    """
    steps = drawn.steps
    weighs = scores is not None and not flat(scores)
    cast = votes(state, steps, known(steps, scores) if scores is not None and weighs else None)
    answer = elected(state, steps, cast, strategy.chance(state, kit))
    told = [f"{answer.routes if answer else 0} of {len(steps)} draws agree"]
    if failed := sum(bool(step.error) for step in steps):
        told[0] += f", {failed} failed"
    if silent := sum(step.candidate is None for step in steps) - failed:
        told[0] += f", {silent} without an answer"
    if scores is not None and not weighs:
        told.append("their scores hardly differ, so each has one vote")
    return chosen(strategy.name, kit, drawn, answer, "; ".join([*told, *filter(None, [note])]), scores)


def best_scored(steps: Sequence[Step], scores: Sequence[float | None], chance: Random) -> int | None:
    """Place of the draw with the highest score, of equals one that is drawn; None where every draw abstained.

    Draws whose scores hardly differ are equals.
    """
    ranked = known(steps, scores)
    answered = [place for place, step in enumerate(steps) if step.candidate is not None]
    highest = max((ranked[place] for place in answered), default=0.0)
    first = [place for place in answered if flat(scores) or ranked[place] == highest]
    return chance.choice(first) if first else None


def by_score(
    strategy: Strategy, state: State, kit: Kit, drawn: Drawn, scores: Sequence[float | None], scorer: str
) -> Step:
    """The step of a strategy that takes the draw that a scorer puts highest, or the vote where scores hardly differ."""
    steps = drawn.steps
    if flat(scores) and any(step.candidate is not None for step in steps):
        return by_vote(strategy, state, kit, drawn, scores)
    place = best_scored(steps, scores, strategy.chance(state, kit))
    if place is None:
        return chosen(strategy.name, kit, drawn, None, f"none of {len(steps)} draws came to an answer", scores)
    note = f"draw {place + 1} of {len(steps)} has the highest score of {scorer}, {known(steps, scores)[place]:.2f}"
    return chosen(strategy.name, kit, drawn, answer_of(state, steps, steps[place]), note, scores, steps[place])


def chance_to_stay(counts: Sequence[int]) -> float:
    """Probability that the leader of a vote leads the next one at last, under a uniform prior over their shares.

    1 - I_½(a + 1, b + 1) for a votes against b (Adaptive-Consistency, Aggarwal et al. 2023, equation 2): 3 to 0 gives
    .9375, 4 to 0 .969. For whole numbers the incomplete beta function is a binomial sum, which is exact.

    Args:
        counts: votes of each answer.
    """
    first, second = (*sorted(counts, reverse=True), 0, 0)[:2]
    tosses = first + second + 1
    ways, lost = comb(tosses, first + 1), 0
    for heads in range(first + 1, tosses + 1):
        lost += ways
        ways = ways * (tosses - heads) // (heads + 1)
    return 1.0 - lost / (1 << tosses)  # of whole numbers, which no float need hold


def draws_until_settled(counts: Sequence[int], threshold: float) -> int:
    """The fewest further draws after which the leader could be surer than a threshold; 0 where it is already.

    They may be drawn side by side: one after another would not have needed fewer.
    """
    first, *others = sorted(counts, reverse=True) or [0]

    def settled(more: int) -> bool:
        return chance_to_stay([first + more, *others]) > threshold

    enough = range(8)
    while not settled(len(enough)):
        enough = range(2 * len(enough))
    return bisect_left(enough, True, key=settled)  # the more they are, the surer it is
