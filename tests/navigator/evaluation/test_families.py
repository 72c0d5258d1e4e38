"""Families that are sealed: closed while others are judged, then judged once by what these teach."""

import pytest

from pilotage.navigator import Bank
from pilotage.navigator.errors import BankError, PolicyError
from pilotage.navigator.evaluation import Protocol, evaluate
from pilotage.navigator.evaluation.families import only_these
from tests.navigator.banks import learnable_bank
from tests.navigator.evaluation.made_up import flat_bank

QUICK = {"folds": 2, "seeds": 1, "efforts": (), "resamples": 500}


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return learnable_bank(tmp_path_factory.mktemp("bank") / "b", tasks=30, depth=2)


def test_of_a_family_that_is_left_out_nothing_is_read_learned_or_judged(tmp_path):
    bank = learnable_bank(tmp_path / "b", tasks=18, depth=1)
    for task in bank.families["words"]:
        header, *_ = bank.files[task].read_text().splitlines()
        bank.files[task].write_text(f"{header}\nthis is no node\n")
    with pytest.raises(BankError):
        evaluate(Bank.open(tmp_path / "b"), ["best-fixed", "nearest"], Protocol(**QUICK))
    found = evaluate(tmp_path / "b", ["best-fixed", "nearest"], Protocol(**QUICK, leave_out=["words"]))
    assert found.bank.families == {"easy": 6, "sums": 6} and found.protocol.tasks == found.bank.tasks == 12
    assert found.protocol.leave_out == ("words",) and {one.family for one in found.families} == {"easy", "sums"}


def test_the_families_left_in_come_to_what_a_bank_without_the_others_comes_to(bank):
    closed = evaluate(bank, ["best-fixed", "linear"], Protocol(**QUICK, leave_out=["easy"]))
    kept = [task for task in bank.tasks if not task.startswith("easy")]
    alone = evaluate(bank.only(kept), ["best-fixed", "linear"], Protocol(**QUICK))
    assert closed.policies == alone.policies and closed.comparisons == alone.comparisons


def test_only_some_families_are_judged_by_what_all_others_teach(bank):
    (fold,) = only_these(bank, ["sums"])
    assert set(fold.judged.families) == {"sums"} and set(fold.training.families) == {"easy", "words"}
    found = evaluate(bank, ["best-fixed", "best-fixed-per-family", "oracle"], Protocol(**QUICK, only=["sums"]))
    assert found.protocol.tasks == 10 and found.protocol.kind == "held-out" and found.protocol.folds is None
    assert found.protocol.only == ("sums",) and [one.family for one in found.families] == ["sums"]
    assert found.bank.tasks == 30
    # Words need reasoning, easy ones nothing: what they teach does not solve a sum.
    assert found.policy("best-fixed").accuracy < 1 == found.policy("oracle").accuracy


def test_families_learn_from_nothing_of_those_that_are_judged(tmp_path):
    """`a` is right by a program, `b` by reasoning: judged alone, each is sent the other's way and gets all wrong."""
    right = {f"{family}/{n}": {good} for n in range(6) for family, good in (("a", "program"), ("b", "reason"))}
    bank = flat_bank(tmp_path / "b", right)
    for family in "ab":
        found = evaluate(bank, ["best-fixed-per-family"], Protocol(**QUICK, only=[family]))
        assert found.policy("best-fixed-per-family").accuracy == 0
    assert evaluate(bank, ["best-fixed-per-family"], Protocol(**QUICK)).policies[0].accuracy == 1


def test_both_together_judge_some_by_what_those_left_in_teach(bank):
    (fold,) = only_these(bank.of_families(leave_out=["easy"]), ["sums"])
    assert set(fold.training.families) == {"words"}
    found = evaluate(bank, ["nearest"], Protocol(**QUICK, only=["sums"], leave_out=["easy"]))
    assert found.bank.tasks == 20 and found.protocol.tasks == 10


def test_another_bank_is_closed_alike(bank, tmp_path):
    other = learnable_bank(tmp_path / "other", tasks=12, seed=1, depth=2)
    found = evaluate(bank, ["nearest"], Protocol(**QUICK, leave_out=["words"]), other=other)
    assert [one.tasks for one in found.transfer] == [8]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"only": ["gcd"]}, "the family 'gcd' cannot be judged: .* has easy, sums, words"),
        ({"leave_out": ["gcd"]}, "the family 'gcd' cannot be left out"),
        ({"leave_out": ["easy", "sums", "words"]}, "no family of the bank .* is left"),
        ({"only": ["easy", "sums", "words"]}, "none is left to learn from"),
        ({"only": ["sums"], "leave_out": ["sums"]}, "cannot be judged and left out"),
        ({"only": "sums"}, "a list of their names"),
        ({"only": ["sums"], "part": "test"}, "leave out the part"),
        ({"only": ["sums"], "groups": 2}, "leave out the part of a split and the groups"),
    ],
)
def test_what_makes_no_sense_is_told(bank, given, said):
    with pytest.raises((BankError, PolicyError), match=said):
        evaluate(bank, ["best-fixed"], Protocol(**QUICK, **given))
