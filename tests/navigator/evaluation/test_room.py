"""Families that leave a router room: told from the tasks to learn from, never from those that are judged."""

from dataclasses import replace

import numpy as np
import pytest

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.evaluation import Protocol, evaluate
from pilotage.navigator.evaluation.folds import Fold, cross_fit, family_folds
from pilotage.navigator.evaluation.room import tasks_with_room
from tests.navigator.evaluation.made_up import flat_bank

QUICK = Protocol(folds=3, seeds=1, efforts=(), resamples=500)
RIGHT = {"all": {"program", "reason"}, "none": set(), "sums": {"program"}, "words": {"reason"}, "half": {"program"}}
"""By family: the best fixed sequence is `program`; only on words is another one ahead of it."""


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    right = {f"{family}/{n}": good for family, good in RIGHT.items() for n in range(6)}
    return flat_bank(tmp_path_factory.mktemp("b") / "b", right)


def test_room_is_where_some_sequence_is_ahead_of_the_best_fixed_one(bank):
    folds = cross_fit(bank, 3)
    families = [family for fold in folds for family in fold.judged.families]
    assert tasks_with_room(folds, 0.1).tolist() == [family == "words" for family in families]


def test_what_is_judged_has_no_say(bank):
    """All scores of the judged tasks turned round: the same families have room."""
    folds = cross_fit(bank, 3)
    turned = [Fold(fold.training, replace(fold.judged, score=1 - fold.judged.score)) for fold in folds]
    assert np.array_equal(tasks_with_room(folds, 0.1), tasks_with_room(turned, 0.1))


def test_one_task_to_learn_from_is_enough_and_only_where_it_is_learned_from(tmp_path):
    right = {f"{family}/{n}": {"program"} for family in "ab" for n in range(4)} | {"a/0": {"reason"}}
    bank = flat_bank(tmp_path / "b", right)
    for task, expected in (("a/0", False), ("a/1", True), ("b/0", False)):
        rest = bank.only([one for one in bank.tasks if one != task])
        assert tasks_with_room([Fold(rest, BankArrays.of(bank, [task]))], 0.1).tolist() == [expected]


def test_of_families_that_nothing_was_learned_of_it_is_not_known(bank):
    assert tasks_with_room(family_folds(bank, 5)[:1], 0.1) is None
    assert evaluate(bank, ["best-fixed"], replace(QUICK, only=("words",))).room is None


def test_an_evaluation_says_how_far_ahead_a_policy_is_where_there_is_room(bank):
    found = evaluate(bank, ["best-fixed", "always:reason", "best-fixed-per-family", "oracle"], QUICK)
    assert found.room.families == {"words": 6} and found.room.tasks == 6
    pair = found.comparison("best-fixed-per-family", "best-fixed")
    assert pair.difference == pytest.approx(0.2) and pair.with_room.difference == pytest.approx(1)
    assert pair.with_room.tasks == 6 and pair.with_room.cost_ratio == pytest.approx(2)
    assert pair.with_room.value_difference == pytest.approx(1 - 0.1 * 0.15)
    assert pair.family_interval[0] == 0 < pair.interval[0], "one family in five is ahead: none of them may be drawn"
    worse = found.comparison("always:reason", "best-fixed")
    assert worse.difference == pytest.approx(-0.2) and worse.with_room.difference == pytest.approx(1)


def test_where_no_family_has_room_nothing_is_said(tmp_path):
    bank = flat_bank(tmp_path / "b", {f"{family}/{n}": {"program"} for family in "ab" for n in range(3)})
    found = evaluate(bank, ["best-fixed", "random"], QUICK)
    assert found.room.families == {} and found.comparisons[0].with_room is None
