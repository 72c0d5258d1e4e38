"""What a training may choose: what was recorded, and what was tried after the same blocks on enough tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.policies.inputs import ActionSupport, CostWeighting, count_places
from pilotage.navigator.policies.policy_file import Header
from pilotage.navigator.spaces import ActionMask

LEAST_SUPPORT = 3
"""Tasks on which an action must have been tried after some blocks for a policy to choose it there."""


def action_support(arrays: BankArrays, least: int | None = None) -> ActionSupport:
    """What was tried after the same blocks on at least `least` tasks; by default on fewer where there are few tasks."""
    least = min(LEAST_SUPPORT, max(1, len(arrays.tasks) // 10)) if least is None else least
    counts = [tuple(row) for row in arrays.features[:, count_places(arrays.observations)].astype(np.int64).tolist()]
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


def header_for(
    bank: Bank,
    kind: str,
    algorithm: str,
    weighting: CostWeighting | float,
    support: ActionSupport,
    card: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Header:
    """The header of a policy that was trained on a bank, for one cost weight or for all; `settings` are its kind's."""
    dial = weighting.to_json() if isinstance(weighting, CostWeighting) else None
    settings |= {"cost_weight": None if dial else weighting, "tried": support.to_json()}
    settings |= {"dial": dial} if kind == "network" else {}
    return Header(kind, algorithm, bank.actions, bank.observations, settings, card or {})
