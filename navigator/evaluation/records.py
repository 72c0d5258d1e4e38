"""Records: what each candidate policy did on every judged task, put together from the folds and the training seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_

import numpy as np

from pilotage.navigator.bank.arrays import Floats, Integers
from pilotage.navigator.errors import NavigatorError, PolicyError
from pilotage.navigator.evaluation.calibration import Predictions
from pilotage.navigator.evaluation.candidates import BaseCandidate, CandidatePolicy, require_known_tasks
from pilotage.navigator.evaluation.folds import Fold
from pilotage.navigator.evaluation.trainings import Trainings
from pilotage.navigator.policies.frequency_matched import FrequencyMatchedPolicy
from pilotage.navigator.policies.inputs import COUNTS
from pilotage.navigator.policies.provenance import Provenance
from pilotage.navigator.values.rollout import Rollout, by_policy, rollout

Frequencies = Mapping[tuple[int, ...], tuple[float, ...]]
Notify = Callable[[str], None]
"""Told what is being done."""


@dataclass(frozen=True)
class Record:
    """One candidate policy on m tasks, with s seeds; a actions.

    Attributes:
        candidate: who.
        tasks: ids of the tasks.
        families: the family of each.
        fold: number of the fold that each task was judged in, int (m,).
        correct: expected score, float (s, m); NaN where the bank cannot tell.
        cost: expected cost in thousands of tokens, (s, m); NaN likewise.
        blocks: expected blocks before the answer, (s, m); NaN likewise.
        uses: expected times of each action, float (m, a), mean over seeds.
        edges: expected times that one action follows another or the start, float (m, a + 1, a), mean over seeds.
        off_support: expected decisions that would have gone where nothing is recorded, float (m,), mean over seeds.
        predictions: predictions of success, of a candidate policy that makes them.
        frequencies: expected times of each action by the counts of blocks run before, for a matched random policy.
        asked: what the trained policies that decided for it had learned from.
        own: judged tasks that these had learned from; none where nobody asked for figures on them.
    """

    candidate: CandidatePolicy
    tasks: tuple[str, ...]
    families: tuple[str, ...]
    fold: Integers
    correct: Floats
    cost: Floats
    blocks: Floats
    uses: Floats
    edges: Floats
    off_support: Floats
    predictions: Predictions | None
    frequencies: Frequencies
    asked: Provenance = Provenance()
    own: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The candidate policy's name."""
        return self.candidate.name

    @cached_property
    def score(self) -> Floats:
        """Expected score of each task, mean over seeds, float (m,)."""
        mean: Floats = self.correct.mean(axis=0)
        return mean

    @cached_property
    def paid(self) -> Floats:
        """Expected cost of each task, mean over seeds, float (m,)."""
        mean: Floats = self.cost.mean(axis=0)
        return mean

    def value(self, cost_weight: float) -> Floats:
        """Score less weighted cost, float (m,)."""
        return self.score - cost_weight * self.paid

    @cached_property
    def known(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Tasks that the bank can tell of, bool (m,)."""
        return np.isfinite(self.score)


@dataclass(frozen=True)
class FrequencyMatched(BaseCandidate):
    """Random, with as many of each block as another candidate policy runs. It is made from that one's record.

    Attributes:
        of: the other candidate policy.
    """

    of: CandidatePolicy | None = None

    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """Not by itself; `record` makes the policy."""
        raise NavigatorError(
            f"{self.name} follows the record of another policy: use pilotage.navigator.evaluation.records"
        )


def record(
    candidates: Sequence[CandidatePolicy], folds: Sequence[Fold], trainings: Trainings, notify: Notify | None = None
) -> list[Record]:
    """What each candidate policy does on the tasks of all folds, by what it learned from the others.

    Raises:
        NavigatorError: what a candidate policy needs is not there; the text names it.
    """
    done: dict[str, Record] = {}
    for candidate in candidates:
        original = candidate.of if isinstance(candidate, FrequencyMatched) else candidate
        for one in (original, candidate):
            if one is not None and one.name not in done:
                if notify is not None:
                    notify(f"following {one.name}")
                matched = done[original.name] if isinstance(one, FrequencyMatched) and original is not None else None
                done[one.name] = _record(one, folds, trainings, matched)
    return [done[candidate.name] for candidate in candidates]


def _record(candidate: CandidatePolicy, folds: Sequence[Fold], trainings: Trainings, matched: Record | None) -> Record:
    def follow(fold: Fold, seed: int) -> Rollout:
        if matched is None:
            return candidate.rollout(fold, seed, trainings)
        arrays = fold.judged
        if not any(name.startswith(COUNTS) for name in arrays.observations.names):
            raise PolicyError(f"{candidate.name} needs {COUNTS}<block> features, and the bank's observations have none")
        policy = FrequencyMatchedPolicy(arrays.actions, arrays.observations, matched.frequencies, 0, candidate.name)
        return rollout(arrays, by_policy(policy, arrays))

    rollouts = [[follow(fold, seed) for seed in candidate.seeds] for fold in folds]
    lost = np.concatenate([np.mean([w.lost for w in by_seed], axis=0) for by_seed in rollouts]) > 0

    def by_seed(name: str) -> Floats:
        return np.concatenate([[getattr(w.outcomes, name) for w in seeds] for seeds in rollouts], axis=1)

    def mean(name: str) -> Floats:
        found = np.concatenate([np.mean([getattr(w, name) for w in seeds], axis=0) for seeds in rollouts])
        found[lost] = np.nan
        return found

    weight = candidate.cost_weight
    every = [w for seeds in rollouts for w in seeds]
    return Record(
        candidate,
        tuple(task for fold in folds for task in fold.judged.tasks),
        tuple(family for fold in folds for family in fold.judged.families),
        np.concatenate([np.full(len(fold.judged.tasks), number) for number, fold in enumerate(folds)]),
        by_seed("correct"),
        by_seed("cost"),
        by_seed("blocks"),
        mean("uses"),
        mean("edges"),
        mean("off_support"),
        None if weight is None else Predictions.together([Predictions.of(w, weight) for w in every]),
        _frequencies(every),
        reduce(or_, (w.asked for w in every)),
        frozenset(task for w in every for task in w.arrays.among(w.asked.tasks)),
    )


def require_apart(records: Sequence[Record]) -> None:
    """Raises PolicyError where a policy that decided had learned from what it was judged on, or does not say so."""
    for one in records:
        require_known_tasks(one.name, one.asked)
        if one.own:
            raise PolicyError(
                f"{one.name} asked a policy that was trained on {len(one.own)} of the judged tasks ({min(one.own)!r} "
                "for one): give it an attribute `tasks_learned` with the ids of those tasks, which are then left out, "
                "or ask for figures on its own tasks (--in-sample)"
            )


def _frequencies(rollouts: Sequence[Rollout]) -> Frequencies:
    names = rollouts[0].arrays.observations.names
    places = [place for place, name in enumerate(names) if name.startswith(COUNTS)]
    total: dict[tuple[int, ...], Floats] = {}
    for one in rollouts:
        reached = np.flatnonzero(one.decided.sum(axis=1) > 0) if places else ()
        for state in reached:
            counts = tuple(int(value) for value in one.arrays.features[state, places])
            total[counts] = total.get(counts, 0.0) + one.decided[state]
    return {counts: tuple(row.tolist()) for counts, row in sorted(total.items())}


__all__ = ["Frequencies", "FrequencyMatched", "Record", "record"]
