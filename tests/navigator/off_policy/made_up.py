"""Runs on made-up trees: every one there is, with its chance, so that expectations are exact."""

import tempfile
from functools import cache

import numpy as np

from pilotage.navigator.bank.arrays import Forest
from pilotage.navigator.off_policy import Episode, Log
from pilotage.navigator.values.exact import policy_values
from tests.navigator.banks import learnable_bank, random_bank


@cache
def trees(seed, tasks=2, depth=2):
    with tempfile.TemporaryDirectory() as folder:
        return Forest.of(random_bank(folder, seed=seed, tasks=tasks, depth=depth))


@cache
def learnable(tasks=30):
    with tempfile.TemporaryDirectory() as folder:
        return Forest.of(learnable_bank(folder, tasks=tasks, depth=2))


def chances(forest, seed, sharpness=1.0):
    """Random probabilities over what is playable in each state."""
    drawn = np.random.default_rng(seed).random(forest.playable.shape) ** sharpness * forest.playable + 1e-3
    drawn *= forest.playable
    return drawn / drawn.sum(axis=1, keepdims=True)


def softened(chosen, forest, epsilon):
    """Chances of following actions `chosen`, shape (n,), but for a share that is uniform."""
    uniform = forest.playable / forest.playable.sum(axis=1, keepdims=True)
    certain = np.zeros(forest.playable.shape)
    certain[np.arange(len(forest)), chosen] = 1
    return (1 - epsilon) * certain + epsilon * uniform


def every_run(forest, behaviour):
    """All runs of all tasks with their chances: `(chance, states, episode)`, a task of its own for each."""
    found = []
    for number, root in enumerate(forest.roots.tolist()):
        if forest.ended[root]:
            continue
        pending = [(1.0, (root,), (), ())]
        while pending:
            chance, states, actions, costs = pending.pop()
            state = states[-1]
            for action in np.flatnonzero(behaviour[state]).tolist():
                share = chance * behaviour[state, action]
                if action == forest.terminal:
                    ends = [(share, states, (*costs, forest.stop_cost[state]), state)]
                    ongoing = []
                else:
                    samples = forest.children[state][action]
                    share /= len(samples)
                    ends = [
                        (share, states, (*costs, forest.cost[s] + forest.stop_cost[s]), s)
                        for s in samples
                        if forest.ended[s]
                    ]
                    ongoing = [
                        (share, (*states, s), (*actions, action), (*costs, forest.cost[s]))
                        for s in samples
                        if not forest.ended[s]
                    ]
                pending += ongoing
                for probability, visited, paid, last in ends:
                    visited = list(visited)
                    episode = Episode(
                        task=f"{forest.tasks[number]}#{len(found)}",
                        observations=forest.seen[visited],
                        masks=forest.playable[visited],
                        actions=[*actions, action],
                        costs=list(paid),
                        correct=float(forest.score[last]),
                        behaviour=behaviour[visited],
                        first_cost=float(forest.cost[root]),
                    )
                    found.append((probability, visited, episode))
    return found


def logged(forest, behaviour):
    """All runs as one log, the chance of each, and the states of its decisions."""
    runs = every_run(forest, behaviour)
    log = Log.of([episode for _, _, episode in runs], forest.actions, forest.observations)
    return log, np.array([chance for chance, _, _ in runs]), np.concatenate([states for _, states, _ in runs])


def true_values(forest, target):
    """What is still to come after each action as the target goes on: score and cost, shape (states, actions, 2)."""
    free, paid = (policy_values(forest, target, weight).q for weight in (0.0, 1.0))
    playable = forest.playable
    return np.stack([np.where(playable, free, 0), np.where(playable, free, 0) - np.where(playable, paid, 0)], axis=2)


def states_of(forest, log):
    """The state of each decision of a log drawn from a forest in which no two states look alike."""
    known = {row.tobytes(): place for place, row in enumerate(forest.seen)}
    return np.array([known[row.tobytes()] for row in log.seen])


def rows(log, episodes):
    """The rows of some runs, one run after the other."""
    return np.concatenate([np.flatnonzero(log.episode == one) for one in episodes])


def part_of(log, episodes):
    """A log of these runs; one that is named twice is a task of its own each time."""
    pieces = []
    for place, one in enumerate(episodes):
        these = np.flatnonzero(log.episode == one)
        pieces.append(
            Episode(
                f"{log.tasks[one]}.{place}",
                log.seen[these],
                log.legal[these],
                log.taken[these].tolist(),
                log.rewards[these, 1].tolist(),
                float(log.rewards[these, 0].sum()),
                log.behaviour[these],
                float(log.first_cost[one]),
            )
        )
    return Log.of(pieces, log.actions, log.observations)
