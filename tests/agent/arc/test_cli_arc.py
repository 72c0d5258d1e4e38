"""`pilotage arc`: what a person is shown, what a program reads, and exit codes."""

import json
from xml.etree import ElementTree

import pytest

from pilotage.agent.arc.drawing import PALETTE
from tests.agent.arc.made_up import A, B, C, D, record, write


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p.json", {"a": record(), "b": record(((C, A), (C, A)))})
    write(tmp_path / "s.json", {"a": [{"attempt_1": D, "attempt_2": A}], "z": [{"attempt_1": A}]})
    return tmp_path


def test_a_check_names_what_is_odd_and_what_is_shown_elsewhere(here, command_line):
    write(here / "taught.json", {"x": record()})
    write(here / "p.json", {"a": record(), "b": record(((C, A), (C, A)), ((D, A),))})
    code, out, _ = command_line("arc", "check", "p.json", "--against", "taught.json")
    assert code == 1 and "p.json  2 puzzles, 2 tests" in out
    assert "b  repeats 1 training pair" in out
    assert "1 of 2 puzzles are shown there, 1 of them whole" in out and "a is x" in out
    told = json.loads(command_line("arc", "check", "p.json", "--against", "taught.json", "--json").out)
    assert told["overlaps"]["taught.json"][0]["other"] == "x" and told["findings"][0]["id"] == "b"
    assert command_line("arc", "check", "p.json;ids=a").code == 0


def test_what_is_left_out_is_named(here, command_line):
    write(here / "q.json", {"a": record(), "bad\x1b[2J": record(), "worse": record(((A, [[1], [1, 2]]),))})
    code, out, _ = command_line("arc", "check", "q.json")
    assert code == 1 and "left out" in out and "ragged" in out and "\x1b" not in out


def test_a_submission_is_scored_over_the_whole_split(here, command_line):
    code, out, _ = command_line("arc", "score", "s.json", "--split", "p.json")
    assert code == 0 and "50.0%" in out and "1 of 2 tests solved" in out
    assert "1 puzzle without an attempt" in out and "not of this split, and not counted: z" in out
    told = json.loads(command_line("arc", "score", "s.json", "--split", "p.json", "--json").out)
    assert told["official"]["value"] == 0.5 and told["scores"] == {"a": 1, "b": 0} and told["missing"] == ["b"]


def test_malformed_attempts_are_named_in_a_line_and_the_rest_is_scored(here, command_line):
    tests = [{"attempt_1": [[1, 12]], "attempt_2": "\x1b[2J"}]
    write(here / "s.json", {"a": [{"attempt_1": [[1], [1, 2]], "attempt_2": D}], "b": tests, "c": tests})
    code, out, _ = command_line("arc", "score", "s.json", "--split", "p.json")
    assert code == 0 and "50.0%" in out and "1 of 2 tests solved" in out and "\x1b" not in out
    (line,) = [line for line in out.splitlines() if "no grids" in line]
    assert line.startswith("5 attempts are no grids and count as wrong: a, test 1, attempt_1: a grid is ragged")
    assert "b, test 1, attempt_1: row 1 of a grid has 12" in line and line.endswith("and so on, --json has all")
    told = json.loads(command_line("arc", "score", "s.json", "--split", "p.json", "--json").out)
    assert [one["id"] for one in told["malformed"]] == ["a", "b", "b", "c", "c"] and told["official"]["value"] == 0.5


def test_a_puzzle_is_shown_without_what_it_asks_for(here, command_line):
    code, out, _ = command_line("arc", "show", "a", "--split", "p.json")
    assert code == 0 and "training 2, 1x2   becomes, 1x2" in out and "becomes ?" in out and "5 5" not in out
    assert "5 5" in command_line("arc", "show", "a", "--split", "p.json", "--outputs").out
    assert "attempt 1, 2x2, right" in command_line("arc", "show", "a", "--split", "p.json", "--run", "s.json").out


def test_a_puzzle_as_json_has_its_grids_and_how_far_each_attempt_is_off(here, command_line):
    write(here / "s.json", {"a": [{"attempt_1": [[5, 5], [1, 1]], "attempt_2": A}]})
    shown = ("arc", "show", "a", "--split", "p.json", "--json")
    told = json.loads(command_line(*shown).out)
    assert told["train"] == [{"input": A, "output": B}, {"input": B, "output": A}]
    assert told["tests"] == [{"input": C, "output": None, "attempts": []}] and "passes" not in told
    assert json.loads(command_line(*shown, "--outputs").out)["tests"][0]["output"] == D
    (test,) = json.loads(command_line(*shown, "--run", "s.json").out)["tests"]
    near, other = test["attempts"]
    assert near == {"grid": [[5, 5], [1, 1]], "right": False, "wrong_cells": 2}
    assert other == {"grid": A, "right": False, "wrong_cells": None}, "it has another size"
    write(here / "s.json", {"a": [{"attempt_1": [[1], [1, 2]], "attempt_2": D}]})
    none, right = json.loads(command_line(*shown, "--run", "s.json").out)["tests"][0]["attempts"]
    assert none == {"grid": None, "right": False, "wrong_cells": None}
    assert right == {"grid": D, "right": True, "wrong_cells": 0}


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_a_picture_has_each_cell_in_its_colour(here, command_line, ending):
    write(here / "s.json", {"a": [{"attempt_1": [[5, 5], [5, 3]], "attempt_2": A}]})
    shown = ("arc", "show", "a", "--split", "p.json", "--run", "s.json", "--out", f"p.{ending}")
    assert command_line(*shown).code == 0
    if ending == "svg":
        root = ElementTree.parse(here / "p.svg").getroot()
        paths = [one for one in root.iter() if one.tag.endswith("path")]
        cells = {colour: 0 for colour in PALETTE}
        for path in paths:
            if path.get("fill"):
                cells[path.get("fill")] += path.get("d").count("M")
        assert sum(cells.values()) == 8 + 2 + 4 + 2 + 4 and cells[PALETTE[3]] == 1 + 1
        assert len([path for path in paths if not path.get("fill")]) == 1, "the wrong cell is marked"
    else:
        from PIL import Image

        colours = {
            f"#{red:02X}{green:02X}{blue:02X}"
            for _, (red, green, blue) in Image.open(here / "p.png").getcolors(100_000)
        }
        assert {PALETTE[colour] for colour in (1, 2, 3, 4, 5)} <= colours and PALETTE[8] not in colours


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("show", "c", "--split", "p.json"), "p.json has no puzzle 'c'"),
        (("show", "a", "--split", "p.json", "--out", "p.gif"), "ends in neither .svg nor .png"),
        (("show", "a", "--split", "p.json", "--out", "p.json/p.svg"), "p.json"),
        (("score", "none.json", "--split", "p.json"), "cannot be read"),
        (("check", "arc9:x"), "there is no split 'arc9'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(here, command_line, arguments, why):
    code, out, err = command_line("arc", *arguments)
    assert code == 2 and not out and why in err and err.count("\n") == 1
