"""What the baselines by fitted Q share: the trees of some tasks, their scaling, what may be chosen, and the card."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.policies.inputs import CostWeighting, Scaling
from pilotage.navigator.policies.policy_file import Header
from pilotage.navigator.training.card import about, learned_from
from pilotage.navigator.training.support import action_support, allowed_actions, header_for

SWEEPS = 16
"""More than the longest recorded sequence: values have come all the way up."""


class FittedSetup:
    """What is fitted on: some tasks of a bank, all for None.

    Attributes:
        arrays: their trees.
        scaling: from observations to inputs.
        inputs: of each state, scaled, float32 (n, features).
        allowed: what a policy may choose in each state, bool (n, a).
    """

    def __init__(self, bank: Bank, tasks: Iterable[str] | None) -> None:
        self.arrays = BankArrays.of(bank, tasks)
        self.scaling = Scaling.from_data(bank.observations, self.arrays.features)
        self.inputs = self.scaling(self.arrays.features)
        self._bank, self._support = bank, action_support(self.arrays)
        self.allowed = allowed_actions(self.arrays, self._support)

    def header(self, kind: str, algorithm: str, weighting: CostWeighting | float, **settings: Any) -> Header:
        """The header of the policy, its card inside; `settings` are its kind's."""
        learned = learned_from(self._bank, {"train": list(self.arrays.tasks)})
        card = {"algorithm": algorithm, "bank": about(self._bank, self.arrays), **learned}
        return header_for(self._bank, kind, algorithm, weighting, self._support, card, **settings)
