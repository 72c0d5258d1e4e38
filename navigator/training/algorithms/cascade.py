"""Fitting a cascade's doubt: from which log-probabilities on a second route is worth its tokens."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.records import Tree
from pilotage.navigator.policies.rules.cascade import UNKNOWN, Doubt, require_features
from pilotage.navigator.policies.rules.one_bit import one_bit
from pilotage.navigator.policies.rules.rule_policy import View
from pilotage.navigator.values.exact import policy_values

MEANS = (-math.inf, -0.4, -0.3, -0.25, -0.2, -0.18, -0.15, -0.12, -0.1, -0.08, -0.05, 0.0)
LEASTS = (-math.inf, -3.0, -2.5, -2.0, -1.8, -1.6, -1.5, -1.4, -1.3, -1.2, -1.1, -1.0, -0.8)

RIGHT = 0.5
"""From which score on an answer counts as right."""


def fit_doubt(bank: Bank, tasks: Iterable[str] | None = None, cost_weight: float = 0.1) -> Doubt | None:
    """The pair of `MEANS` and `LEASTS` that is worth most on some tasks, all for None; of equal ones the least doubt.

    What a second route is worth behind a task's first program is exact: what was recorded behind it, less its price.
    There is no doubt to fit, None, where no program with log-probabilities has reasoning recorded behind it.

    Raises:
        BankError: a task is unknown, or a file is damaged.
        SpecMismatch: the bank lacks a block or a feature that a cascade needs.
    """
    arrays = BankArrays.of(bank, tasks)
    names, index = arrays.observations.names, arrays.actions.index
    require_features(arrays.observations)
    values = policy_values(arrays, one_bit(arrays.actions, arrays.observations), cost_weight)
    first = np.flatnonzero((arrays.depth == 1) & (arrays.action == index("program")))
    share = 1 / np.bincount(arrays.task[first], minlength=len(arrays.tasks))[arrays.task[first]]
    column = dict(zip(names, arrays.features[first].T, strict=True))
    mean, least = column["leader_mean_logprob"], column["leader_min_logprob"]
    gain = share * (values.q[first, index("reason")] - values.q[first, arrays.terminal])
    told = np.isfinite(gain) & (column["leader_executed"] == 1) & (mean > UNKNOWN)
    if not told.any():
        return None
    gain, mean, least = gain[told], mean[told], least[told]
    worth = {pair: round(float(gain[(mean < pair[0]) | (least < pair[1])].sum()), 9) for pair in product(MEANS, LEASTS)}
    return Doubt(*max(worth, key=lambda pair: worth[pair]))


@dataclass
class SecondRoutes:
    """What reasoning said behind programs that had an answer; numbers of tasks.

    Attributes:
        agree: it reached the same answer.
        program: another one, and the program's alone was right.
        reason: another one, and its own alone was right.
        both: another one, and both were graded right.
        neither: another one, and both were wrong.
        silent: it reached none.
    """

    agree: int = 0
    program: int = 0
    reason: int = 0
    both: int = 0
    neither: int = 0
    silent: int = 0


def second_routes(bank: Bank, doubt: Doubt, tasks: Iterable[str] | None = None) -> tuple[SecondRoutes, SecondRoutes]:
    """Of the programs that were sure, and of those that were not, where both routes were recorded and graded."""
    found = SecondRoutes(), SecondRoutes()
    for task in bank.select(tasks):
        tree = bank.tree(task)
        if not {"r/program", "r/reason"} <= tree.nodes.keys():
            continue
        program, reason = tree.nodes["r/program"], tree.nodes["r/reason"]
        if program.candidate is None:
            continue
        seen = View(bank.observations, np.array(program.observation, dtype=np.float32))
        one = found[bool(doubt.of(seen))]
        if reason.candidate is None:
            one.silent += 1
        elif _agree(tree, bank):
            one.agree += 1
        else:
            right = program.score >= RIGHT, reason.score >= RIGHT
            name = {(True, False): "program", (False, True): "reason", (True, True): "both"}.get(right, "neither")
            setattr(one, name, getattr(one, name) + 1)
    return found


def _agree(tree: Tree, bank: Bank) -> bool:
    """Whether two routes lead where both were run, in either order; equal texts where that was not recorded."""
    for both in ("r/program/reason", "r/reason/program"):
        if both in tree.nodes:
            seen = np.array(tree.nodes[both].observation, dtype=np.float32)
            return bank.observations.value(seen, "leader_routes") >= 2
    return tree.nodes["r/program"].candidate == tree.nodes["r/reason"].candidate
