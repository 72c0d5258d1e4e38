"""What should not be judged: puzzles that were shown before, and those that answer themselves."""

import pytest

from pilotage.agent.arc.checks import Overlap, findings, overlaps
from pilotage.agent.arc.splits import load_split
from tests.agent.arc.made_up import A, B, C, D, record, write


@pytest.fixture
def split_of(tmp_path):
    def made(**records):
        return load_split(str(write(tmp_path / f"{min(records)}{len(records)}.json", records)))

    return made


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (record(((A, B), (A, B), (A, B))), "repeats 2 training pairs"),
        (record(((A, B), (A, C))), "gives a training input several outputs"),
        (record(((A, B), (B, A)), ((A, D), (B, D))), "asks for 2 training inputs again"),
        (record(((A, B), (B, A)), ((C, B),)), "shows the answer to 1 test as a training output"),
    ],
)
def test_a_puzzle_that_is_odd_is_told(split_of, content, what):
    assert [(one.id, one.what) for one in findings(split_of(a=content, b=record(((D, A),))))] == [("a", what)]


def test_one_puzzle_under_two_names_is_told(split_of):
    pairs = ((A, B), (B, C))
    found = findings(split_of(a=record(pairs), b=record(), c=record(pairs[::-1])))
    assert [(one.id, one.what) for one in found] == [("a", "is the same puzzle as c")]


def test_a_puzzle_without_outputs_is_looked_at_as_far_as_it_goes(split_of):
    assert not findings(split_of(a=record(((A, B), (B, A)), ((C, B),), hidden=True)))


def test_the_official_data_is_as_others_have_found_it():
    told = {one.id: one.what for one in findings(load_split("arc1:training"))}
    assert len(told) == 10 and "known to be flawed" in told["e5062a87"]
    (found,) = overlaps(load_split("arc1:training"), load_split("arc1:evaluation"))
    assert found == Overlap("40853293", "070dd51e", 3, 3, True), "one puzzle is in both splits, by two names"


def test_what_is_shown_elsewhere_is_found_by_its_pairs(split_of):
    hidden = {"hidden": True}
    judged = split_of(
        a=record(((A, B), (B, C), (C, D)), **hidden), b=record(((D, D), (C, C)), **hidden), c=record(((A, C), (B, B)))
    )
    taught = split_of(x=record(((B, C), (A, B)), **hidden), y=record(((C, C), (D, D)), **hidden))
    assert overlaps(judged, taught) == [Overlap("a", "x", 2, 3, False), Overlap("b", "y", 2, 2, True)]


def test_a_test_that_is_shown_elsewhere_with_its_output_is_found(split_of):
    judged, asked = record(((A, B),), ((C, D),)), record(((D, A),), ((A, B),))
    (found,) = overlaps(split_of(a=judged), split_of(x=record(((C, D),), ((D, C),))))
    assert found == Overlap("a", "x", 1, 2, False), "that is the answer itself"
    assert [one.id for one in overlaps(split_of(b=asked), split_of(z=judged))] == ["b"]


def test_many_equal_puzzles_are_told_of_a_few(split_of):
    same = split_of(**{f"p{number}": record() for number in range(300)})
    assert len(overlaps(same, same)) == 300 * 20
