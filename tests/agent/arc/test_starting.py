"""Starting concepts: each helper does what its concept says, none is a puzzle's, and a memory starts with them once."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from pilotage.agent.arc.blocks import HINT_TOKENS, registry
from pilotage.agent.arc.puzzle import puzzle_from
from pilotage.agent.arc.splits import load_split
from pilotage.agent.arc.starting import RUN, begin_with, give, shipped
from pilotage.agent.arc.starting.concepts import FILE
from pilotage.agent.arc.tasks import task_of
from pilotage.agent.models import ModelClient, ScriptedChatModel
from pilotage.agent.runner import ReasoningAgent
from pilotage.agent.sandbox import open_sandbox
from pilotage.agent.sandbox.packages import numpy
from pilotage.memory import Concept, ConceptStore
from pilotage.memory.errors import AlreadyUndone
from pilotage.memory.render import render
from pilotage.memory.text.programs import is_program
from pilotage.memory.text.prompt_injection import held_back

DOCS = Path(__file__).parents[3] / "docs" / "arc.md"
HELPED = {one.title: one for one in shipped() if is_program(one.implementation)}


def helper(title):
    """The function of a concept, run as the lines that a model is shown."""
    space = {"np": np}
    exec("\n".join(HELPED[title].implementation), space)
    (name,) = [line.split("(")[0][4:] for line in HELPED[title].implementation if line.startswith("def ")]
    return space[name]


def grid(*rows):
    return np.array([[int(cell) for cell in row] for row in rows])


L = grid("000", "020", "022")
TWO = grid("1001", "1000", "0022")
CASES = {
    "Objects: connected cells": [
        ((TWO != 0,), [[(0, 0), (1, 0)], [(0, 3)], [(2, 2), (2, 3)]]),
        ((grid("100", "010", "001") == 1,), [[(0, 0), (1, 1), (2, 2)]]),
        ((grid("00") != 0,), []),
    ],
    "Crop to what is not ground": [((L, L != 0), grid("20", "22"))],
    "Recolour cells by a table": [((grid("123"), {1: 2, 2: 1}), grid("213"))],
    "Swap two colours": [((grid("1230"), 1, 2), grid("2130"))],
    "Recolour objects by their size": [
        ((TWO, [[(0, 0), (1, 0)], [(0, 3)], [(2, 2), (2, 3)]], [7, 8]), grid("7008", "7000", "0077"))
    ],
    "Fill what is enclosed": [
        ((grid("1110", "1010", "1110", "0000"),), grid("0000", "0100", "0000", "0000") == 1),
        ((grid("1100", "1010", "1110"),), grid("0000", "0100", "0000") == 1),
        ((grid("1010", "1010", "1110"),), grid("0000", "0000", "0000") == 1),
    ],
    "Gravity: cells fall to one side": [((grid("12", "00", "30", "00"),), grid("00", "00", "10", "32"))],
    "Move an object until it touches": [
        ((grid("11000", "00003"), [(0, 0), (0, 1)], 0, 1), grid("00011", "00003")),
        ((grid("120", "000", "030"), [(0, 0), (0, 1)], 1, 0), grid("000", "120", "030")),
    ],
    "Draw a ray from a cell": [
        ((grid("2000", "0000", "0000"), 0, 0, 1, 1, 5), grid("2000", "0500", "0050")),
        ((grid("20030"), 0, 0, 0, 1, 2), grid("22230")),
    ],
    "Connect cells of one colour": [
        ((grid("1001", "0000", "1000"), 1, 3), grid("1331", "3000", "1000")),
        ((grid("1210"), 1, 3), grid("1310")),
    ],
    "Lines through cells, across the whole grid": [
        ((grid("000", "010"), 1), grid("010", "111")),
        ((grid("000", "010"), 1, True, False), grid("000", "111")),
    ],
    "Bounce a diagonal off the edges": [
        ((0, 3, 6), [0, 1, 2, 1, 0, 1]), ((2, 3, 3), [2, 1, 0]), ((0, 1, 3), [0, 0, 0])],
    "Remove single cells that are noise": [((grid("1103", "0000", "2000"),), grid("1100", "0000", "0000"))],
    "Put mirrored copies side by side": [((grid("12"),), grid("1221", "1221"))],
    "Complete a symmetric picture": [
        ((grid("1291", "2332", "1221"), 9), grid("1221", "2332", "1221")),
        ((grid("121", "202", "921"), 9), grid("121", "202", "121")),
    ],
    "Repeat the grid as tiles": [((grid("12"), 2, 2), grid("1212", "1212"))],
    "A copy of the grid for each of its cells": [((grid("10", "22"),), grid("1000", "2200", "1010", "2222"))],
    "Enlarge every cell": [((grid("12"), 2), grid("1122", "1122"))],
    "Shrink blocks to cells": [((grid("1122", "1122"),), grid("12")), ((grid("12", "34"),), grid("12", "34"))],
    "Drop repeated rows and columns": [((grid("11233", "11233", "44444"),), grid("123", "444"))],
    "Combine parts cell by cell": [((grid("110"), grid("011"), 3), grid("030"))],
    "Lay layers over each other": [(([grid("100"), grid("220"), grid("333")],), grid("123"))],
    "Find the part that is unlike the others": [(([grid("1"), grid("2"), grid("1")],), grid("2"))],
    "Count, then write the number": [((4, (2, 3), 5), grid("555", "500"))],
    "Colours by how often they occur": [((grid("3312", "3300"),), [3, 1, 2])],
    "Sort rows, columns or objects by length": [((grid("110", "100", "111"),), grid("100", "110", "111"))],
    "Draw an outline around objects": [((grid("0000", "0200", "0000"), 1), grid("1110", "1210", "1110"))],
    "Frames and rings by distance from the edge": [(((3, 4),), grid("0000", "0110", "0000"))],
    "Stripes, checks and diagonals by place": [(((2, 3), [1, 2]), grid("121", "212"))],
    "Continue a repeating pattern": [
        ((grid("1212", "3430", "1012", "3434"), 0), grid("1212", "3434", "1212", "3434")),
        ((grid("1010"), 0), grid("1111")),
    ],
    "Stamp a shape at marked cells": [((grid("0003", "0000"), grid("12", "02"), 0, 2), grid("0012", "0002"))],
}  # fmt: skip


def test_every_helper_has_a_case():
    special = {"Turn or mirror the grid", "Split at separating lines"}
    assert HELPED.keys() == CASES.keys() | special


@pytest.mark.parametrize(("title", "given", "right"), [(t, *one) for t, cases in CASES.items() for one in cases])
def test_a_helper_does_what_its_concept_says(title, given, right):
    before = [plainly(one) for one in given]
    assert plainly(helper(title)(*given)) == plainly(right)
    assert [plainly(one) for one in given] == before, "its input is left as it was"


def plainly(value):
    """Arrays as lists; groups of cells, which come in any order, in one."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return sorted(value) if isinstance(value, list) and value and isinstance(value[0], list) else value


def test_the_views_of_a_grid_are_eight_different_ones():
    made = helper("Turn or mirror the grid")(grid("12", "34"))
    assert len({one.tobytes() for one in map(np.ascontiguousarray, made)}) == 8
    assert np.array_equal(made[0], grid("12", "34")) and any(np.array_equal(one, grid("31", "42")) for one in made)


def test_a_grid_is_split_at_its_lines():
    made = helper("Split at separating lines")(grid("1251", "5555", "3453", "2152"), 5)
    assert [[part.tolist() for part in row] for row in made] == [[[[1, 2]], [[1]]], [[[3, 4], [2, 1]], [[3], [2]]]]
    assert [len(row) for row in helper("Split at separating lines")(grid("505", "505"), 5)] == [1]


def test_the_library_is_of_a_size_to_read_and_each_concept_is_shown_whole():
    assert 25 <= len(shipped()) <= 40 and len({one.title for one in shipped()}) == len(shipped())
    assert len({one.content_hash for one in shipped()}) == len(shipped())
    assert f"the memory starts with {len(shipped())} concepts" in DOCS.read_text(), "the docs tell how many"
    for draft in shipped():
        assert draft.cues and draft.keywords and draft.implementation and draft.description, draft.title
        assert not held_back(draft)
        stored = Concept(**dict(draft), id="x", namespace="default")
        assert draft.implementation[-1].strip() in render([stored], HINT_TOKENS // 2).text, draft.title


def test_no_concept_names_a_puzzle():
    text = FILE.read_text()
    assert not re.search(r"\b[0-9a-f]{8}\b", text)
    words = set(re.findall(r"\w+", text.lower()))
    assert not words & {puzzle.id for puzzle in load_split("arc1:training").puzzles}


def test_a_memory_starts_with_them_once_and_they_can_be_taken_back():
    with ConceptStore.temporary() as store:
        assert begin_with(store) == len(shipped()) and begin_with(store) == give(store) == 0
        (one, *_) = store.all()
        assert one.status == "provisional" and one.seen == 1 and not one.provenance.verified_by
        assert "shipped with pilotage, learned from no puzzle" in one.provenance.model
        assert {event.actor for event in store.events(None)} == {"pilotage"}
        store.undo_run(RUN)
        assert store.is_empty() and begin_with(store) == give(store) == 0, "what was taken out stays out"
        with pytest.raises(AlreadyUndone):
            store.undo_run(RUN)


def test_a_memory_that_holds_anything_is_left_as_it_is():
    with ConceptStore.temporary() as store:
        store.add(shipped()[0])
        assert begin_with(store) == 0 and store.count() == 1
        assert give(store) == len(shipped()) - 1, "what is there already is not added again"


async def test_what_a_puzzle_recalls_is_shown_to_the_model_whole():
    model = ScriptedChatModel(lambda messages: FLIP)
    sandbox = open_sandbox("auto", packages=numpy())
    puzzle, _ = puzzle_from(PUZZLE, "flip")
    with ConceptStore.temporary() as store:
        begin_with(store)
        how = {"policy": "fixed:program,answer", "registry": registry(), "sandbox": sandbox, "learn": False}
        async with ReasoningAgent(ModelClient(model), memory=store, **how) as agent:
            run = await agent.asolve(task_of(puzzle))
        hints = [store.get(hint.concept_id) for hint in run.trace.recalled.hints]
    assert hints and all("\n".join(one.implementation) in model.calls[0].text for one in hints)


FLIP = "```python\ndef transform(grid):\n    return grid[:, ::-1]\n```"
PUZZLE = {"train": [{"input": [[1, 2]], "output": [[2, 1]]}], "test": [{"input": [[4, 5]], "output": [[5, 4]]}]}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PILOTAGE_EMBEDDER", "hash")
    (tmp_path / "p.json").write_text(json.dumps({"flip": PUZZLE}))
    (tmp_path / "s.json").write_text(json.dumps({"rules": {"numpy array": FLIP, "": "{}"}}))
    return tmp_path


def solve(command_line, out, *more):
    asked = ("arc", "solve", "--split", "p.json", "--model", "scripted:s.json", "--out", out, "--memory", "m", *more)
    return command_line(*asked)


def test_a_run_says_that_its_memory_starts_with_shipped_concepts(here, command_line):
    code, _, err = solve(command_line, "R")
    assert code == 0 and f"the memory starts with {len(shipped())} concepts that ship with pilotage" in err
    held = len(command_line("memory", "list", "--memory", "m", "--limit", "100", "--json").json)
    assert held == len(shipped()) + 1
    code, _, err = solve(command_line, "R2")
    assert code == 0 and "ship with pilotage" not in err
    assert command_line("memory", "undo", "--run", RUN, "--memory", "m").code == 0
    assert len(command_line("memory", "list", "--memory", "m", "--json").json) == 1, "what was learned stays"
    assert solve(command_line, "R3").code == 0
    assert len(command_line("memory", "list", "--memory", "m", "--json").json) == 1


def test_a_run_may_start_empty(here, command_line):
    code, _, err = solve(command_line, "R", "--start-empty")
    assert code == 0 and "ship with pilotage" not in err
    assert len(command_line("memory", "list", "--memory", "m", "--json").json) == 1
