"""Records: what each candidate policy did on every judged task, put together from the folds and the training seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import or_

import numpy as np

from pilotage.navigator.bank.arrays import Float64s, Integers
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.evaluation.calibration import Predictions
from pilotage.navigator.evaluation.candidates import CandidatePolicy, FrequencyMatched, require_known_tasks
from pilotage.navigator.evaluation.folds import Fold
from pilotage.navigator.evaluation.trainings import Trainings
from pilotage.navigator.policies.frequency_matched import FrequencyMatchedPolicy
from pilotage.navigator.policies.inputs import COUNTS
from pilotage.navigator.policies.provenance import Provenance
from pilotage.navigator.spaces import ActionMask
from pilotage.navigator.values.rollout import Rollout

Frequencies = Mapping[tuple[int, ...], tuple[float, ...]]
Notify = Callable[[str], None]
"""Called with what is being done."""


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
        uses: expected number of times that each action is taken, float (m, a), mean over seeds.
        edges: expected number of times that one action follows another or the start, float (m, a + 1, a), mean over
            seeds.
        off_support: expected number of decisions that preferred an unrecorded action, float (m,), mean over seeds.
        predictions: predictions of success, of a candidate policy that makes them.
        frequencies: expected number of times that each action is taken, summed over tasks and seeds, by the counts of
            blocks run before; for a matched random policy.
        provenance: what the trained policies that decided for it had learned from.
        in_sample: judged tasks that these had learned from; none where nobody asked for figures on them.
    """

    candidate: CandidatePolicy
    tasks: tuple[str, ...]
    families: tuple[str, ...]
    fold: Integers
    correct: Float64s
    cost: Float64s
    blocks: Float64s
    uses: Float64s
    edges: Float64s
    off_support: Float64s
    predictions: Predictions | None
    frequencies: Frequencies
    provenance: Provenance
    in_sample: frozenset[str]

    @property
    def name(self) -> str:
        """The candidate policy's name."""
        return self.candidate.name

    @cached_property
    def score(self) -> Float64s:
        """Expected score of each task, mean over seeds, float (m,)."""
        return np.asarray(self.correct.mean(axis=0))

    @cached_property
    def mean_cost(self) -> Float64s:
        """Expected cost of each task, mean over seeds, float (m,)."""
        return np.asarray(self.cost.mean(axis=0))

    def value(self, cost_weight: float) -> Float64s:
        """Score less weighted cost, float (m,)."""
        return self.score - cost_weight * self.mean_cost

    @cached_property
    def known(self) -> ActionMask:
        """Tasks that the bank can tell of, bool (m,)."""
        return np.isfinite(self.score)


def record_all(
    candidates: Sequence[CandidatePolicy], folds: Sequence[Fold], trainings: Trainings, notify: Notify | None = None
) -> list[Record]:
    """What each candidate policy does on the tasks of all folds, by what it learned from the others.

    Raises:
        NavigatorError: what a candidate policy needs is not there; the text names it.
    """
    records: dict[str, Record] = {}

    def record_once(candidate: CandidatePolicy) -> Record:
        if candidate.name not in records:
            if isinstance(candidate, FrequencyMatched):
                frequencies = record_once(candidate.of).frequencies
                actions, observations = folds[0].judged.actions, folds[0].judged.observations
                if not any(name.startswith(COUNTS) for name in observations.names):
                    raise PolicyError(
                        f"{candidate.name} needs {COUNTS}<block> features, and the bank's observations have none"
                    )
                policy = FrequencyMatchedPolicy(actions, observations, frequencies, 0, candidate.name)
                candidate = replace(candidate, policy=policy)
            if notify is not None:
                notify(f"following {candidate.name}")
            records[candidate.name] = _combine(candidate, folds, trainings)
        return records[candidate.name]

    return [record_once(candidate) for candidate in candidates]


def _combine(candidate: CandidatePolicy, folds: Sequence[Fold], trainings: Trainings) -> Record:
    rollouts = [[candidate.rollout(fold, seed, trainings) for seed in candidate.seeds] for fold in folds]
    every = [one for seeds in rollouts for one in seeds]

    def by_seed(name: str) -> Float64s:
        return np.concatenate([[getattr(one.outcomes, name) for one in seeds] for seeds in rollouts], axis=1)

    def mean(name: str) -> Float64s:
        return np.concatenate([np.mean([getattr(one, name) for one in seeds], axis=0) for seeds in rollouts])

    lost = mean("lost") > 0
    counts = {name: mean(name) for name in ("uses", "edges", "off_support")}
    for values in counts.values():
        values[lost] = np.nan
    weight = candidate.cost_weight
    return Record(
        candidate=candidate,
        tasks=tuple(task for fold in folds for task in fold.judged.tasks),
        families=tuple(family for fold in folds for family in fold.judged.families),
        fold=np.repeat(np.arange(len(folds)), [len(fold.judged.tasks) for fold in folds]),
        correct=by_seed("correct"),
        cost=by_seed("cost"),
        blocks=by_seed("blocks"),
        **counts,
        predictions=None if weight is None else Predictions.of(every, weight),
        frequencies=_frequencies(every),
        provenance=reduce(or_, (one.asked for one in every)),
        in_sample=frozenset(task for one in every for task in one.arrays.matching(one.asked.tasks)),
    )


def require_apart(records: Sequence[Record]) -> None:
    """Raises PolicyError where a policy that decided had learned from what it was judged on, or does not say so."""
    for one in records:
        require_known_tasks(one.name, one.provenance)
        if one.in_sample:
            raise PolicyError(
                f"{one.name} asked a policy that was trained on {len(one.in_sample)} of the judged tasks "
                f"({min(one.in_sample)!r} for one): give it an attribute `tasks_learned` with the ids of those "
                "tasks, which are then left out, or ask for figures on its own tasks (--in-sample)"
            )


def _frequencies(rollouts: Sequence[Rollout]) -> Frequencies:
    names = rollouts[0].arrays.observations.names
    places = [place for place, name in enumerate(names) if name.startswith(COUNTS)]
    total: dict[tuple[int, ...], Float64s] = {}
    for one in rollouts if places else ():
        for state in np.flatnonzero(one.decided.sum(axis=1) > 0):
            counts = tuple(one.arrays.features[state, places].astype(int).tolist())
            total[counts] = total.get(counts, 0.0) + one.decided[state]
    return {counts: tuple(row.tolist()) for counts, row in sorted(total.items())}
