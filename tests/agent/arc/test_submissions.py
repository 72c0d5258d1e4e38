"""Submissions: written as others read them, and read back; what is no submission is told."""

import json
from datetime import UTC, datetime

import pytest
import yaml

from pilotage.agent.arc.scoring import score_split
from pilotage.agent.arc.splits import load_split
from pilotage.agent.arc.submissions import NO_GUESS, Spent, community, read_submission, write_harness, write_kaggle
from pilotage.agent.errors import UsageError
from tests.agent.arc.made_up import A, B, C, D, grid, record, write

ANSWERS = {"one": ((grid(A), grid(D)),), "two": ((grid(D),), ())}


@pytest.fixture
def split(tmp_path):
    puzzles = {"one": record(), "two": record(tests=((C, D), (D, C))), "three": record()}
    return load_split(str(write(tmp_path / "p.json", puzzles)))


def test_kaggle_gets_every_puzzle_with_both_attempts(split, tmp_path):
    write_kaggle(tmp_path / "submission.json", split, ANSWERS)
    none = [list(row) for row in NO_GUESS]
    assert json.loads((tmp_path / "submission.json").read_text()) == {
        "one": [{"attempt_1": A, "attempt_2": D}],
        "two": [{"attempt_1": D, "attempt_2": D}, {"attempt_1": none, "attempt_2": none}],
        "three": [{"attempt_1": none, "attempt_2": none}],
    }


def test_a_submission_scores_as_its_answers_do(split, tmp_path):
    write_kaggle(tmp_path / "submission.json", split, ANSWERS)
    assert write_harness(tmp_path / "submission", split, ANSWERS, {}) == 2
    by_hand = score_split(split, ANSWERS).official
    assert by_hand.value == (1 + 1 / 2 + 0) / 3
    for place in ("submission.json", "submission"):
        assert score_split(split, read_submission(tmp_path / place).answers).official == by_hand


def test_a_folder_with_others_attempts_is_not_added_to(split, tmp_path):
    write(tmp_path / "s" / "old.json", [])
    with pytest.raises(UsageError, match="holds old.json already"):
        write_harness(tmp_path / "s", split, ANSWERS, {})


def test_the_harness_finds_what_it_reads(split, tmp_path):
    tmp_path /= "s"
    began = datetime(2026, 1, 2, tzinfo=UTC)
    write_harness(tmp_path, split, ANSWERS, {"two": Spent("m", 30, 10, 0.4, began, began)})
    first, second = json.loads((tmp_path / "two.json").read_text())
    assert first["attempt_1"]["answer"] == D and second["attempt_2"]["answer"] == []
    metadata = [test[name]["metadata"] for test in (first, second) for name in ("attempt_1", "attempt_2")]
    assert [one["pair_index"] for one in metadata] == [0, 0, 1, 1]
    assert sum(one["cost"]["total_cost"] for one in metadata) == 0.4, "what a puzzle took is told once"
    assert metadata[0]["cost"]["prompt_cost"] == pytest.approx(0.3) and metadata[0]["usage"]["total_tokens"] == 40


def test_no_guess_is_right_nowhere(tmp_path):
    split = load_split(str(write(tmp_path / "p.json", {"zero": record(tests=((C, [[0]]), (D, [[0, 0], [0, 0]])))})))
    write_harness(tmp_path / "s", split, {"zero": ((), ())}, {})
    assert score_split(split, read_submission(tmp_path / "s").answers).official.value == 0


def test_a_folder_s_results_are_no_puzzle(split, tmp_path):
    write_harness(tmp_path / "s", split, ANSWERS, {})
    write(tmp_path / "s" / "results.json", {"score": 1})
    assert set(read_submission(tmp_path / "s").answers) == {"one", "two"}


def test_the_leaderboard_s_file_says_what_is_left_to_fill_in():
    text = community("pilotage: low", 0.1234, "arc1", "evaluation", ["qwen"], 1.5)
    told = yaml.safe_load(text)
    assert told["name"] == "pilotage: low" and told["authors"] == [{"name": "", "github": ""}]
    (version,) = told["versions"]
    assert version["models"] == [{"name": "qwen"}]
    assert version["scores"] == [{"benchmark": "arc-agi-1", "score": 12.34, "set": "public", "cost": 1.5}]
    assert text.count("# to fill in") == 4 and "cost" not in community("a", 0, "arc2", "evaluation", ["m"], None)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([1], "is no submission: it has no attempts by the ids"),
        ({"a": {"attempt_1": A}}, "is no submission: a: it has no list of attempts"),
        ({"a": 3, "b": {"attempt_1": A}}, "is no submission: a: it has no list of attempts"),
    ],
)
def test_what_is_no_submission_is_told(tmp_path, content, why):
    with pytest.raises(UsageError, match=why) as refused:
        read_submission(write(tmp_path / "s.json", content))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("grid", "why"),
    [
        ([[1, 2], [1]], "a grid is ragged"),
        ([[1, 12]], "row 1 of a grid has 12"),
        ([[1, True]], "row 1 of a grid has True"),
        ([[1] * 31] * 31, "a grid has 31 rows of 31 cells"),
        (7, "a grid is a list of rows"),
        ({"answer": "no json"}, "Expecting value"),
        ([[]], "a grid is empty"),
    ],
)
def test_an_attempt_that_is_no_grid_is_wrong_and_the_rest_is_scored(split, tmp_path, grid, why):
    tests = [{"attempt_1": grid, "attempt_2": D}, {"attempt_1": D, "attempt_2": grid}]
    read = read_submission(write(tmp_path / "s.json", {"two": tests, "one": [{"attempt_1": D}]}))
    (first, second) = read.malformed
    assert (first.id, first.test, first.attempt) == ("two", 1, "attempt_1") and why in first.why
    assert (second.test, second.attempt) == (2, "attempt_2") and "\n" not in f"{first}{second}"
    score = score_split(split, read.answers)
    assert score.puzzles["one"].official == 1 and score.puzzles["two"].solved == (True, False)
    assert score.puzzles["two"].first == (False, False), "an attempt behind a malformed one is a second one"


def test_a_puzzle_or_a_test_without_attempts_is_wrong_beside_others(split, tmp_path):
    read = read_submission(write(tmp_path / "s.json", {"one": [{"attempt_1": D}], "two": 3, "three": ["x"]}))
    assert [(one.id, one.test, one.attempt) for one in read.malformed] == [("two", 0, ""), ("three", 1, "")]
    score = score_split(split, read.answers)
    assert score.official.value == 1 / 3 and score.missing == ()


def test_empty_attempts_are_no_guess_and_a_third_is_left_out(tmp_path):
    tests = [{"attempt_1": [], "attempt_2": B, "attempt_3": C}, {"attempt_1": None}]
    assert read_submission(write(tmp_path / "s.json", {"a": tests})).answers == {"a": (((), grid(B)), ())}


def test_a_submission_that_is_not_there_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    for place, why in (("no.json", "cannot be read"), ("empty", "it has no file of a puzzle")):
        with pytest.raises(UsageError, match=why):
            read_submission(tmp_path / place)
