"""Step rewards: each recorded step is paid for how good it is (RL of Thoughts, arXiv 2505.14140, section 3)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays, Floats
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.step_scores import Scores, read_scores, step_hash
from pilotage.navigator.errors import BankError
from pilotage.navigator.values.exact import uniform_values

VALUES = "values"
"""Name of the scores that a bank gives by itself."""


class ValueRewards:
    """The bank's own values: the share of recorded continuations that end right (Math-Shepherd's soft estimation)."""

    def rewards(self, bank: Bank, arrays: BankArrays) -> Floats:
        """Values of random continuation, float (n,)."""
        return np.where(arrays.parent < 0, 0.0, uniform_values(arrays).value)

    def about(self) -> dict[str, Any]:
        """Its name; the values follow from the bank."""
        return {"scorer": VALUES}


@dataclass(frozen=True)
class RecordedRewards:
    """The scores in a file. An unknown score pays nothing.

    Args:
        path: the file.
        scorer: who scored.
        identity: changes with anything that the scores depend on.
        scores: hash of what was scored, and its score, by task and node.
    """

    path: Path
    scorer: str
    identity: str
    scores: Scores

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The scores in a file, the newest of each step; raises BankError where it holds none."""
        path = Path(path)
        try:
            header, scores = read_scores(path)
        except FileNotFoundError as error:
            raise BankError(
                f"there are no step scores in {path}: make them with `pilotage bank score`, or give `{VALUES}`"
            ) from error
        return cls(path, header["scorer"], header["identity"], scores)

    def rewards(self, bank: Bank, arrays: BankArrays) -> Floats:
        """Scores of the steps, float (n,); raises BankError where one was not scored, or was another one then."""
        rewards, missing = np.zeros(len(arrays)), []
        for place in np.flatnonzero(arrays.parent >= 0).tolist():
            task, id = arrays.tasks[arrays.task[place]], arrays.ids[place]
            digest, score = self.scores.get((task, id), (None, None))
            if score is None or digest != step_hash(bank.tree(task), bank.tree(task).nodes[id]):
                missing.append(f"{id} of task {task}")
            else:
                rewards[place] = score.value or 0.0
        if missing:
            raise BankError(
                f"{self.path} has no score for {len(missing)} of {len(arrays) - len(arrays.roots)} steps of the bank, "
                f"{missing[0]} for one: run `pilotage bank score` again, which scores what is missing"
            )
        return rewards

    def about(self) -> dict[str, Any]:
        """Who scored, how many steps, at what cost, and a hash of the scores."""
        content = sorted((*key, digest, score.value) for key, (digest, score) in self.scores.items())
        usage: dict[str, float] = {}
        for _, score in self.scores.values():
            for name, value in score.usage.items():
                if name != "seconds":  # the same scores give the same card
                    usage[name] = usage.get(name, 0) + value
        return {
            "scorer": self.scorer,
            "identity": self.identity,
            "hash": hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16],
            "steps": len(self.scores),
            "unknown": sum(score.value is None for _, score in self.scores.values()),
            "usage": dict(sorted(usage.items())),
        }


StepRewards = ValueRewards | RecordedRewards
"""What training asks: the reward of arriving in each recorded state."""


def rewards_from(given: str) -> StepRewards:
    """The rewards of `values`, or of a file; raises BankError where the file cannot be read."""
    return ValueRewards() if given == VALUES else RecordedRewards.read(given)
