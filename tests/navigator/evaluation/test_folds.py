from collections import Counter

import pytest

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.records import CONTENT_FINGERPRINT
from pilotage.navigator.errors import BankError
from pilotage.navigator.evaluation.folds import Fold, cross_fit, family_folds, held_out, other_bank
from pilotage.navigator.spaces import ActionSpec
from tests.navigator.banks import ACTIONS, META, learnable_bank, node, write_bank


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return learnable_bank(tmp_path_factory.mktemp("bank") / "b", tasks=31, depth=1)


@pytest.mark.parametrize("count", [2, 5, 31])
def test_every_task_is_judged_once_and_never_by_what_it_taught(bank, count):
    folds = cross_fit(bank, count, seed=3)
    assert sorted(task for fold in folds for task in fold.judged.tasks) == bank.tasks
    for fold in folds:
        assert set(fold.training.tasks) == set(bank.tasks) - set(fold.judged.tasks)
        with pytest.raises(BankError, match="has no task"):
            fold.training.tree(fold.judged.tasks[0])
        with pytest.raises(BankError, match="has no task"):
            BankArrays.of(fold.training, fold.judged.tasks)


def test_families_are_spread_over_the_folds(bank):
    for fold in cross_fit(bank, 5):
        counts = Counter(fold.judged.families)
        assert set(counts) == set(bank.families) and max(counts.values()) - min(counts.values()) <= 1


def test_the_same_seed_deals_the_same_folds(bank):
    dealt = [[fold.judged.tasks for fold in cross_fit(bank, 4, seed)] for seed in (1, 1, 2)]
    assert dealt[0] == dealt[1] != dealt[2]


def test_tasks_that_are_not_to_be_judged_are_learned_from_all_the_same(bank):
    judged = bank.tasks[:7]
    folds = cross_fit(bank, 5, judged=judged)
    assert sorted(task for fold in folds for task in fold.judged.tasks) == judged
    assert all(len(fold.training.tasks) >= 24 for fold in folds)


def test_a_fold_refuses_a_task_on_both_sides(bank):
    with pytest.raises(BankError, match="would be judged by what was learned from it"):
        Fold(bank, BankArrays.of(bank, bank.tasks[:1]))


def test_a_part_is_judged_by_all_others(bank):
    (fold,) = held_out(bank, "test", {"train": 0.5, "validation": 0.2, "test": 0.3}, seed=1)
    assert list(fold.judged.tasks) == bank.split({"train": 0.5, "validation": 0.2, "test": 0.3}, 1)["test"]
    assert len(fold.training.tasks) + len(fold.judged.tasks) == 31


def test_families_are_held_out_whole(bank):
    folds = family_folds(bank, 2)
    assert sorted(task for fold in folds for task in fold.judged.tasks) == bank.tasks
    for fold in folds:
        assert not set(fold.judged.families) & set(fold.training.families)


def test_a_task_that_both_banks_hold_is_not_judged_by_what_it_taught(bank, tmp_path):
    trees = {(task, task.split("/")[0]): [node()] for task in bank.tasks[:20]}
    other = write_bank(tmp_path / "o", {**trees, ("new/1", "new"): [node()]})
    folds = other_bank(bank, other, 5)
    assert sorted(task for fold in folds for task in fold.judged.tasks) == other.tasks
    assert not any(set(fold.training.tasks) & set(fold.judged.tasks) for fold in folds)


def test_banks_of_other_actions_do_not_meet(bank, tmp_path):
    from dataclasses import replace

    more = ActionSpec(("fly", *ACTIONS.names))
    wide = node(mask=more.mask(()).tolist())
    other = write_bank(tmp_path / "o", {"f/a": [wide]}, replace(META, actions=more))
    with pytest.raises(BankError, match="has other actions than"):
        other_bank(bank, other, 5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda bank: cross_fit(bank, 1), "at least 2 folds"),
        (lambda bank: cross_fit(bank, 32), "31 tasks, too few for 32 folds: record more tasks, or take 31 folds"),
        (lambda bank: cross_fit(bank.only(bank.tasks[:1]), 5), "the bank has 1 task, too few for 5 folds: record more"),
        (lambda bank: held_out(bank, "exam", {"train": 0.5, "test": 0.5}), "no part 'exam' beside others"),
        (lambda bank: held_out(bank, "test", {"test": 1.0}), "no part 'test' beside others"),
        (lambda bank: held_out(bank, "test", {"train": 0.5, "test": 0.5}, judged=()), "every one was learned from"),
        (lambda bank: family_folds(bank, 4), "give 2 to 3 groups"),
        (lambda bank: family_folds(bank, 1), "give 2 to 3 groups"),
    ],
)
def test_what_cannot_be_dealt_says_why(bank, make, said):
    assert isinstance(bank, Bank)
    with pytest.raises(BankError, match=said):
        make(bank)


def copied(path, tasks=12):
    """A bank in which t0 to t3 are there again in another family, under other ids."""
    made = {(f"t{n}", "first"): [node(extras={CONTENT_FINGERPRINT: f"p{n}"})] for n in range(tasks)}
    made |= {(f"copy/{n}", "second"): [node(extras={CONTENT_FINGERPRINT: f"p{n}"})] for n in range(4)}
    made |= {(f"more/{n}", "second"): [node(extras={CONTENT_FINGERPRINT: f"more {n}"})] for n in range(4)}
    return write_bank(path, made)


def test_a_copy_of_a_judged_task_is_not_learned_from_whatever_its_id_or_family(tmp_path):
    bank, other = copied(tmp_path / "a"), copied(tmp_path / "b")
    parts = {"train": 0.5, "test": 0.5}
    elsewhere = write_bank(tmp_path / "c", {"renamed": [node(extras={CONTENT_FINGERPRINT: "p1"})], "new": [node()]})
    for folds in (
        cross_fit(bank, 4),
        held_out(bank, "test", parts),
        family_folds(bank, 2),
        other_bank(bank, other, 3),
        other_bank(bank, elsewhere, 3),
    ):
        for fold in folds:
            learned = {fold.training.tree(task).content_fingerprint for task in fold.training.tasks}
            assert not learned & set(fold.judged.content_fingerprints) - {""}
    assert sorted(task for fold in cross_fit(bank, 4) for task in fold.judged.tasks) == bank.tasks
