"""Room: families in which a router has something to choose.

A family has room where, on one of its tasks to learn from, some recorded sequence scores more than the best fixed one.
The tasks that are judged have no say in it, nor has any policy. Seen on the judged tasks themselves the same would only
leave out tasks on which nobody can be ahead of the best fixed sequence, and so flatter everyone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pilotage.navigator.evaluation.folds import Fold
from pilotage.navigator.spaces import ActionMask
from pilotage.navigator.values.sequences import MIN_COVERAGE, best_fixed, fixed_sequence, recorded_sequences

_SAME = 1e-9


def tasks_with_room(folds: Sequence[Fold], cost_weight: float) -> ActionMask | None:
    """Which of the judged tasks, in the order of the folds, are of a family with room; bool (m,).

    None where nothing was learned of any of their families, as where whole families are held out.
    """
    judged = [family for fold in folds for family in fold.judged.families]
    known = [family in fold.training.families for fold in folds for family in fold.judged.families]
    if not any(known):
        return None
    roomy = [_families(fold, cost_weight) for fold in folds]
    places = [number for number, fold in enumerate(folds) for _ in fold.judged.tasks]
    return np.array([family in roomy[place] for family, place in zip(judged, places, strict=True)])


def _families(fold: Fold, cost_weight: float) -> set[str]:
    learned = fold.learned
    best = best_fixed(learned, cost_weight, MIN_COVERAGE).outcomes.correct
    scores = [fixed_sequence(learned, blocks).outcomes.correct for blocks in recorded_sequences(learned)]
    ahead = np.any([score > best + _SAME for score in scores], axis=0)  # what is not known is not ahead
    return {learned.families[task] for task in np.flatnonzero(ahead).tolist()}
