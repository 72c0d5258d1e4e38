"""Runs on made-up trees: every one there is, with its chance, so that expectations are exact."""

import tempfile
from functools import cache

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.off_policy import Episode, Log
from tests.navigator.banks import learnable_bank, random_bank


@cache
def trees(seed, tasks=2, depth=2):
    with tempfile.TemporaryDirectory() as folder:
        return BankArrays.of(random_bank(folder, seed=seed, tasks=tasks, depth=depth))


@cache
def learnable(tasks=30):
    with tempfile.TemporaryDirectory() as folder:
        return BankArrays.of(learnable_bank(folder, tasks=tasks, depth=2))


def chances(arrays, seed, sharpness=1.0):
    """Random probabilities over what is playable in each state."""
    drawn = np.random.default_rng(seed).random(arrays.playable.shape) ** sharpness * arrays.playable + 1e-3
    drawn *= arrays.playable
    return drawn / drawn.sum(axis=1, keepdims=True)


def softened(chosen, arrays, epsilon):
    """Chances of following actions `chosen`, shape (n,), but for a share that is uniform."""
    uniform = arrays.playable / arrays.playable.sum(axis=1, keepdims=True)
    certain = np.zeros(arrays.playable.shape)
    certain[np.arange(len(arrays)), chosen] = 1
    return (1 - epsilon) * certain + epsilon * uniform


def every_run(arrays, behaviour):
    """All runs of all tasks with their chances: `(chance, states, episode)`, a task of its own for each."""
    found = []
    for number, root in enumerate(arrays.roots.tolist()):
        if arrays.ended[root]:
            continue
        pending = [(1.0, (root,), (), ())]
        while pending:
            chance, states, actions, costs = pending.pop()
            state = states[-1]
            for action in np.flatnonzero(behaviour[state]).tolist():
                share = chance * behaviour[state, action]
                if action == arrays.terminal:
                    ends = [(share, states, (*costs, arrays.answer_cost[state]), state)]
                    ongoing = []
                else:
                    samples = arrays.children[state][action]
                    share /= len(samples)
                    ends = [
                        (share, states, (*costs, arrays.cost[s] + arrays.answer_cost[s]), s)
                        for s in samples
                        if arrays.ended[s]
                    ]
                    ongoing = [
                        (share, (*states, s), (*actions, action), (*costs, arrays.cost[s]))
                        for s in samples
                        if not arrays.ended[s]
                    ]
                pending += ongoing
                for probability, visited, paid, last in ends:
                    visited = list(visited)
                    episode = Episode(
                        task=f"{arrays.tasks[number]}#{len(found)}",
                        observations=arrays.features[visited],
                        masks=arrays.playable[visited],
                        actions=[*actions, action],
                        costs=list(paid),
                        correct=float(arrays.score[last]),
                        behaviour=behaviour[visited],
                        first_cost=float(arrays.cost[root]),
                    )
                    found.append((probability, visited, episode))
    return found


def logged(arrays, behaviour):
    """All runs as one log, the chance of each, and the states of its decisions."""
    runs = every_run(arrays, behaviour)
    log = Log.of([episode for _, _, episode in runs], arrays.actions, arrays.observations)
    return log, np.array([chance for chance, _, _ in runs]), np.concatenate([states for _, states, _ in runs])


def true_values(arrays, target):
    """What is still to come after each action as the target goes on: score and cost, shape (states, actions, 2)."""
    after = np.zeros((*arrays.playable.shape, 2))
    after[:, arrays.terminal] = np.column_stack([arrays.score, arrays.answer_cost])
    for state in reversed(range(len(arrays))):  # children come after their parents
        on = after[state, arrays.terminal] if arrays.ended[state] else target[state] @ after[state]
        before, action = arrays.parent[state], arrays.action[state]
        if before >= 0:
            after[before, action] += (on + [0, arrays.cost[state]]) / arrays.samples[before, action]
    return after


def states_of(arrays, log):
    """The state of each decision of a log drawn from trees in which no two states look alike."""
    known = {row.tobytes(): place for place, row in enumerate(arrays.features)}
    return np.array([known[row.tobytes()] for row in log.features])


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
                log.features[these],
                log.legal[these],
                log.taken[these].tolist(),
                log.rewards[these, 1].tolist(),
                float(log.rewards[these, 0].sum()),
                log.behaviour[these],
                float(log.first_cost[one]),
            )
        )
    return Log.of(pieces, log.actions, log.observations)
