"""Study: whether a second route, or a hint, is paid for by what it may bring; a budget holds down what is uncertain.

A run that has an answer may go on to another route, and so may learn what the first was worth and leave a concept for
later tasks; a run may be shown concepts that have not shown their worth yet. Both cost tokens, and often bring nothing.
What they bring on tasks like this one is estimated from earlier runs, with its standard error. Where even the lower
end is worth the price, it is done. Where only the upper end is, it is explored (optimism in the face of uncertainty, as
in Bayes-UCB, Kaufmann et al. 2012), as long as all that exploring took is within a share of what the same runs took
without it: what is uncertain is held down by that share, whatever the estimates say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pilotage.agent.experience.attempts import is_proven
from pilotage.agent.trace import Recalled
from pilotage.common.tokens import estimate_tokens
from pilotage.navigator.experience.estimates import Float64s

if TYPE_CHECKING:
    from pilotage.agent.experience.facts import Near
    from pilotage.agent.experience.index import ExperienceIndex

SHARE = 0.2
"""Most that exploring takes, as a share of the tokens that the same runs take without it."""
GRANT = 4.0
"""Thousands of tokens that it may take besides: a memory that knows nothing has to begin with something."""
COST_WEIGHT = 0.1
"""What a thousand tokens are worth, in right answers."""
USUAL = 0.5
"""Thousands of tokens of a study before any is known."""
SURE = 2.0
"""Standard errors below the mean at which something counts as sure."""
MOST_REUSED = 10.0
"""Most like tasks that a concept is expected to be of use to."""
WRITING = 0.3
"""Thousands of tokens that writing a concept takes, as is foreseen."""
PROMPTS = 2
"""In which a hint stands, as is foreseen."""


@dataclass(frozen=True)
class Rate:
    """A rate as it is known: the mean and the standard deviation of its Beta posterior.

    Attributes:
        mean: 0 to 1.
        error: its standard deviation.
    """

    mean: float
    error: float

    @property
    def upper(self) -> float:
        """What it may well be."""
        return min(self.mean + self.error, 1.0)

    @property
    def lower(self) -> float:
        """What it is hardly below: what nothing but the prior speaks for is not."""
        return max(self.mean - SURE * self.error, 0.0)


@dataclass(frozen=True)
class Bounds:
    """What something is worth at least (by `SURE` standard errors) and at most (by one), in right answers."""

    least: float
    most: float


@dataclass(frozen=True)
class Prospects:
    """What studying brings on tasks like one.

    Attributes:
        corrected: how often a second route corrects the first answer.
        settled: how often it settles which answer is right, so that something can be learnt.
        wrong: how often the first answer is wrong, without a hint.
        hinted_wrong: how often it is, with one.
        like: how many like tasks are to be expected: as many as there were.
    """

    corrected: Rate
    settled: Rate
    wrong: Rate
    hinted_wrong: Rate
    like: float

    @property
    def of_a_hint(self) -> Bounds:
        """Right answers that a hint is worth to one task."""
        gain = self.wrong.mean - self.hinted_wrong.mean
        error = float(np.hypot(self.wrong.error, self.hinted_wrong.error))
        return Bounds(gain - SURE * error, min(gain + error, self.wrong.upper))

    @property
    def of_a_route(self) -> Bounds:
        """Right answers that a second route is worth: this one's, and those of like tasks that learn from it."""
        hint, like = self.of_a_hint, min(self.like, MOST_REUSED)
        return Bounds(
            self.corrected.lower + self.settled.lower * max(hint.least, 0.0) * like,
            self.corrected.upper + self.settled.upper * max(hint.most, 0.0) * like,
        )


def prospects(near: Near) -> Prospects:
    """What earlier runs tell of studying, near ones counting more."""
    runs, weights = near.runs, near.weights
    settled = np.where(runs.studied, runs.settled, np.nan)
    wrong, nothing = 1.0 - runs.score, np.full(len(weights), np.nan)
    return Prospects(
        corrected=_rate(weights, np.where(runs.studied, runs.corrected, np.nan), 1.0, 3.0),
        settled=_rate(weights, settled, 1.0, 1.0),
        wrong=_rate(weights, np.where(runs.hinted, nothing, wrong), 2.0, 2.0),
        hinted_wrong=_rate(weights, np.where(runs.hinted, wrong, nothing), 2.0, 2.0),
        like=float(weights.sum()),
    )


class Study:
    """Decides whether to study, by the experience of one namespace.

    Args:
        index: the experience.
        share: most that exploring takes of the tokens of the runs.
        grant: thousands of tokens besides.
        cost_weight: what a thousand tokens are worth, in right answers.
        of_routes: whether it decides on second routes too. A policy that takes them of itself is no exploring of this
            one, which then counts what hints took alone.
    """

    def __init__(
        self,
        index: ExperienceIndex,
        *,
        share: float = SHARE,
        grant: float = GRANT,
        cost_weight: float = COST_WEIGHT,
        of_routes: bool = True,
    ) -> None:
        self._index, self.of_routes = index, of_routes
        self._share, self._grant, self._cost_weight = share, grant, cost_weight

    def of_hints(self) -> Study:
        """The same for hints alone."""
        share, grant, weight = self._share, self._grant, self._cost_weight
        return Study(self._index, share=share, grant=grant, cost_weight=weight, of_routes=False)

    def asks_another_route(self, prompt: str, run: str) -> bool:
        """Whether a run that has an answer goes on to another route; what it is going to take is counted at once."""
        near = self._index.near(prompt)
        studied = near.weights * near.runs.studied
        price = float((USUAL + studied @ near.runs.studying) / (1.0 + studied.sum()))
        goes_on = self._is_worth(prospects(near).of_a_route, price)
        if goes_on:
            self._index.reserve(run, price)
        return goes_on

    def writes(self, run: str) -> bool:
        """Whether what a run taught is written down: that was foreseen where it explored; else while there is room."""
        return not self.of_routes or self._index.is_reserved(run) or self.has_room_to_write()

    def has_room_to_write(self) -> bool:
        """Whether what writing a concept takes may still be explored with."""
        spent = self._index.spent
        return spent.studying + WRITING <= self._share * (spent.cost - spent.studying) + self._grant

    def shows(self, prompt: str, recalled: Recalled) -> bool:
        """Whether a run is shown what memory recalled: always where it has shown its worth."""
        if is_proven(recalled.hints):
            return True
        price = PROMPTS * estimate_tokens(recalled.text) / 1000
        return self._is_worth(prospects(self._index.near(prompt)).of_a_hint, price)

    def _is_worth(self, worth: Bounds, price: float) -> bool:
        """By thousands of tokens that it takes."""
        if worth.least > self._cost_weight * price:
            return True
        spent = self._index.spent
        exploring = spent.studying if self.of_routes else spent.hinting
        usual = spent.cost - exploring
        return worth.most > self._cost_weight * price and exploring + price <= self._share * usual + self._grant


def _rate(weights: Float64s, values: Float64s, successes: float, failures: float) -> Rate:
    """A rate from what is known of it (NaN: nothing), and as many successes and failures before."""
    known = np.isfinite(values)
    near = weights[known]
    right = float(near @ values[known])
    above, below = successes + right, failures + float(near.sum()) - right
    total = above + below
    return Rate(above / total, float(np.sqrt(above * below / (total**2 * (total + 1)))))
