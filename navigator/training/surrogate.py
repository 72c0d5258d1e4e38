"""A small decision tree that imitates a policy, for people to read, and how faithful it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pilotage.navigator.bank.arrays import Integers
from pilotage.navigator.policies.inputs import Float32s
from pilotage.navigator.spaces import ActionMask


@dataclass(frozen=True)
class Split:
    """`feature <= bound` goes to `below`, the rest to `above`."""

    feature: int
    bound: float
    below: Split | Leaf
    above: Split | Leaf


@dataclass(frozen=True)
class Leaf:
    """The action taken most often here, how often, and of how many decisions."""

    action: int
    share: float
    decisions: int


def imitate(observations: Float32s, actions: Integers, count: int, depth: int = 3, least: int = 5) -> Split | Leaf:
    """The tree of greedy best splits by Gini impurity (Breiman et al. 1984), for `count` actions.

    `observations` are (n, features), `actions` what was chosen there, (n,). No way has more than `depth` splits, and
    no leaf fewer than `least` decisions.
    """
    totals = np.bincount(actions, minlength=count)
    leaf = Leaf(int(totals.argmax()), float(totals.max() / len(actions)), len(actions))
    if depth == 0 or leaf.share == 1.0:
        return leaf
    best = (1e-9, -1, 0.0)
    chosen = np.eye(count)[actions]
    for feature in range(observations.shape[1]):
        order = np.argsort(observations[:, feature], kind="stable")
        values, left = observations[order, feature], np.cumsum(chosen[order], axis=0)
        size = np.arange(1, len(values))
        cut = (values[1:] > values[:-1]) & (size >= least) & (len(values) - size >= least)
        if not cut.any():
            continue
        purity = (left[:-1] ** 2).sum(1) / size + ((totals - left[:-1]) ** 2).sum(1) / (len(values) - size)
        gain = np.where(cut, purity - (totals**2).sum() / len(values), 0)
        place = int(gain.argmax())
        if gain[place] > best[0] + 1e-9:
            best = (float(gain[place]), feature, float((values[place] + values[place + 1]) / 2))
    if best[1] < 0:
        return leaf
    below = observations[:, best[1]] <= best[2]
    branches = [imitate(observations[side], actions[side], count, depth - 1, least) for side in (below, ~below)]
    if all(isinstance(branch, Leaf) and branch.action == leaf.action for branch in branches):
        return leaf
    return Split(best[1], best[2], branches[0], branches[1])


def follow(tree: Split | Leaf, observations: Float32s) -> Integers:
    """Actions of the tree for observations of shape (n, features): shape (n,)."""
    if isinstance(tree, Leaf):
        return np.full(len(observations), tree.action, dtype=np.int64)
    below = observations[:, tree.feature] <= tree.bound
    return np.where(below, follow(tree.below, observations), follow(tree.above, observations))


def in_words(tree: Split | Leaf, features: Sequence[str], actions: Sequence[str], integral: ActionMask) -> list[str]:
    """The tree as indented lines. Bounds of `integral` features (whole numbers only) are written as such."""
    if isinstance(tree, Leaf):
        return [f"{actions[tree.action]}  ({tree.share:.0%} of {tree.decisions})"]
    name, bound = features[tree.feature], f"{tree.bound:.3g}"
    tests = (f"{name} <= {bound}", f"{name} > {bound}")
    if integral[tree.feature]:
        whole = int(np.floor(tree.bound))
        tests = (f"{name} <= {whole}", f"{name} >= {whole + 1}")
    lines: list[str] = []
    for test, branch in zip(tests, (tree.below, tree.above), strict=True):
        inner = in_words(branch, features, actions, integral)
        lines += [f"if {test}: {inner[0]}"] if len(inner) == 1 else [f"if {test}:", *("    " + line for line in inner)]
    return lines
