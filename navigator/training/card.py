"""The training card: what a policy was trained on and how, how it scored, and what it does, in its own file.

No times and no paths: the same training gives the same card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.policies.inputs import EFFORTS, Float32s
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.training.surrogate import follow, imitate, in_words
from pilotage.navigator.values.rollout import by_batch, rollout


def at_efforts(policy: LearnedPolicy) -> dict[str, LearnedPolicy]:
    """The policy at each named effort; as it is, named `only`, where it was trained for one."""
    if policy.dial is None:
        return {"only": policy}
    return {name: policy.with_effort(name) for name in EFFORTS}


def scores(policy: LearnedPolicy, arrays: BankArrays) -> dict[str, dict[str, float]]:
    """Reward, accuracy, thousands of tokens and steps a task, by effort."""
    by_effort = {}
    for name, at in at_efforts(policy).items():
        played = rollout(arrays, by_batch(at.choose, arrays))
        reached, steps = played.outcomes, played.uses.sum(axis=1)
        by_effort[name] = score(reached.correct, reached.cost, steps, at.cost_weight or 0.0)
    return by_effort


def score(correct: Any, cost: Any, steps: Any, weight: float) -> dict[str, float]:
    """Means over the tasks at a cost weight, of arrays of shape (tasks,); cost is in thousands of tokens."""
    return {
        "accuracy": _round(correct.mean()),
        "cost": _round(cost.mean()),
        "cost_weight": _round(weight),
        "reward": _round((correct - weight * cost).mean()),
        "steps": _round(steps.mean()),
    }


def behaviour(policy: LearnedPolicy, arrays: BankArrays) -> dict[str, Any]:
    """What a policy does on the tasks of a bank: blocks a task by family and effort, and a tree that imitates it."""
    names = arrays.actions.names
    blocks: dict[str, dict[str, dict[str, float]]] = {}
    features: list[Float32s] = []
    chosen = []
    for effort, at in at_efforts(policy).items():
        states, taken = np.nonzero(rollout(arrays, by_batch(at.choose, arrays)).decided)
        blocks[effort] = {}
        for family in sorted(set(arrays.families)):
            tasks = np.array([f == family for f in arrays.families])
            counts = np.bincount(taken[tasks[arrays.task[states]]], minlength=len(names))
            shares = dict(zip(names, counts / tasks.sum(), strict=True))
            blocks[effort][family] = {name: _round(share) for name, share in shares.items() if share}
        rows = arrays.features[states]
        features.append(np.column_stack([rows, np.full(len(rows), at.effort if at.effort is not None else 0.0)]))
        chosen.append(taken)
    observations, actions = np.concatenate(features), np.concatenate(chosen)
    tree = imitate(observations, actions, len(names))
    integral = (observations == np.round(observations)).all(axis=0)
    return {
        "blocks": blocks,
        "tree": in_words(tree, [*arrays.observations.names, "effort"], names, integral),
        "tree_agrees": _round((follow(tree, observations) == actions).mean()),
    }


def about(bank: Bank, arrays: BankArrays) -> dict[str, Any]:
    """Where the data come from."""
    meta = bank.meta
    return {
        "fingerprint": arrays.fingerprint,
        "model": meta.model,
        "preset": meta.preset,
        "budget": dict(meta.budget),
        "prompt_hash": meta.prompt_hash,
        "package_version": meta.package_version,
        "tasks": len(arrays.tasks),
        "states": len(arrays),
        "edges": len(arrays.transitions.source),
        "families": dict(sorted(Counter(arrays.families).items())),
        **{name: meta.extras[name] for name in ("strategies",) if name in meta.extras},
    }


def learned_from(bank: Bank, tasks: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Which tasks a policy was trained and chosen on, by part, and what these show: a copy has another id.

    The test part is named, but nothing was learned from it.
    """
    learned = [task for part, ids in tasks.items() if part != "test" for task in ids]
    return {"tasks": dict(tasks), "shows": sorted(bank.identifiers(learned) - set(learned))}


def rounded(curve: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """A learning curve with the digits that matter."""
    return [{name: _round(value) for name, value in point.items()} for point in curve]


def _round(value: Any) -> float:
    return round(float(value), 6)
