"""Facts that are counted: what holds for all pairs, and what is peculiar to one."""

import pytest

from pilotage.agent.arc.facts import SAME_TURN, facts, ground, objects, symmetries
from pilotage.agent.arc.puzzle import puzzle_from
from pilotage.agent.arc.splits import load_split
from tests.agent.arc.made_up import grid, record

ONE, OTHER = [[1, 2, 0], [0, 0, 3]], [[4, 0], [0, 5]]


def told(*pairs, test=((0,),)):
    puzzle, _ = puzzle_from(record([(a, b) for a, b in pairs], [(test, test)]), "a")
    return facts(puzzle)


def turned(rows, turn):
    made = [list(row) for row in zip(*rows, strict=True)] if turn >= 4 else rows
    for _ in range(turn % 4):
        made = [list(row) for row in zip(*made[::-1], strict=True)]
    return made


@pytest.mark.parametrize("turn", SAME_TURN)
def test_a_turn_of_all_pairs_is_seen(turn):
    assert f"In every example the output is the input {SAME_TURN[turn]}." in told(
        (ONE, turned(ONE, turn)), (OTHER, turned(OTHER, turn))
    )


def test_sizes_that_all_pairs_share():
    assert "has the size of its input" in told((ONE, ONE), (OTHER, OTHER))
    assert "is 2 times as tall and 3 times as wide" in told(([[1]], [[1] * 3] * 2), ([[1, 2]], [[1, 2] * 3] * 2))
    assert "the input is 2 times as tall and just as wide as its output" in told(
        ([[1], [2]], [[1]]), ([[3], [2]], [[2]])
    )
    assert "Every output is 1x1." in told((ONE, [[1]]), (OTHER, [[4]]))
    assert "In every example" not in told((ONE, [[1]]), (OTHER, [[4, 4]]))


def test_an_output_that_is_its_input_repeated():
    wide, high = ([[1, 2]], [[1, 2, 1, 2]]), ([[3], [4]], [[3], [4], [3], [4]])
    assert "repeated side by side and downwards" in told(wide, high)
    assert "repeated" not in told(wide, ([[3]], [[3, 4]])) and "repeated" not in told((ONE, ONE))


def test_colours_and_cells_that_change():
    text = told(([[0, 1], [1, 0]], [[0, 2], [2, 0]]), ([[1, 1]], [[2, 2]]))
    assert "every output has the new colour 2; the colour 1 is gone from every output." in text.lower()
    assert "All cells that change, in all examples, change so: 1 to 2." in text
    assert "2 of 4 cells change: 1 to 2 (2)" in text
    assert "No output has a colour that its input has not." in told((ONE, ONE), (OTHER, [[4, 4]]))


def test_parts_and_symmetries():
    assert "the output is a part of the input at row 1, column 2" in told(([[9, 1, 2], [9, 3, 4]], [[1, 2], [3, 4]]))
    assert "the input is a part of the output at row 2, column 1" in told(([[1, 2]], [[0, 0], [1, 2]]))
    assert symmetries(grid([[1, 2, 1], [3, 4, 3]])) == ["left to right"]
    assert "the output is symmetric: top to bottom" in told((ONE, [[1, 2], [3, 4], [1, 2]]))


def test_objects_are_cells_of_one_colour_that_touch():
    found = objects(grid([[1, 0, 2], [0, 1, 2], [3, 0, 0]]))
    assert [(colour, len(places)) for colour, places in found] == [(1, 2), (2, 2), (3, 1)]
    assert ground(grid([[5, 5], [5, 1]])) == 5 and ground(grid([[5, 5], [5, 0]])) == 0


def test_every_official_puzzle_has_facts_of_a_bearable_length():
    lengths = [len(facts(puzzle)) for puzzle in load_split("arc1:training;size=60").puzzles]
    assert min(lengths) > 100 and max(lengths) < 4000
