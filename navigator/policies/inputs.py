"""What a trained policy does with its inputs: scaling, the weight of cost against success, and where it has been.

All three are stored in the policy file, so that a policy reads an observation in natural units.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pilotage.navigator.errors import PolicyError
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec

Float32s = NDArray[np.float32]

LIMIT = 3.0
"""Scaled inputs are clipped to this many deviations, so that a rare extreme does not drown the rest."""

COUNTS = "count_"
"""Prefix of the features that count how often a block was run."""


def count_places(spec: ObservationSpec) -> list[int]:
    """Places of those features."""
    return [place for place, name in enumerate(spec.names) if name.startswith(COUNTS)]


LARGEST_INPUT = 1e15
"""Bound on what a scaling or a recorded state may hold, so that what comes of it, and its square, is a float32."""


@dataclass(frozen=True)
class Scaling:
    """Observation to network input: `clip((x - shift) * scale, low, high)`; every array has shape (features,).

    A feature's lower bound often stands for 'unknown' (a log-probability of -20). Mean and deviation are therefore
    taken over the values above it, and the clip keeps the bound itself apart but near. Without data the bounds are
    mapped to -1 and 1.
    """

    shift: Float32s
    scale: Float32s
    low: Float32s
    high: Float32s

    @classmethod
    def none(cls, spec: ObservationSpec) -> Self:
        """Leaves the features as they are; their bounds must be within `LIMIT`."""
        return cls._of(spec, np.zeros_like(spec.low), np.ones_like(spec.low))

    @classmethod
    def from_data(cls, spec: ObservationSpec, observations: Float32s) -> Self:
        """Standardises by observations of shape (n, features); features that vary little keep their bounds.

        A feature that never varied is held at its value: what a network makes of another one was never trained.
        """
        shift, scale = (spec.low + spec.high) / 2, 2 / (spec.high - spec.low)
        for place in range(len(spec)):
            values = observations[:, place]
            known = values[values > spec.low[place]].astype(np.float64)
            if len(known) >= 2 and known.std() > 1e-3 * (spec.high[place] - spec.low[place]):
                shift[place], scale[place] = known.mean(), 1 / known.std()
        scaling = cls._of(spec, shift, scale)
        held = (observations == observations[:1]).all(axis=0)
        for bound in (scaling.low, scaling.high):
            bound[held] = ((observations[0] - scaling.shift) * scaling.scale)[held]
        return scaling

    @classmethod
    def _of(cls, spec: ObservationSpec, shift: Any, scale: Any) -> Self:
        low = np.maximum((spec.low - shift) * scale, -LIMIT)
        high = np.minimum((spec.high - shift) * scale, LIMIT)
        return cls(*(np.ascontiguousarray(array, dtype=np.float32) for array in (shift, scale, low, high)))

    @property
    def tensors(self) -> dict[str, Float32s]:
        """As a policy file holds it."""
        return {f"input.{name}": array for name, array in vars(self).items()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Float32s]) -> Self:
        """What `tensors` gave; raises KeyError where one is missing."""
        return cls(*(tensors[f"input.{f.name}"] for f in fields(cls)))

    def fits(self, features: int) -> bool:
        """Whether it is for so many features, all of it can be computed with, and nothing is scaled by 0 or less."""
        arrays = (self.shift, self.scale, self.low, self.high)
        if not all(array.shape == (features,) and (np.abs(array) < LARGEST_INPUT).all() for array in arrays):  # or NaN
            return False
        return bool((self.scale > 1 / LARGEST_INPUT).all() and (self.low <= self.high).all())

    @property
    def held(self) -> dict[int, float]:
        """Places of the features that never varied in training, and the values they had."""
        places = np.flatnonzero(self.low == self.high)
        return {int(place): float(self.low[place] / self.scale[place] + self.shift[place]) for place in places}

    def __call__(self, observations: Float32s) -> Float32s:
        """Scaled observations, of the same shape (..., features). A NaN stays one."""
        scaled: Float32s = (observations - self.shift) * self.scale
        np.maximum(scaled, self.low, out=scaled)
        return np.minimum(scaled, self.high, out=scaled)


EFFORTS: Mapping[str, float] = {"low": 0.2, "medium": 0.5, "high": 0.8}
"""What the words mean."""


@dataclass(frozen=True)
class CostWeighting:
    """Cost weights as one number between 0 and 1, logarithmic above `half`.

    An effort of 1 asks for right answers whatever they cost (a cost weight of 0); an effort of 0 for the cost weight
    `top`, at which a thousand tokens are worth `top` right answers. The network's extra input is 1 - effort.
    """

    half: float = 0.02
    top: float = 1.0

    def weight(self, effort: float) -> float:
        """Cost weight of an effort between 0 and 1."""
        return self.half * (math.pow(1 + self.top / self.half, 1 - effort) - 1)

    def effort(self, weight: float) -> float:
        """Effort of a cost weight; weights above `top` count as `top`."""
        return 1 - min(1.0, math.log1p(weight / self.half) / math.log1p(self.top / self.half))

    @staticmethod
    def parse(effort: str | float) -> float:
        """`low`, `medium`, `high`, or a number from 0 to 1; raises PolicyError for anything else."""
        try:
            value = EFFORTS[effort] if isinstance(effort, str) and effort in EFFORTS else float(effort)
        except ValueError:
            value = math.nan
        if not 0 <= value <= 1:
            raise PolicyError(f"an effort is low, medium, high, or a number from 0 to 1, not {effort!r}")
        return value

    def to_json(self) -> dict[str, float]:
        """Plain data."""
        return {"half": self.half, "top": self.top}


class ActionSupport:
    """Which actions the training data had tried, by the blocks run so far.

    A bank holds the sequences that were recorded; what a network says about others was never corrected by a result. So
    a policy chooses, after the same blocks in any order, among the actions that were tried there on enough tasks; where
    no task has been, it takes the terminal action.

    Args:
        observations: spec with `count_<block>` features.
        actions: the action list.
        tried: for counts of blocks (one a `count_` feature, in order), the actions that were tried.
    """

    def __init__(
        self, observations: ObservationSpec, actions: ActionSpec, tried: Mapping[tuple[int, ...], Iterable[int]]
    ) -> None:
        places = count_places(observations)
        self.tried = {counts: tuple(sorted(set(indices))) for counts, indices in sorted(tried.items())}
        if any(len(counts) != len(places) for counts in self.tried):
            raise PolicyError(f"the tried sequences do not fit the {len(places)} {COUNTS}* features: train anew")
        consecutive = bool(places) and places == list(range(places[0], places[-1] + 1))
        self._places: Any = slice(places[0], places[-1] + 1) if consecutive else places
        self._elsewhere, self._terminal = actions.mask(()), (actions.index(actions.terminal),)
        self._masks: dict[bytes, ActionMask] = {}
        for counts, indices in self.tried.items():
            mask = actions.mask(())
            mask[list(indices)] = True
            self._masks[np.array(counts, dtype=np.float32).tobytes()] = mask
        self._actions = {key: tuple(np.flatnonzero(mask).tolist()) for key, mask in self._masks.items()}

    def mask(self, observation: Observation) -> ActionMask:
        """Tried actions, shape (actions,), for an observation of shape (features,); the terminal one is among them."""
        return self._masks.get(observation[self._places].tobytes(), self._elsewhere)

    def actions(self, observation: Observation) -> tuple[int, ...]:
        """The same as indices in order, which is quicker for one decision."""
        return self._actions.get(observation[self._places].tobytes(), self._terminal)

    def masks(self, observations: Float32s) -> NDArray[np.bool_]:
        """The same for observations of shape (n, features): shape (n, actions)."""
        return np.array([self.mask(row) for row in observations.astype(np.float32, copy=False)], dtype=np.bool_)

    def to_json(self) -> list[list[list[int]]]:
        """Plain data: pairs of counts and actions."""
        return [[list(counts), list(indices)] for counts, indices in self.tried.items()]
