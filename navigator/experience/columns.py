"""Columns: experience as features of an observation, so that every policy that reads numbers can read it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pilotage.navigator.errors import SpecMismatch
from pilotage.navigator.experience.estimates import Estimates
from pilotage.navigator.experience.situations import Integers
from pilotage.navigator.spaces import ActionSpec, Feature, Observation, ObservationSpec

DEAREST = 8.0
"""Thousands of tokens above which a cost is not told apart."""


def columns(actions: ActionSpec) -> tuple[Feature, ...]:
    """Three features an action: expected score, expected cost and the standard error of the score."""
    return (
        *(Feature(f"success_{name}", 0, 1, f"score where {name} is next, on like tasks") for name in actions.names),
        *(
            Feature(f"cost_{name}", 0, DEAREST, f"thousands of tokens from there on where {name} is next")
            for name in actions.names
        ),
        *(Feature(f"error_{name}", 0, 1, f"standard error of success_{name}; 1: never met") for name in actions.names),
    )


def with_experience(observations: ObservationSpec, actions: ActionSpec) -> ObservationSpec:
    """The features with those of experience behind them."""
    return ObservationSpec((*observations.features, *columns(actions)))


def places(observations: ObservationSpec, actions: ActionSpec) -> tuple[list[int], list[int], list[int]]:
    """Where the scores, costs and errors of all actions stand; raises SpecMismatch where they do not."""
    names = [column.name for column in columns(actions)]
    if missing := [name for name in names if name not in observations.names]:
        raise SpecMismatch(
            f"the features of experience are missing (the first is {missing[0]}): they need the embeddings of the "
            "tasks, `pilotage bank embed`"
        )
    found, count = [observations.names.index(name) for name in names], len(actions)
    return found[:count], found[count : 2 * count], found[2 * count :]


def column_values(estimates: Estimates, task: Integers, situation: Integers) -> Observation:
    """Values of the columns in n states, float32 (n, 3 * actions), by the task and the situation of each."""
    parts: Iterable[np.ndarray] = (
        estimates.success[task, situation],
        np.minimum(estimates.cost[task, situation], DEAREST),
        np.minimum(estimates.error[task, situation], 1.0),
    )
    return np.concatenate(tuple(parts), axis=1).astype(np.float32)
