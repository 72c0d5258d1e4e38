"""Grids as text: written in a notation and read back in any; grids in replies, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent.arc.augment import TURNS, Augmentation
from pilotage.agent.arc.encodings import ENCODINGS, grids_in, read_grid
from pilotage.agent.arc.grids import COLOURS
from pilotage.agent.arc.puzzle import puzzle_from
from pilotage.agent.arc.tasks import attempts_text, encoding_of, outputs_in, puzzle_of, task_of, written
from pilotage.agent.banks.fingerprints import fingerprint, is_as_recorded
from pilotage.agent.errors import TaskError, UsageError
from pilotage.agent.prompting import describe
from pilotage.agent.task import Task
from tests.agent.arc.made_up import A, B, C, D, grid, record

GRIDS = (
    st.integers(1, 6)
    .flatmap(
        lambda width: st.lists(st.lists(st.integers(0, 9), min_size=width, max_size=width), min_size=1, max_size=6)
    )
    .map(grid)
)


@given(GRIDS, st.sampled_from(sorted(ENCODINGS)))
def test_what_is_written_in_a_notation_is_read_back(one, encoding):
    text = ENCODINGS[encoding].write(one)
    assert read_grid(text) == one
    assert grids_in(f"The rule is simple.\n\n```\n{text}\n```\n", 1) == (one,)
    unfenced = grids_in(f"So the output is:\n{text}\n\nThat is all.", 1)
    assert unfenced == (None if len(one) == len(one[0]) == 1 else (one,)), "a lone cell may be any number"


TWO = ([[1, 2]], [[3], [4]])


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("```\n1 2\n```\nthen\n```\n3\n4\n```", TWO),
        ("first a try:\n```\n9 9\n```\n```\n1 2\n```\n```\n3\n4\n```", TWO),
        ("The inputs:\n```\n7\n```\n```\n8\n```\nBoth:\n```\nTest 1:\n1 2\n\nTest 2:\n3\n4\n```", TWO),
        ("Test 1:\n[[1, 2]]\nTest 2:\n[[3], [4]]", TWO),
        ("1, 2\n\n|3|\n|4|", TWO),
        ("| 1 | 2 |\n|---|---|\n\n[3]\n[4]", TWO),
        ("[[1 2]]\n\n[[3]\n [4]]", TWO),
        ("```0 0\n1 2\n```\n```\n3\n4\n```", ([[0, 0], [1, 2]], [[3], [4]])),
        ("blue Red\n\ngrey\nMAROON", ([[1, 2]], [[5], [9]])),
        ("[\n  [1, 2]\n]\nand\n[\n  [3],\n  [4]\n]", TWO),
        ("1 2\nso\n3\n4\nConfidence:\n9", TWO),
        ("```\n1 2\n```", None),
        ("```\n1 2\n```\n```\n3\n4 5\n```", None),
        ("9 9\n```\n1 2\n```", None),
        ("1 2\n3 4 5\n\n6 7", None),
        ("The 2 cells are 3.", None),
        ("```\n[[1, 12]]\n```\n```\n[[1], [1, 2]]\n```", None),
        ("```\n1 2\n```\n```\n10 11\n```", None),
        ("", None),
    ],
)
def test_two_grids_in_a_reply(reply, found):
    assert grids_in(reply, 2) == (None if found is None else tuple(map(grid, found)))


def test_a_damaged_last_grid_is_no_reason_to_take_an_earlier_one():
    assert grids_in("I think of\n```\n1 2\n```\nSo:\n```\n1\n1 2\n```", 1) is None
    assert grids_in("I think of\n```\n1 2\n```\nSo:\n3 4", 1) == (grid([[1, 2]]),), "blocks were asked for"


@pytest.mark.parametrize("text", ["", "1 2\n3", "1 12 x", "colourless", "[" * 9999, "10 11", "1\n\n2"])
def test_a_text_that_is_no_grid(text):
    assert read_grid(text) is None


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_a_puzzle_is_read_off_its_task(encoding):
    puzzle, outputs = puzzle_from(record(tests=((C, D), (D, C))), "a")
    task = task_of(puzzle, outputs, encoding)
    assert puzzle_of(task) == puzzle and encoding_of(task) == encoding
    assert task.gold == [D, C] and task.public().gold is None
    shown = describe(task)
    assert shown.index("Example input") < shown.index("Test input 1") < shown.index("Test input 2")
    assert ENCODINGS[encoding].about in shown


def test_an_encoding_that_is_none_and_a_task_that_is_no_puzzle():
    puzzle, _ = puzzle_from(record(), "a")
    with pytest.raises(UsageError, match=r"no encoding 'digit' \(did you mean digits\?\): use spaced"):
        task_of(puzzle, encoding="digit")
    with pytest.raises(TaskError, match="is no puzzle"):
        puzzle_of(Task(id="x", prompt="?", kind="grid"))


def test_answers_are_compared_by_their_first_attempts():
    outputs = (grid(A), grid(C))
    text = attempts_text(((grid(A), grid(B)), (grid(C),)))
    assert outputs_in(text) == outputs_in(written(outputs)) == outputs
    assert attempts_text(((grid(A),), ())).endswith("null]")
    for none in ("[]", "nothing", attempts_text(((grid(A),), ()))):
        with pytest.raises(TaskError, match="has no grid for each test"):
            outputs_in(none)


@given(GRIDS, st.integers(0, TURNS - 1), st.permutations(range(COLOURS)))
def test_a_view_is_undone(one, turn, colours):
    view = Augmentation(turn, tuple(colours))
    assert view.undone(view.of(one)) == one


def test_the_eight_views_of_a_grid_are_eight():
    one = ((1, 2), (3, 4), (5, 6))
    assert len({Augmentation(turn).of(one) for turn in range(TURNS)}) == TURNS
    assert Augmentation(1).of(one) == ((5, 3, 1), (6, 4, 2)) and Augmentation(4).of(one) == ((1, 3, 5), (2, 4, 6))


def test_views_differ_and_leave_black():
    for seed in range(20):
        views = [Augmentation.view(number, seed) for number in range(9)]
        assert views == [Augmentation.view(number, seed) for number in range(9)] and views[0] == Augmentation()
        assert len(set(views)) == len({view.name for view in views}) == 9 and views[0].name == ""
        assert {view.turn for view in views[1:8]} == set(range(1, TURNS)), "seven in a row have all turns"
        assert all(sorted(view.colours) == list(range(COLOURS)) and view.colours[0] == 0 for view in views)


def test_a_view_shows_the_same_pairs_in_another_order():
    puzzle, _ = puzzle_from(record(tuple(([[n, 0]], [[0, n]]) for n in range(1, 7))), "a")
    view = Augmentation(order=Augmentation.view(1, 0).order)
    seen = view.of_puzzle(puzzle)
    assert seen.train != puzzle.train and set(seen.train) == set(puzzle.train) and seen.tests == puzzle.tests
    assert Augmentation().of_puzzle(puzzle) == puzzle


def test_a_bank_knows_a_puzzle_again_by_what_it_shows_and_not_by_what_is_counted_in_it():
    puzzle, outputs = puzzle_from(record(tests=((C, D),)), "a")
    task = task_of(puzzle, outputs)
    noted = fingerprint(task)
    assert is_as_recorded(task.model_copy(update={"topic": "counted otherwise"}), noted)
    for other in (record(tests=((D, C),)), record(((A, B),), ((C, D),))):
        assert not is_as_recorded(task_of(puzzle_from(other, "a")[0]), noted)
