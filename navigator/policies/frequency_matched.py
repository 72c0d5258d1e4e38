"""Matched random: as many of each block as another policy runs, without its eye for the task.

What a policy gains over this one it gains by looking; what this one gains over uniform is only a better mixture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import COUNTS
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

    @classmethod
    def of(
        cls,
        routes: Iterable[Sequence[str]],
        actions: ActionSpec,
        observations: ObservationSpec,
        seed: int = 0,
    ) -> FrequencyMatchedPolicy:
        """Matches a policy's routes, terminal action included or not.

        Raises:
            PolicyError: there is no route, or the spec has no counts.
            SpecMismatch: a route has an unknown action.
        """
        counted = _counted(observations)
        if not counted:
            raise PolicyError(f"a matched random policy reads {COUNTS}<block> features, and the observations have none")
        found: dict[tuple[int, ...], list[int]] = {}
        for route in routes:
            blocks = [name for name in route if name != actions.terminal]
            for place, name in enumerate([*blocks, actions.terminal]):
                before = Counter(blocks[:place])
                row = found.setdefault(tuple(before[one] for one in counted), [0] * len(actions))
                row[actions.index(name)] += 1
        if not found:
            raise PolicyError("a matched random policy needs at least one route of the policy to match")
        return cls(actions, observations, {counts: tuple(row) for counts, row in sorted(found.items())}, seed)

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """A draw; the terminal action where the other policy never was, or did nothing that is legal here."""
        weights = self._weights(observation, mask)
        if not weights.any():
            return Decision(self.actions.index(self.actions.terminal), "the other policy was never here")
        shares = weights / weights.sum()
        drawn = int(generator_for(observation, self.seed).choice(len(shares), p=shares))
        return Decision(drawn, "drawn as often as elsewhere", probabilities=tuple(shares.tolist()))

    def _weights(self, observation: Observation, mask: ActionMask) -> NDArray[np.float64]:
        counts = tuple(int(self.observations.value(observation, COUNTS + name)) for name in _counted(self.observations))
        known = self.frequencies.get(counts, (0.0,) * len(self.actions))
        return np.asarray(known, dtype=np.float64) * mask


def _counted(observations: ObservationSpec) -> list[str]:
    return [name.removeprefix(COUNTS) for name in observations.names if name.startswith(COUNTS)]
