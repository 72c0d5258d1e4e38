"""Records: what each contender did on every judged task, put together from the folds and the training seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_

import numpy as np

from pilotage.navigator.bank.arrays import Floats, Integers
from pilotage.navigator.errors import NavigatorError, PolicyError
from pilotage.navigator.evaluation.calibration import Claims
from pilotage.navigator.evaluation.candidates import Contender, Plain, require_said
from pilotage.navigator.evaluation.folds import Fold
from pilotage.navigator.evaluation.trainings import Trainings
from pilotage.navigator.policies.frequency_matched import MatchedPolicy
from pilotage.navigator.policies.inputs import COUNTS
from pilotage.navigator.policies.provenance import Provenance
from pilotage.navigator.values.rollout import Rollout, by_policy, rollout

Frequencies = Mapping[tuple[int, ...], tuple[float, ...]]
Said = Callable[[str], None]
"""Told what is being done."""


@dataclass(frozen=True)
class Record:
    """One contender on m tasks, with s seeds; a actions.

    Attributes:
        contender: who.
        tasks: ids of the tasks.
        families: the family of each.
        fold: number of the fold that each task was judged in, int (m,).
        correct: expected score, float (s, m); NaN where the bank cannot tell.
        cost: expected cost in thousands of tokens, (s, m); NaN likewise.
        blocks: expected blocks before the answer, (s, m); NaN likewise.
        uses: expected times of each action, float (m, a), mean over seeds.
        edges: expected times that one action follows another or the start, float (m, a + 1, a), mean over seeds.
        off_support: expected decisions that would have gone where nothing is recorded, float (m,), mean over seeds.
        claims: predictions of success, of a contender that makes them.
        frequencies: expected times of each action by the counts of blocks run before, for a matched random policy.
        asked: what the trained policies that decided for it had learned from.
        own: judged tasks that these had learned from; none where nobody asked for figures on them.
    """

    contender: Contender
    tasks: tuple[str, ...]
    families: tuple[str, ...]
    fold: Integers
    correct: Floats
    cost: Floats
    blocks: Floats
    uses: Floats
    edges: Floats
    off_support: Floats
    claims: Claims | None
    frequencies: Frequencies
    asked: Provenance = Provenance()
    own: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The contender's name."""
        return self.contender.name

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
class Matched(Plain):
    """Random, with as many of each block as another contender runs. It is made from that one's record.

    Attributes:
        of: the other contender.
    """

    of: Contender | None = None

    def rollout(self, fold: Fold, seed: int, trainings: Trainings) -> Rollout:
        """Not by itself; `record` makes the policy."""
        raise NavigatorError(
            f"{self.name} follows the record of another policy: use pilotage.navigator.evaluation.records"
        )


def record(
    contenders: Sequence[Contender], folds: Sequence[Fold], trainings: Trainings, said: Said | None = None
) -> list[Record]:
    """What each contender does on the tasks of all folds, by what it learned from the others.

    Raises:
        NavigatorError: what a contender needs is not there; the text names it.
    """
    done: dict[str, Record] = {}
    for contender in contenders:
        original = contender.of if isinstance(contender, Matched) else contender
        for one in (original, contender):
            if one is not None and one.name not in done:
                if said is not None:
                    said(f"following {one.name}")
                matched = done[original.name] if isinstance(one, Matched) and original is not None else None
                done[one.name] = _record(one, folds, trainings, matched)
    return [done[contender.name] for contender in contenders]


def _record(contender: Contender, folds: Sequence[Fold], trainings: Trainings, matched: Record | None) -> Record:
    def follow(fold: Fold, seed: int) -> Rollout:
        if matched is None:
            return contender.rollout(fold, seed, trainings)
        arrays = fold.judged
        if not any(name.startswith(COUNTS) for name in arrays.observations.names):
            raise PolicyError(f"{contender.name} needs {COUNTS}<block> features, and the bank's observations have none")
        policy = MatchedPolicy(arrays.actions, arrays.observations, matched.frequencies, 0, contender.name)
        return rollout(arrays, by_policy(policy, arrays))

    rollouts = [[follow(fold, seed) for seed in contender.seeds] for fold in folds]
    lost = np.concatenate([np.mean([w.lost for w in by_seed], axis=0) for by_seed in rollouts]) > 0

    def by_seed(name: str) -> Floats:
        return np.concatenate([[getattr(w.outcomes, name) for w in seeds] for seeds in rollouts], axis=1)

    def mean(name: str) -> Floats:
        found = np.concatenate([np.mean([getattr(w, name) for w in seeds], axis=0) for seeds in rollouts])
        found[lost] = np.nan
        return found

    weight = contender.cost_weight
    every = [w for seeds in rollouts for w in seeds]
    return Record(
        contender,
        tuple(task for fold in folds for task in fold.judged.tasks),
        tuple(family for fold in folds for family in fold.judged.families),
        np.concatenate([np.full(len(fold.judged.tasks), number) for number, fold in enumerate(folds)]),
        by_seed("correct"),
        by_seed("cost"),
        by_seed("blocks"),
        mean("uses"),
        mean("edges"),
        mean("off_support"),
        None if weight is None else Claims.together([Claims.of(w, weight) for w in every]),
        _frequencies(every),
        reduce(or_, (w.asked for w in every)),
        frozenset(task for w in every for task in w.arrays.among(w.asked.tasks)),
    )


def require_apart(records: Sequence[Record]) -> None:
    """Raises PolicyError where a policy that decided had learned from what it was judged on, or does not say so."""
    for one in records:
        require_said(one.name, one.asked)
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


__all__ = ["Frequencies", "Matched", "Record", "record"]
