"""Fixed sequences of blocks on a bank: each one's outcome, the best overall, and the best per family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays, Integers
from pilotage.navigator.errors import NavigatorError
from pilotage.navigator.spaces import ActionMask
from pilotage.navigator.values.rollout import Choice, Choose, Outcomes, one_hot, rollout

MIN_COVERAGE = 0.9
"""Share of the tasks on which a sequence must be known to be compared, where a recording may still be going on."""


@dataclass(frozen=True)
class FixedSequence:
    """A sequence of blocks and what it brings.

    Attributes:
        blocks: names in order, without the terminal action that follows; empty for answering at once.
        outcomes: per task; unknown where a state that it leads to was not recorded.
    """

    blocks: tuple[str, ...]
    outcomes: Outcomes


def fixed_sequence(arrays: BankArrays, blocks: Sequence[str]) -> FixedSequence:
    """Follows one sequence on every task, as `FixedPolicy` does: a block that is not legal at its turn is left out.

    A block that is legal but was not recorded leaves the task's outcome unknown. It is not skipped, since that would
    credit the sequence with the outcome of another one.
    """
    indices = [arrays.actions.index(name) for name in blocks]
    if arrays.terminal in indices:
        raise NavigatorError(f"leave {arrays.actions.terminal!r} out of the sequence: it follows by itself")
    return FixedSequence(tuple(blocks), rollout(arrays, _by_sequence(arrays, indices), strict=True).outcomes)


def recorded_sequences(arrays: BankArrays) -> list[tuple[str, ...]]:
    """Every sequence that was recorded on some task, the empty one first, then by length and name."""
    names = arrays.actions.names
    routes = (tuple(names[action] for action in route) for route in set(arrays.action_prefixes))
    return sorted(routes, key=lambda route: (len(route), route))


def best_fixed(arrays: BankArrays, cost_weight: float = 0.0, min_coverage: float = 1.0) -> FixedSequence:
    """The recorded sequence with the greatest mean `correct - cost_weight * cost`; the cheaper and shorter of equals.

    Args:
        arrays: the tasks.
        cost_weight: what a thousand tokens are worth, in right answers.
        min_coverage: share of tasks on which a sequence must be known; answering at once always is. Two sequences are
            compared on the tasks on which both are known, those known on most tasks first.
    """
    every = [fixed_sequence(arrays, blocks) for blocks in recorded_sequences(arrays)]
    return _best_on_common_tasks(every, cost_weight, min_coverage)


def best_fixed_by_family(
    arrays: BankArrays, cost_weight: float = 0.0, min_coverage: float = 1.0
) -> Mapping[str, FixedSequence]:
    """The best sequence of every family, with its outcomes on that family alone; families in order."""
    every = [fixed_sequence(arrays, blocks) for blocks in recorded_sequences(arrays)]
    best = {}
    for family in sorted(set(arrays.families)):
        here = [replace(one, outcomes=one.outcomes.only(family)) for one in every]
        best[family] = _best_on_common_tasks(here, cost_weight, min_coverage)
    return best


def _best_on_common_tasks(every: Sequence[FixedSequence], cost_weight: float, min_coverage: float) -> FixedSequence:
    """The best of those that are known on enough tasks; one takes another's place by the tasks known for both."""
    best, *others = sorted(every, key=lambda one: (-one.outcomes.coverage, len(one.blocks)))
    for one in others:
        if one.outcomes.coverage < min_coverage:
            break
        both = np.isfinite(one.outcomes.correct) & np.isfinite(best.outcomes.correct)
        if both.any() and _rank(one, cost_weight, both) > _rank(best, cost_weight, both):
            best = one
    return best


def _rank(one: FixedSequence, cost_weight: float, tasks: ActionMask) -> tuple[float, float, int]:
    correct, cost = float(one.outcomes.correct[tasks].mean()), float(one.outcomes.cost[tasks].mean())
    # Rounded, so that a difference in the last bit does not decide between equals.
    return (round(correct - cost_weight * cost, 12), -round(cost, 12), -len(one.blocks))


def _by_sequence(arrays: BankArrays, indices: Sequence[int]) -> Choose:
    """Takes the first entry of a sequence that is not behind yet and is legal; else the terminal action."""
    entries, places = np.array([*indices, arrays.terminal]), np.arange(len(indices) + 1)
    behind = np.zeros(len(arrays) + 1, dtype=np.int64)  # a root's parent is -1, the last entry, which stays 0

    def choose(states: Integers, masks: ActionMask) -> Choice:
        turn = masks[:, entries] & (places >= behind[arrays.parent[states], None])
        turn[:, -1] = True
        taken = turn.argmax(axis=1)
        behind[states] = taken + 1
        return one_hot(entries[taken], masks.shape[1]), None

    return choose
