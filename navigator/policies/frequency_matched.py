"""Matched random: as many of each block as another policy runs, without its eye for the task.

What a policy gains over this one it gains by looking; what this one gains over uniform is only a better mixture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pilotage.navigator.arguments import require_seed
from pilotage.navigator.policies.inputs import count_places
from pilotage.navigator.policies.policy import Decision, generator_for
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec


@dataclass(frozen=True)
class FrequencyMatchedPolicy:
    """At each step, draws as the other policy's routes do after the same blocks in any order; else ends.

    Where a drawn action is not legal, the legal ones keep their proportions. The same observation and seed give the
    same action.

    Args:
        actions: the action list.
        observations: spec with `count_<block>` features.
        frequencies: how often each action followed, in expectation or counted, shape (actions,), by the counts of
            blocks run before.
        seed: of the draws.
        name: for reports.
    """

    actions: ActionSpec
    observations: ObservationSpec
    frequencies: Mapping[tuple[int, ...], tuple[float, ...]]
    seed: int = 0
    name: str = "matched-random"

    def __post_init__(self) -> None:
        require_seed(self.seed)

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """A draw; the terminal action where the other policy never was, or did nothing that is legal here."""
        self.actions.check(mask)
        counts = tuple(observation[count_places(self.observations)].astype(int).tolist())
        weights = np.asarray(self.frequencies.get(counts, (0.0,) * len(self.actions)), dtype=np.float64) * mask
        if not weights.any():
            return Decision(self.actions.index(self.actions.terminal), "the other policy was never here")
        shares = weights / weights.sum()
        drawn = int(generator_for(observation, self.seed).choice(len(shares), p=shares))
        return Decision(drawn, "drawn as often as elsewhere", probabilities=tuple(shares.tolist()))
