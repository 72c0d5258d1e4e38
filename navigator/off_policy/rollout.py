"""Drawn runs: episodes of a policy on recorded trees, for knowing beforehand how well a log would tell.

On a bank the truth is known (`pilotage.navigator.values.outcomes`), so what an estimator says can be compared with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pilotage.navigator.bank.arrays import Forest
from pilotage.navigator.off_policy.log import Episode, Floats, Log


def draw(forest: Forest, chances: Floats, tasks: Sequence[int], generator: np.random.Generator) -> list[Episode]:
    """One run for each task named, a number into `forest.tasks`; each counts as a task of its own if it comes twice.

    Args:
        forest: the trees.
        chances: how likely each action is in each state, shape (n, a), over playable ones.
        tasks: which tasks to run.
        generator: draws the actions, and the sample where one was recorded several times.
    """
    seen: dict[int, int] = {}
    episodes = []
    for task in tasks:
        repeat = seen[task] = seen.get(task, -1) + 1
        episodes.append(_run(forest, chances, task, f"{forest.tasks[task]}#{repeat}", generator))
    return episodes


def drawn_log(forest: Forest, chances: Floats, runs: int, seed: int = 0) -> Log:
    """A log of so many runs on tasks drawn at random; see `draw`. Tasks that end without a decision are left out."""
    generator = np.random.default_rng(seed)
    open_tasks = np.flatnonzero(~forest.ended[forest.roots])
    tasks = generator.choice(open_tasks, runs).tolist()
    return Log.of(draw(forest, chances, tasks, generator), forest.actions, forest.observations)


def _run(forest: Forest, chances: Floats, task: int, name: str, generator: np.random.Generator) -> Episode:
    state = int(forest.roots[task])
    first_cost = float(forest.cost[state])
    states, actions, costs = [], [], []
    while True:
        action = int(generator.choice(len(forest.actions), p=chances[state]))
        states.append(state)
        actions.append(action)
        if action == forest.terminal:
            costs.append(float(forest.stop_cost[state]))
            break
        samples = forest.children[state][action]
        state = samples[int(generator.integers(len(samples)))]
        costs.append(float(forest.cost[state]))
        if forest.ended[state]:
            costs[-1] += float(forest.stop_cost[state])
            break
    return Episode(
        task=name,
        observations=forest.seen[states],
        masks=forest.playable[states],
        actions=actions,
        costs=costs,
        correct=float(forest.score[state]),
        behaviour=chances[states],
        first_cost=first_cost,
    )
