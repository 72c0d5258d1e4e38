"""ActionSpec and ObservationSpec: ordered names, bounds and a schema hash. Numbers in, an action out.

Both are the contract between whoever describes a situation (an agent, a recorded bank) and whoever decides (a
policy). A policy file stores their hashes and refuses a spec that differs, so that a feature never silently changes
its meaning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, StrictFloat, StrictInt, ValidationError

from pilotage.navigator.errors import SpecMismatch

Observation = NDArray[np.float32]
ActionMask = NDArray[np.bool_]
_Bound = Annotated[StrictInt | StrictFloat, Field(gt=-1e30, lt=1e30)]  # a float32 goes to 3e38


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def decimals(observation: Iterable[float]) -> list[float]:
    """An observation as the shortest decimals that give the same float32, for files that people read."""
    return [float(str(np.float32(value))) for value in observation]


def _require_unique(kind: str, names: tuple[str, ...]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpecMismatch(f"{kind} names must be unique; {', '.join(twice)} occurs more than once")


@dataclass(frozen=True)
class ActionSpec:
    """The ordered action list. An action is an index into `names`.

    Args:
        names: block names in registry order.
        terminal: the one action that ends an episode; it is legal in every state.
    """

    names: tuple[str, ...]
    terminal: str = "answer"

    def __post_init__(self) -> None:
        _require_unique("action", self.names)
        if self.terminal not in self.names:
            raise SpecMismatch(f"the terminal action {self.terminal!r} is not among {', '.join(self.names)}")

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Index of an action; raises SpecMismatch for an unknown name."""
        try:
            return self.names.index(name)
        except ValueError:
            raise SpecMismatch(f"unknown action {name!r}; choose from {', '.join(self.names)}") from None

    def mask(self, legal: Iterable[str]) -> ActionMask:
        """Boolean mask of shape (len(self),), true where the action is legal. The terminal action always is."""
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[[self.index(name) for name in (*legal, self.terminal)]] = True
        return mask

    def check(self, mask: ActionMask) -> ActionMask:
        """The mask itself; raises SpecMismatch where its shape is wrong or it allows nothing."""
        if mask.shape != (len(self),):
            raise SpecMismatch(f"the mask has shape {mask.shape}, the spec {(len(self),)}")
        if not mask.any():
            raise SpecMismatch("the mask allows no action; the terminal one is always legal")
        return mask

    @cached_property
    def schema_hash(self) -> str:
        """Changes whenever a name, its place, or the terminal action changes."""
        return _hash([self.names, self.terminal])


@dataclass(frozen=True)
class Feature:
    """One named, bounded number of an observation, in natural units (`low` to `high`, both reachable)."""

    name: str
    low: _Bound
    high: _Bound
    about: str = ""


@dataclass(frozen=True)
class ObservationSpec:
    """The ordered features of an observation: a float32 vector of shape (len(self),)."""

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        _require_unique("feature", self.names)
        for feature in self.features:
            if not feature.low < feature.high:
                raise SpecMismatch(f"feature {feature.name!r}: low {feature.low} must be below high {feature.high}")

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Feature names in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    @cached_property
    def low(self) -> Observation:
        """Lower bounds, shape (len(self),)."""
        return np.array([feature.low for feature in self.features], dtype=np.float32)

    @cached_property
    def high(self) -> Observation:
        """Upper bounds, shape (len(self),)."""
        return np.array([feature.high for feature in self.features], dtype=np.float32)

    def vector(self, values: Mapping[str, float]) -> Observation:
        """Named values as a vector, clipped to the bounds; raises SpecMismatch where one is missing, unknown or NaN."""
        if values.keys() != self._places.keys():
            missing, unknown = self._places.keys() - values.keys(), values.keys() - self._places.keys()
            raise SpecMismatch(f"features missing: {sorted(missing)}, unknown: {sorted(unknown)}")
        vector = np.array([values[name] for name in self.names], dtype=np.float32)
        if np.isnan(vector).any():
            raise SpecMismatch(f"features are NaN: {[n for n, v in zip(self.names, vector, strict=True) if v != v]}")
        clipped: Observation = np.clip(vector, self.low, self.high)
        return clipped

    def value(self, observation: Observation, name: str) -> float:
        """One feature of an observation by name."""
        try:
            return float(observation[self._places[name]])
        except KeyError:
            raise SpecMismatch(f"unknown feature {name!r}") from None

    def check(self, observation: Observation) -> Observation:
        """The observation itself; raises SpecMismatch where its shape is wrong or a value is not finite."""
        if observation.shape != (len(self),):
            raise SpecMismatch(f"the observation has shape {observation.shape}, the spec {(len(self),)}")
        if not np.isfinite(observation).all():
            raise SpecMismatch(
                f"the observation is not finite: {dict(zip(self.names, observation.tolist(), strict=True))}"
            )
        return observation

    @cached_property
    def schema_hash(self) -> str:
        """Changes whenever a name, its place, or a bound changes."""
        return _hash([(f.name, f.low, f.high) for f in self.features])

    def to_json(self) -> list[dict[str, Any]]:
        """Plain data, for file headers."""
        return [{"name": f.name, "low": f.low, "high": f.high} for f in self.features]


class SpecsFile(BaseModel):
    """Both specs as the header of a file holds them, with the hashes that they had when it was written."""

    actions: list[str]
    terminal: str
    features: list[Feature]
    actions_hash: str

    def specs(self) -> tuple[ActionSpec, ObservationSpec]:
        """Both; raises SpecMismatch where they cannot be."""
        return ActionSpec(tuple(self.actions), self.terminal), ObservationSpec(tuple(self.features))


def first_fault(error: ValidationError, what: str = "it") -> str:
    """The first thing that is wrong in `what` a file holds, as a clause."""
    faults = error.errors(include_url=False)
    if missing := sorted(str(one["loc"][-1]) for one in faults if one["type"] == "missing"):
        return f"{what} has no {missing[0]!r}"
    fault, name, given = faults[0], next(iter(faults[0]["loc"]), "content"), str(faults[0]["input"])[:60]
    if fault["type"] == "unexpected_keyword_argument":
        return f"{what} has an unknown field {name!r}"
    whose = "its" if what == "it" else f"{what}'s"
    if fault["type"] == "value_error":
        return f"{whose} {name} {fault['ctx']['error']}"
    return f"{whose} {name} is of the wrong type: {given!r}"
