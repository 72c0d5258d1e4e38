"""Log: runs that were made by some policy, as flat arrays, for judging another policy by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pilotage.navigator.errors import LogError
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec

Float64s = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Episode:
    """One run of T decisions; f features, a actions.

    Attributes:
        task: id of its task.
        observations: what was seen at each decision, shape (T, f).
        masks: what was legal there, shape (T, a).
        actions: what was done, shape (T,).
        costs: what that cost, in thousands of tokens; shape (T,).
        correct: score of the answer at the end, 0 to 1.
        behaviour: how probable each action was, shape (T, a); None where the run's policy tells no probabilities.
        first_cost: what was paid before the first decision.
    """

    task: str
    observations: Observation
    masks: ActionMask
    actions: Sequence[int]
    costs: Sequence[float]
    correct: float
    behaviour: Float64s | None = None
    first_cost: float = 0.0


@dataclass(frozen=True)
class Log:
    """n runs with N decisions in all, run after run, the decisions of a run in order.

    Attributes:
        actions: the action list.
        observations: the features.
        tasks: task of each run, (n,); several runs of a task share its weight.
        episode: int (N,): number of the run of each decision.
        step: int (N,): place of the decision in its run.
        features: float32 (N, f).
        legal: bool (N, a).
        taken: int (N,): the action that was taken.
        behaviour: float (N, a): how probable each action was; None where that is not known.
        rewards: float (N, 2): what each decision brought at once: score, which comes with the last one, and
            thousands of tokens.
        first_cost: float (n,): paid before the first decision.
    """

    actions: ActionSpec
    observations: ObservationSpec
    tasks: tuple[str, ...]
    episode: Integers
    step: Integers
    features: Observation
    legal: ActionMask
    taken: Integers
    behaviour: Float64s | None
    rewards: Float64s
    first_cost: Float64s

    @classmethod
    def of(cls, episodes: Sequence[Episode], actions: ActionSpec, observations: ObservationSpec) -> Self:
        """The log of some runs.

        Raises:
            LogError: there is no run, or one does not fit the specs or itself; the text names run and decision.
        """
        if not episodes:
            raise LogError("there is no logged run: give a results file with at least one")
        for number, one in enumerate(episodes):
            _check(one, f"run {number + 1} (task {one.task!r})", actions, observations)
        lengths = [len(one.actions) for one in episodes]
        known = [one.behaviour for one in episodes if one.behaviour is not None]
        costs = np.concatenate([np.asarray(one.costs, dtype=float) for one in episodes])
        correct = np.zeros(len(costs))
        correct[np.cumsum(lengths) - 1] = [one.correct for one in episodes]
        return cls(
            actions=actions,
            observations=observations,
            tasks=tuple(one.task for one in episodes),
            episode=np.repeat(np.arange(len(episodes)), lengths),
            step=np.concatenate([np.arange(length) for length in lengths]),
            features=np.concatenate([np.asarray(one.observations, dtype=np.float32) for one in episodes]),
            legal=np.concatenate([np.asarray(one.masks, dtype=np.bool_) for one in episodes]),
            taken=np.concatenate([np.asarray(one.actions, dtype=np.int64) for one in episodes]),
            behaviour=np.concatenate(known).astype(float) if len(known) == len(episodes) else None,
            rewards=np.column_stack([correct, costs]),
            first_cost=np.array([one.first_cost for one in episodes], dtype=float),
        )

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def probabilities(self) -> Float64s:
        """How likely each action was; raises LogError where that is not known."""
        if self.behaviour is None:
            raise LogError(
                "the runs tell no probabilities of their actions, since their policy always does the same: log with an "
                "exploring one (epsilon=0.1:default), or have the probabilities estimated (--behaviour estimated)"
            )
        return self.behaviour

    def with_behaviour(self, probabilities: Float64s) -> Self:
        """The same runs with these probabilities, shape (N, a).

        Raises:
            LogError: an action was taken that has no probability, or a row does not sum to 1 over legal actions.
        """
        if fault := _fault(probabilities, self.legal, self.taken, self.actions):
            row, what = fault
            run = self.episode[row]
            raise LogError(f"run {run + 1} (task {self.tasks[run]!r}), decision {self.step[row]}: {what}")
        return replace(self, behaviour=probabilities)

    @cached_property
    def horizon(self) -> int:
        """The greatest number of decisions of a run."""
        return int(self.step.max()) + 1

    @cached_property
    def first(self) -> Integers:
        """The row of each run's first decision, (n,)."""
        return np.flatnonzero(self.step == 0)

    @cached_property
    def next(self) -> Integers:
        """The row that follows each row; -1 where its run ends."""
        after = np.arange(1, len(self.step) + 1)
        after[np.append(self.first[1:], len(self.step)) - 1] = -1
        return after

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Ids of the tasks, each once, in order."""
        return tuple(sorted(set(self.tasks)))

    @cached_property
    def task(self) -> Integers:
        """Number of each run's task in `names`, (n,)."""
        places = {name: place for place, name in enumerate(self.names)}
        return np.array([places[name] for name in self.tasks])

    @cached_property
    def share(self) -> Float64s:
        """Weight of each run, so that each task counts once and all sum to 1; (n,)."""
        return np.asarray(1 / np.bincount(self.task)[self.task] / len(self.names))

    def grid(self, values: Float64s, fill: float = 0.0) -> Float64s:
        """Values of decisions, (N, ...), by run and place in the run: (n, horizon, ...), `fill` after a run's end."""
        laid_out = np.full((len(self), self.horizon, *values.shape[1:]), fill)
        laid_out[self.episode, self.step] = values
        return laid_out


def _fault(probabilities: Float64s, legal: ActionMask, taken: Integers, actions: ActionSpec) -> tuple[int, str] | None:
    """The first row of probabilities that cannot be, and why."""
    sums = np.where(legal, probabilities, 0.0).sum(axis=1)
    impossible = np.flatnonzero(~np.isclose(sums, 1, atol=1e-6) | (probabilities < 0).any(axis=1))
    if len(impossible):
        return int(impossible[0]), "the probabilities of the legal actions do not sum to 1"
    unlikely = np.flatnonzero(~(probabilities[np.arange(len(taken)), taken] > 0))
    if len(unlikely):
        what = "was taken, which has no probability there: the runs were made by another policy"
        return int(unlikely[0]), f"{actions.names[taken[unlikely[0]]]!r} {what}"
    return None


def _check(one: Episode, where: str, actions: ActionSpec, observations: ObservationSpec) -> None:
    length = len(one.actions)
    shapes = {
        "observations": (np.shape(one.observations), (length, len(observations))),
        "masks": (np.shape(one.masks), (length, len(actions))),
        "costs": (np.shape(one.costs), (length,)),
    }
    if one.behaviour is not None:
        shapes["behaviour"] = np.shape(one.behaviour), (length, len(actions))
    for name, (shape, expected) in shapes.items():
        if shape != expected:
            raise LogError(f"{where}: {name} has shape {shape}, not {expected}")
    if not length:
        raise LogError(f"{where} holds no decision")
    numbers = [one.observations, one.costs, [one.correct, one.first_cost]]
    if not all(np.isfinite(np.asarray(given, dtype=float)).all() for given in numbers):
        raise LogError(f"{where}: an observation, a cost or the score is not a finite number")
    if not 0 <= one.correct <= 1:
        raise LogError(f"{where}: the score is {one.correct}, not between 0 and 1")
    legal = np.asarray(one.masks, dtype=np.bool_)
    taken = np.asarray(one.actions, dtype=np.int64)
    for step, action in enumerate(taken.tolist()):
        if not (0 <= action < len(actions) and legal[step, action]):
            raise LogError(f"{where}, decision {step}: action {action} is not legal there")
    if one.behaviour is not None and (fault := _fault(np.asarray(one.behaviour, dtype=float), legal, taken, actions)):
        raise LogError(f"{where}, decision {fault[0]}: {fault[1]}")
