"""Nearest neighbour: an action is worth what it was worth in the most similar recorded states.

A baseline that learned routers often only tie with. Values come from kernel-based fitted Q (Ormoneit and Sen 2002) over
the k nearest states; while fitting, a state's neighbours are those of other tasks, else it would know its own future.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np

from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.asked import tell
from pilotage.navigator.policies.inputs import Floats, Scaling, Support
from pilotage.navigator.policies.policy import Decision
from pilotage.navigator.policies.policy_file import Header, Tensors, read_policy, write_policy
from pilotage.navigator.policies.settings import cost_weight_of, neighbours_of, support_of
from pilotage.navigator.reward import LEAST_WEIGHT
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec
from pilotage.navigator.training.card import about, learned_from
from pilotage.navigator.training.plan import LEAST_SUPPORT
from pilotage.navigator.training.table import Table

SWEEPS = 16
_ROWS = 512
_LARGEST = 1e15
"""Bound on states and values, so that a distance and a mean of them is a float32."""


class NearestPolicy:
    """Takes the action whose k nearest recorded states value it most.

    Args:
        header: specs and training card; its settings hold `k`, `cost_weight` and `tried`.
        scaling: of the features.
        states: scaled recorded states, shape (n, features).
        values: value of each action there, NaN where it was not recorded; shape (n, actions).

    Raises:
        PolicyError: these do not fit each other.
    """

    def __init__(self, header: Header, scaling: Scaling, states: Floats, values: Floats) -> None:
        features, actions = len(header.observations), len(header.actions)
        fits = states.ndim == values.ndim == 2 and states.shape == (len(values), features) and len(states) > 0
        fits = fits and values.shape[1] == actions and bool((np.abs(states) < _LARGEST).all())
        fits = fits and not (np.abs(values) >= _LARGEST).any()  # what was not recorded is NaN
        fits = fits and all(getattr(scaling, n).shape == (features,) for n in ("shift", "scale", "low", "high"))
        if not fits or not scaling.is_sound:
            raise PolicyError("the policy's states do not fit its header: copy or train the policy anew")
        self.header, self.scaling, self.states, self.values = header, scaling, states, values
        self.k, self.cost_weight = neighbours_of(header.settings), cost_weight_of(header.settings)
        self.name = f"nearest:{self.k}"
        support = support_of(header)
        self.support = Support(header.observations, header.actions, {}) if support is None else support
        self._recorded = np.isfinite(values)

    @classmethod
    def fit(cls, bank: Bank, tasks: Iterable[str] | None = None, cost_weight: float = 0.1, k: int = 15) -> Self:
        """The policy of some tasks of a bank, of all by default.

        Raises:
            BankError: a task is unknown, or a file is damaged.
            PolicyError: k is below 1.
        """
        if k < 1:
            raise PolicyError(f"k is the number of neighbours, at least 1, not {k}")
        table = Table.of(bank, tasks)
        scaling = Scaling.from_data(bank.observations, table.observations)
        support = table.support(min(LEAST_SUPPORT, max(1, len(table.tasks) // 10)))
        allowed = (table.legal & support.masks(table.observations)) | table.recorded
        states = scaling(table.observations)
        settings = {"k": k, "cost_weight": cost_weight, "tried": support.to_json()}
        card = {"algorithm": "nearest", "bank": about(bank, table), **learned_from(bank, {"train": list(table.tasks)})}
        header = Header("nearest", "nearest", bank.actions, bank.observations, settings=settings, card=card)
        return cls(header, scaling, states, _values(table, states, allowed, cost_weight, k))

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """The legal, tried action with the greatest mean value nearby; raises SpecMismatch for a bad observation."""
        tell(self)
        self.header.observations.check(observation)
        legal = np.flatnonzero(mask & self.support.mask(observation))
        distances = ((self.states - self.scaling(observation)) ** 2).sum(axis=1)
        order = np.argsort(distances, kind="stable")
        values = np.full(len(mask), np.nan)
        for action in range(len(mask)):
            nearest = order[self._recorded[order, action]][: self.k]
            if len(nearest):
                values[action] = self.values[nearest, action].mean()
        known = np.where(np.isnan(values), -np.inf, values)
        best = int(legal[known[legal].argmax()])
        return Decision(best, f"worth {known[best]:.2f} in similar states", tuple(values.tolist()))

    def save(self, path: str | Path) -> None:
        """Writes the policy file."""
        tensors: Tensors = {f"input.{name}": getattr(self.scaling, name) for name in ("shift", "scale", "low", "high")}
        write_policy(Path(path), self.header, {**tensors, "states": self.states, "values": self.values})

    @classmethod
    def from_file(cls, header: Header, tensors: Tensors, path: Path) -> Self:
        """The policy of a file that was read; raises PolicyError where tensors are missing or do not fit."""
        try:
            scaling = Scaling(*(tensors[f"input.{name}"] for name in ("shift", "scale", "low", "high")))
            return cls(header, scaling, tensors["states"], tensors["values"])
        except KeyError as error:
            raise PolicyError(f"{path} has no {error}: copy or train the policy anew") from error

    @classmethod
    def load(cls, path: str | Path, actions: ActionSpec, observations: ObservationSpec) -> Self:
        """The policy in a file; raises PolicyError or SpecMismatch where it does not fit."""
        header, tensors = read_policy(Path(path))
        if header.kind != "nearest":
            raise PolicyError(f"{path} holds a policy of the kind {header.kind!r}: load it with navigator.load_policy")
        header.require(actions, observations)
        return cls.from_file(header, tensors, Path(path))


def _values(table: Table, states: Floats, allowed: Any, cost_weight: float, k: int) -> Floats:
    """Value of each recorded action in each state, shape (states, actions); NaN elsewhere."""
    shape = table.legal.shape
    near = _neighbours(table, states, k)
    counts = np.zeros(shape)
    np.add.at(counts, (table.source, table.action), 1)
    reward = table.correct - max(cost_weight, LEAST_WEIGHT) * table.cost
    goes_on, after = table.target >= 0, np.maximum(table.target, 0)
    future = np.zeros(len(states))
    values = np.full(shape, np.nan)
    for _ in range(SWEEPS):
        sums = np.zeros(shape)
        np.add.at(sums, (table.source, table.action), reward + goes_on * future[after])
        values = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        estimates = np.full(shape, -np.inf)
        for action, (who, known) in near.items():
            total = np.where(known, values[who, action], 0.0).sum(axis=1)
            estimates[:, action] = np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), -np.inf)
        best = np.where(allowed, estimates, -np.inf).max(axis=1)
        future = np.where(np.isfinite(best), best, 0.0)
    return values.astype(np.float32)


def _neighbours(table: Table, states: Floats, k: int) -> dict[int, tuple[Any, Any]]:
    """For each action: the k nearest states of other tasks in which it was recorded, and which of the k there are."""
    found = {}
    for action in range(len(table.actions)):
        candidates = np.flatnonzero(table.recorded[:, action])
        if not len(candidates):
            continue
        pool, norms = states[candidates], (states[candidates] ** 2).sum(axis=1)
        width = min(k, len(candidates))
        who = np.zeros((len(states), width), dtype=np.int64)
        known = np.zeros((len(states), width), dtype=np.bool_)
        for start in range(0, len(states), _ROWS):
            rows = slice(start, start + _ROWS)
            distances = norms - 2 * states[rows] @ pool.T
            distances[table.task[rows, None] == table.task[candidates][None, :]] = np.inf
            order = np.argsort(distances, axis=1, kind="stable")[:, :width]
            who[rows] = candidates[order]
            known[rows] = np.isfinite(np.take_along_axis(distances, order, axis=1))
        found[action] = who, known
    return found
