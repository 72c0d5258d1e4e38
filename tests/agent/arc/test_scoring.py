"""The official score by hand: several tests, near misses, a third attempt, puzzles that nobody worked on."""

import pytest

from pilotage.agent.arc.attempts import ranked
from pilotage.agent.arc.runs import Result
from pilotage.agent.arc.scoring import score_split
from pilotage.agent.arc.splits import load_split
from pilotage.agent.errors import UsageError
from tests.agent.arc.made_up import A, B, C, D, grid, record, write

NEAR = [[5, 5], [5, 1]]
"""D but for one cell."""


@pytest.fixture
def split(tmp_path):
    """One test, two tests, three tests, and one puzzle more."""
    puzzles = {
        "one": record(),
        "two": record(tests=((C, D), (D, C))),
        "three": record(tests=((A, B), (C, D), (D, C))),
        "more": record(tests=((D, A),)),
    }
    return load_split(str(write(tmp_path / "p.json", puzzles)))


def answers(**attempts):
    return {id: tuple(tuple(map(grid, tried)) for tried in tests) for id, tests in attempts.items()}


def test_tests_are_shared_out_within_their_puzzle(split):
    score = score_split(
        split, answers(one=[[NEAR, D]], two=[[D, A], [A, NEAR]], three=[[B, A], [NEAR, D], [C, A]], more=[[B]])
    )
    assert score.official.value == pytest.approx((1 + 1 / 2 + 1 + 0) / 4)
    assert score.strict.value == pytest.approx(2 / 4)
    assert score.first.value == pytest.approx((0 + 1 / 2 + 2 / 3 + 0) / 4)
    assert score.tests == (7, 5) and not score.missing
    assert score.official.interval[0] < score.official.value < score.official.interval[1]


def test_a_third_attempt_does_not_count(split):
    assert score_split(split, answers(one=[[NEAR, A, D]])).official.value == 0
    assert score_split(split, answers(one=[[NEAR, D, A]])).official.value == 1 / 4


def test_puzzles_that_nobody_worked_on_count_zero(split):
    score = score_split(split, answers(one=[[D]], other=[[D]]))
    assert score.official.value == score.strict.value == 1 / 4
    assert score.missing == ("two", "three", "more") and score.beyond == ("other",)


def test_attempts_at_too_few_or_too_many_tests(split):
    score = score_split(split, answers(two=[[D]], one=[[NEAR], [D]], three=[[], [D], []]))
    assert {id: one.official for id, one in score.puzzles.items()} == {
        "one": 0, "two": 1 / 2, "three": pytest.approx(1 / 3), "more": 0,
    }  # fmt: skip


def test_a_split_without_outputs_cannot_be_scored(tmp_path):
    split = load_split(str(write(tmp_path / "p.json", {"a": record(hidden=True), "b": record(hidden=True)})))
    with pytest.raises(UsageError, match="no outputs of a and 1 more, so it cannot be scored: give its solutions"):
        score_split(split, {})


def test_all_or_nothing_has_an_interval_too(split):
    assert score_split(split, {}).official.interval[1] > 0.3


def test_an_empty_first_attempt_is_a_first_attempt(split):
    score = score_split(split, {"one": (((), grid(D)),)})
    assert score.official.value == 1 / 4 and score.first.value == 0


def test_what_does_not_vary_is_no_certainty(tmp_path):
    split = load_split(str(write(tmp_path / "p.json", {"two": record(tests=((C, D), (D, C)))})))
    low, high = score_split(split, answers(two=[[D], []])).official.interval
    assert low < 0.1 and high > 0.9


def test_a_puzzle_that_cannot_be_read_counts_zero_where_it_is_of_the_split(tmp_path):
    file = write(tmp_path / "p.json", {"one": record(), "ragged": record(((A, [[1], [1, 2]]),))})
    score = score_split(load_split(str(file)), answers(one=[[D]]))
    assert score.official.value == 1 / 2 and score.unread == 1
    assert score_split(load_split(f"{file};ids=one"), answers(one=[[D]])).official.value == 1


def test_two_different_attempts_are_chosen_at_each_test():
    one, two, three = (grid(A), grid(C)), (grid(A), grid(D)), (grid(B), grid(D))
    assert ranked([one, one, two, three], 2) == ((grid(A), grid(B)), (grid(C), grid(D)))
    assert ranked([], 2) == ((), ())


def test_what_failed_runs_of_a_puzzle_cost_is_told_with_it():
    line = {"task_id": "p", "route": [], "steps": [], "verified": False, "model": "m", "usage": {"prompt_tokens": 5}}
    assert Result.model_validate(line).usage.prompt_tokens == 5
    line["earlier"] = {"runs": 2, "usage": {"prompt_tokens": 7, "llm_calls": 2}}
    assert Result.model_validate(line).usage.prompt_tokens == 12
