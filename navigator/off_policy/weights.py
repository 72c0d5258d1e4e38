"""Importance weights: how much more likely the target policy was to make each logged run than the one that made it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pilotage.navigator.errors import LogError
from pilotage.navigator.off_policy.log import Float64s, Log


@dataclass(frozen=True)
class Weights:
    """Weights of n runs of at most T decisions.

    Attributes:
        log: the runs; their probabilities must be known.
        target: how probable the target policy is to take each action, shape (N, a).

    Raises:
        LogError: the probabilities of the runs are not known, or those of the target do not fit them.
    """

    log: Log
    target: Float64s

    def __post_init__(self) -> None:
        if self.target.shape != self.log.probabilities.shape:
            raise LogError(f"the target's probabilities have shape {self.target.shape}, not {self.log.legal.shape}")
        if (self.target[~self.log.legal] > 0).any() or not np.allclose(self.target.sum(axis=1), 1, atol=1e-6):
            raise LogError("the target's probabilities must sum to 1 over legal actions at every decision")

    @cached_property
    def so_far(self) -> Float64s:
        """Product of the ratios up to and including each decision, (n, T); a run that has ended keeps its last."""
        rows = np.arange(len(self.log.taken))
        ratios = self.target[rows, self.log.taken] / self.log.probabilities[rows, self.log.taken]
        return np.cumprod(self.log.grid(ratios, fill=1.0), axis=1, dtype=np.float64)

    @cached_property
    def before(self) -> Float64s:
        """Product of the ratios before each decision, (n, T)."""
        return np.column_stack([np.ones(len(self.log)), self.so_far[:, :-1]])

    @property
    def whole(self) -> Float64s:
        """Weight of each run, (n,): 0 where the target would never have made it, 1 on average."""
        return np.asarray(self.so_far[:, -1])

    @property
    def shared(self) -> Float64s:
        """Weight of each run times its share, (n,): what it counts for."""
        return self.whole * self.log.share

    @property
    def effective_sample_size(self) -> float:
        """Kish's: so many equally weighted runs would vary as much; 0 where no run agrees with the target."""
        squares = float((self.shared**2).sum())
        return float(self.shared.sum()) ** 2 / squares if squares else 0.0

    @property
    def largest_share(self) -> float:
        """Share of the whole weight that the heaviest run has."""
        total = float(self.shared.sum())
        return float(self.shared.max()) / total if total else 0.0

    @property
    def agreeing(self) -> int:
        """Number of runs that the target could have made."""
        return int((self.whole > 0).sum())

    @cached_property
    def _outside(self) -> Float64s:
        """How likely the target is to be at each decision and do there what was never done, by action; (N, a)."""
        lost = np.where(self.log.probabilities > 0, 0.0, self.target)
        reached = self.before[self.log.episode, self.log.step] * self.log.share[self.log.episode]
        return np.multiply(lost, reached[:, None])

    @property
    def lost(self) -> float:
        """Share of the target's own runs that would at some point leave what could be logged, 0 to 1."""
        return min(1.0, float(self._outside.sum()))

    def left_by(self, most: int = 3) -> list[str]:
        """The actions by which they leave it, those that matter most first, as 'verify after program'."""
        features, names = self.log.observations, self.log.actions.names
        last = {place: name.removeprefix("last_") for place, name in enumerate(features.names) if name[:5] == "last_"}
        mass: Counter[str] = Counter()
        for row, action in zip(*np.nonzero(self._outside), strict=True):
            behind = [name for place, name in last.items() if self.log.features[row, place] > 0]
            where = f" after {behind[0]}" if behind else " at the start" if self.log.step[row] == 0 else ""
            mass[names[action] + where] += float(self._outside[row, action])  # type: ignore[assignment]
        return [name for name, _ in mass.most_common(most)]
