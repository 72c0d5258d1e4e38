"""What a training may choose: what was recorded, and what was tried after the same blocks on enough tasks."""

from __future__ import annotations

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.policies.inputs import COUNTS, ActionSupport
from pilotage.navigator.spaces import ActionMask

LEAST_SUPPORT = 3
"""Tasks on which an action must have been tried after some blocks for a policy to choose it there."""


def action_support(arrays: BankArrays, least: int | None = None) -> ActionSupport:
    """What was tried after the same blocks on at least `least` tasks; by default on fewer where there are few tasks."""
    least = min(LEAST_SUPPORT, max(1, len(arrays.tasks) // 10)) if least is None else least
    places = [place for place, name in enumerate(arrays.observations.names) if name.startswith(COUNTS)]
    counts = [tuple(row) for row in arrays.features[:, places].astype(np.int64).tolist()]
    tasks: dict[tuple[tuple[int, ...], int], set[int]] = {}
    steps = arrays.transitions
    for source, action in zip(steps.source.tolist(), steps.action.tolist(), strict=True):
        tasks.setdefault((counts[source], action), set()).add(int(arrays.task[source]))
    tried: dict[tuple[int, ...], list[int]] = {}
    for (before, action), on in tasks.items():
        if len(on) >= least:
            tried.setdefault(before, []).append(action)
    return ActionSupport(arrays.observations, arrays.actions, tried)


def allowed_actions(arrays: BankArrays, support: ActionSupport) -> ActionMask:
    """What a policy may choose in each state, (n, a)."""
    return (arrays.legal & support.masks(arrays.features)) | arrays.transitions.recorded
