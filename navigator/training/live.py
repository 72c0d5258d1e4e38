"""Live training: the session of `pilotage.navigator.training.session` over reasoning that goes on while it trains.

Whatever is reached is kept as a bank, so a state that was reached before costs nothing. A killed training is simply
begun again: it takes the same way, and pays only for what it had not reached. Once a limit is used up nothing new is
asked for, and the training goes on over what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pilotage.navigator.arguments import require_seed
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.dynamics import Dynamics, Transition
from pilotage.navigator.errors import EnvError, PolicyError
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.task_order import TaskOrder
from pilotage.navigator.training.algorithms.learner import TrainingSetup
from pilotage.navigator.training.card import at_efforts, score
from pilotage.navigator.training.plan import Plan, TrainingOutputs
from pilotage.navigator.training.session import Session, split
from pilotage.navigator.training.support import action_support


class LiveSource(Dynamics, Protocol):
    """Reasoning that keeps what it reached. Implement this to train on your own."""

    @property
    def names(self) -> Sequence[str]:
        """Ids of the tasks."""
        ...

    def reset(self, seed: int | None = None, task: str | None = None, *, known_only: bool = False) -> Transition:
        """Starts a task; `known_only` masks out, until the next reset, what was not reached before.

        Raises PolicyError where a limit is used up and the task was never begun.
        """
        ...

    def bank(self) -> Bank:
        """All that this training has reached so far, in memory."""
        ...

    def account(self) -> Mapping[str, Any]:
        """For the training card: where the tasks are from and what was spent; no times, so that it can be repeated."""
        ...


class Episodes:
    """The training tasks of a source as `Dynamics`, in random order, each once before any comes again.

    Args:
        source: runs them.
        tasks: their ids.
        limit: after so many episodes, only what is known already is stepped through.

    Attributes:
        begun: episodes so far, those over what is known already not counted.
        on_step: called after every step.
    """

    def __init__(self, source: LiveSource, tasks: Sequence[str], limit: int | None) -> None:
        self.source, self.tasks, self.limit = source, tuple(tasks), limit
        self.actions, self.observations = source.actions, source.observations
        self.begun = 0
        self.on_step: Callable[[], None] | None = None
        self._order = TaskOrder(sorted(self.tasks))
        self._fresh = True

    def reset(self, seed: int | None = None, task: str | None = None) -> Transition:
        """Starts a task, the next one for None."""
        if seed is not None:
            self._order.restart(require_seed(seed, EnvError))
        task = self._order.next() if task is None else task
        known_only = self.limit is not None and self.begun >= self.limit
        self._fresh = not known_only
        return self.source.reset(task=task, known_only=known_only)

    def step(self, action: int) -> Transition:
        """Does one action. An episode counts from its first one: learners begin some that they never step into."""
        self.begun, self._fresh = self.begun + self._fresh, False
        reached = self.source.step(action)
        if self.on_step is not None:
            self.on_step()
        return reached

    def close(self) -> None:
        """Nothing: the source serves several trainings, and whoever made it closes it."""


class LiveSession(Session):
    """One call of `train_live`; see there for the arguments. Use it as a context manager."""

    def __init__(
        self,
        source: LiveSource,
        plan: Plan,
        episodes: int | None = None,
        resume: str | Path | None = None,
        outputs: TrainingOutputs = TrainingOutputs(),  # noqa: B008 (frozen)
        on_step: Callable[[], None] | None = None,
    ) -> None:
        _require_live(plan)
        self.source = source
        for task in sorted(source.names):
            source.reset(task=task)
        training = split(source.bank(), plan)["train"]
        self.episodes = Episodes(source, training, episodes)
        _warm_up(self.episodes, plan.seed)
        self.episodes.on_step = on_step
        super().__init__(source.bank(), plan, resume, outputs)

    def _setup(self, train: BankArrays) -> TrainingSetup:
        return replace(super()._setup(train), live=self.episodes)

    def _look_again(self) -> None:
        self._read()
        self.support = action_support(self.arrays["train"])

    def _read(self) -> None:
        self.bank = self.source.bank()
        super()._read()

    def _scored(self, policy: LearnedPolicy, part: str) -> dict[str, dict[str, float]]:
        """As it goes, whatever the policy chooses; what that reaches is kept like all else."""
        scores = {name: _episodes(self.source, at, self.tasks[part]) for name, at in at_efforts(policy).items()}
        self._read()
        return scores

    def _more_for_the_card(self) -> dict[str, Any]:
        return {"live": {**self.source.account(), "episodes": self.episodes.begun}}


def _require_live(plan: Plan) -> None:
    if plan.algorithm == "cql":
        raise PolicyError("cql learns from a recorded bank: record one first, or choose another --algo for live tasks")
    if plan.shaping is not None or plan.step_scores is not None:
        raise PolicyError("step rewards need a recorded bank: leave --shaping or --step-scores out, or record first")
    if plan.hyperparameters.environments != 1:
        raise PolicyError("live training runs one episode at a time: set environments=1")


def _warm_up(episodes: Episodes, seed: int) -> None:
    """One random episode on each training task, from which the scaling of the inputs comes."""
    generator = np.random.default_rng(seed)
    for _ in episodes.tasks:
        now = episodes.reset()
        while not now.done:
            now = episodes.step(int(generator.choice(np.flatnonzero(now.action_mask))))


def _episodes(source: LiveSource, policy: LearnedPolicy, tasks: Sequence[str]) -> dict[str, float]:
    """One episode of a policy on each task, as `score` gives its figures."""
    correct, cost, steps = (np.zeros(len(tasks), dtype=np.float32) for _ in range(3))
    for place, task in enumerate(tasks):
        now = source.reset(task=task)
        cost[place] = now.cost
        while not now.done:
            now = source.step(policy.decide(now.observation, now.action_mask).action)
            cost[place] += now.cost
            steps[place] += 1
        correct[place] = now.correct or 0.0
    return score(correct, cost, steps, policy.cost_weight or 0.0)
