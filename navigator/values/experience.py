"""Experience from a bank: what each recorded action came to, the run going on by the one-bit rule."""

from __future__ import annotations

import numpy as np

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.embeddings import TaskEmbeddings
from pilotage.navigator.experience.estimates import Experience, Outcomes, Smoothing
from pilotage.navigator.experience.situations import Situations
from pilotage.navigator.policies.rules.one_bit import one_bit
from pilotage.navigator.values.exact import policy_values


def experience_of(arrays: BankArrays, embeddings: TaskEmbeddings, smoothing: Smoothing | None = None) -> Experience:
    """What the recorded trees of some tasks teach: each recorded action, then on by the one-bit rule.

    Raises:
        BankError: a task has no embedding.
        SpecMismatch: the features do not tell situations apart.
    """
    situations = Situations(arrays.actions, arrays.observations)
    values = policy_values(arrays, one_bit(arrays.actions, arrays.observations))
    state, action = np.nonzero(arrays.playable & ~arrays.ended[:, None])
    outcomes = Outcomes(
        embeddings.of(arrays.tasks),
        arrays.task[state],
        situations.of(arrays.features)[state],
        action,
        values.q[state, action],
        values.price[state, action],
        (len(situations), len(arrays.actions)),
    )
    marks = (mark or task for mark, task in zip(arrays.content_fingerprints, arrays.tasks, strict=True))
    return Experience(outcomes, smoothing, tuple(marks))
