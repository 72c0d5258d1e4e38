"""Sampled runs: episodes of a policy on recorded trees, for knowing beforehand how well a log would tell.

On a bank the truth is known (`pilotage.navigator.values.rollout`), so what an estimator says can be compared with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.envs.recorded import RecordedDynamics
from pilotage.navigator.off_policy.log import Episode, Floats, Log


def draw(arrays: BankArrays, probabilities: Floats, tasks: Sequence[int], generator: Generator) -> list[Episode]:
    """One run for each task named, a number into `arrays.tasks`; each counts as a task of its own if it comes twice.

    Args:
        arrays: the trees.
        probabilities: how probable each action is in each state, shape (n, a), over playable ones.
        tasks: which tasks to run.
        generator: draws the actions, and the sample where one was recorded several times.
    """
    dynamics = RecordedDynamics(arrays, seed=generator)
    repeats: Counter[str] = Counter()
    episodes = []
    for task in (arrays.tasks[number] for number in tasks):
        episodes.append(_run(dynamics, probabilities, task, f"{task}#{repeats[task]}", generator))
        repeats[task] += 1
    return episodes


def drawn_log(arrays: BankArrays, probabilities: Floats, runs: int, seed: int = 0) -> Log:
    """A log of so many runs on tasks drawn at random; see `draw`. Tasks that end without a decision are left out."""
    generator = np.random.default_rng(seed)
    open_tasks = np.flatnonzero(~arrays.ended[arrays.roots])
    tasks = generator.choice(open_tasks, runs).tolist()
    return Log.of(draw(arrays, probabilities, tasks, generator), arrays.actions, arrays.observations)


def _run(dynamics: RecordedDynamics, probabilities: Floats, task: str, name: str, generator: Generator) -> Episode:
    reached = dynamics.reset(task=task)
    states, actions, costs = [], [], [reached.cost]
    while not reached.done:
        states.append(dynamics.state)
        actions.append(int(generator.choice(len(dynamics.actions), p=probabilities[dynamics.state])))
        reached = dynamics.step(actions[-1])
        costs.append(reached.cost)
    return Episode(
        task=name,
        observations=dynamics.arrays.features[states],
        masks=dynamics.arrays.playable[states],
        actions=actions,
        costs=costs[1:],
        correct=reached.correct or 0.0,
        behaviour=probabilities[states],
        first_cost=costs[0],
    )
