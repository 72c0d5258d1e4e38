"""Sampled runs: episodes of a policy on recorded trees, for knowing beforehand how well a log would tell.

On a bank the truth is known (`pilotage.navigator.values.rollout`), so what an estimator says can be compared with it.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.envs.recorded import RecordedDynamics
from pilotage.navigator.off_policy.log import Episode, Float64s, Log


def drawn_log(arrays: BankArrays, probabilities: Float64s, runs: int, seed: int = 0) -> Log:
    """A log of so many runs on tasks drawn at random, each a task of its own even where one comes twice.

    Args:
        arrays: the trees; tasks that end without a decision are left out.
        probabilities: how probable each action is in each state, shape (n, a), over playable ones.
        runs: how many.
        seed: of the tasks, the actions, and the sample where an action was recorded several times.
    """
    generator = np.random.default_rng(seed)
    tasks = generator.choice(np.flatnonzero(~arrays.ended[arrays.roots]), runs).tolist()
    dynamics = RecordedDynamics(arrays, seed=generator)
    repeats: Counter[str] = Counter()
    episodes = []
    for task in (arrays.tasks[number] for number in tasks):
        reached = dynamics.reset(task=task)
        states, actions, costs = [], [], [reached.cost]
        while not reached.done:
            states.append(dynamics.state)
            actions.append(int(generator.choice(len(arrays.actions), p=probabilities[dynamics.state])))
            reached = dynamics.step(actions[-1])
            costs.append(reached.cost)
        episodes.append(
            Episode(
                task=f"{task}#{repeats[task]}",
                observations=arrays.features[states],
                masks=arrays.playable[states],
                actions=actions,
                costs=costs[1:],
                correct=reached.correct or 0.0,
                behaviour=probabilities[states],
                first_cost=costs[0],
            )
        )
        repeats[task] += 1
    return Log.of(episodes, arrays.actions, arrays.observations)
