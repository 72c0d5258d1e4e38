"""Step rewards: each recorded step is paid for how good it is (RL of Thoughts, arXiv 2505.14140, section 3)."""

from __future__ import annotations

from typing import Any

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays, Float64s
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.step_scores import RecordedRewards
from pilotage.navigator.values.exact import uniform_values

VALUES = "values"
"""Name of the scores that a bank gives by itself."""


class ValueRewards:
    """The bank's own values: the share of recorded continuations that end right (Math-Shepherd's soft estimation)."""

    def rewards(self, bank: Bank, arrays: BankArrays) -> Float64s:
        """Values of random continuation, float (n,); 0 for roots."""
        return np.where(arrays.parent < 0, 0.0, uniform_values(arrays).value)

    def about(self) -> dict[str, Any]:
        """Its name; the values follow from the bank."""
        return {"scorer": VALUES}


StepRewards = ValueRewards | RecordedRewards
"""What training asks: the reward of arriving in each recorded state."""


def rewards_from(given: str) -> StepRewards:
    """The rewards of `values`, or of a file; raises BankError where the file cannot be read."""
    return ValueRewards() if given == VALUES else RecordedRewards.read(given)


__all__ = ["VALUES", "RecordedRewards", "StepRewards", "ValueRewards", "rewards_from"]
