"""Chains: steps by structure, marks of the answer, and what of a file is none."""

import json

import pytest

from pilotage.agent.answers import extract, without_marks
from pilotage.agent.errors import UsageError
from pilotage.agent.pruning.chains import chains_in, steps_of
from pilotage.agent.task import Task

TASK = Task(id="t", prompt="What is 2 + 2?", kind="numeric", gold=4)


def write(path, *records):
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


def result(**fields):
    steps = [
        {"block": "reason", "text": "2 + 2 is 4.\n\nI am sure.\nAnswer: 4"},
        {"block": "answer", "text": "4"},
    ]
    return {"task_id": "t", "steps": steps, "answer": "4", "score": 1.0} | fields


def plain(**fields):
    return {"question": "What is 2 + 2?", "reasoning": "2 + 2 is 4.\n\nYes.", "answer": 4} | fields


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("One.\nStill one.\n\nTwo.\n \n\nThree.", ["One.\nStill one.", "Two.", "Three."]),
        ("One.\nTwo.", ["One.", "Two."]),
        ("One.\n\n```python\na = 1\n\nb = 2\n```\nThree.", ["One.", "```python\na = 1\n\nb = 2\n```", "Three."]),
    ],
)
def test_steps_are_paragraphs_else_lines_and_a_program_is_one(text, steps):
    assert [step.text for step in steps_of(text)] == steps


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("So it is 4.\nAnswer: 4", "So it is 4."),
        ("**Final answer:** 4\nIt fits.", "It fits."),
        ("So \\boxed{4}.", ""),
        ("First.\n#### 4", "First."),
        ("First.\nAnswer:\n[[1]]\nmore", "First."),
        ("The answer to that is unknown.", "The answer to that is unknown."),
    ],
)
def test_no_line_that_marks_an_answer_is_read(text, left):
    assert without_marks(text) == left


def test_a_result_has_its_question_from_the_tasks_and_its_grade_from_the_run(tmp_path):
    chains, left_out = chains_in([write(tmp_path / "r.jsonl", result())], {"t": TASK}, {})
    [chain] = chains
    assert not left_out
    assert (chain.question, chain.answer, chain.score) == ("What is 2 + 2?", "4", 1.0)
    assert [(step.text, step.read) for step in chain.steps] == [
        ("2 + 2 is 4.", "2 + 2 is 4."),
        ("I am sure.\nAnswer: 4", "I am sure."),
    ]


def test_results_without_tasks_are_refused(tmp_path):
    with pytest.raises(UsageError, match="give the --tasks they were made of"):
        chains_in([write(tmp_path / "r.jsonl", result())], {}, {})
    with pytest.raises(UsageError, match="can't be read"):
        chains_in([tmp_path / "none.jsonl"], {}, {})


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (result(task_id="u"), "the given tasks do not hold 'u'"),
        (result(asked="0" * 16), "another question"),
        (result(answer=None), "no whole answer"),
        (result(error="no reply"), "no whole answer"),
        (result(cut=True), "no whole answer"),
        (result(steps=[]), "no step of reasoning"),
        (plain(reasoning="Answer: 4"), "no step of reasoning"),
        (plain(answer=" "), "its answer is empty"),
        ({"question": "q", "answer": 4}, "there is no field 'reasoning': name it by --map reasoning=FIELD"),
        (plain(answer=None), "its field 'answer' is empty"),
        (plain(reasoning="2 + 2 is 5.\n\nAnswer: 5"), "ends in another answer, '5', than its own, '4'"),
        (plain(answer="4\nAnswer: 5\nAnswer:"), "marks of other answers"),
        (plain(reasoning="Go on.\n" * 301), "it has 301 steps, where 300 are the most: give --most-steps 301"),
        (result(score=10**400), "its score is no number from 0 to 1"),
        (result(score=True), "its score is no number from 0 to 1"),
        (result(score=-1), "its score is no number from 0 to 1"),
        (plain(reasoning=[1]), "must be texts"),
        ([1], "no JSON object"),
    ],
)
def test_what_is_no_chain_is_named_and_the_others_are_read(tmp_path, record, why):
    chains, left_out = chains_in([write(tmp_path / "f.jsonl", record, plain())], {"t": TASK}, {})
    assert [chain.answer for chain in chains] == ["4"]
    [said] = left_out
    assert "f.jsonl:1: " in said and why in said


def test_steps_that_came_to_another_candidate_are_no_part_of_the_chain(tmp_path):
    steps = [
        {"block": "reason", "text": "2 + 2 is 4.\nAnswer: 4", "candidate": "4.0"},
        {"block": "verify", "text": "I guess 9.\nAnswer: 9", "candidate": "9"},
        {"block": "plan", "text": "Add them.", "candidate": None},
    ]
    [chain], _ = chains_in([write(tmp_path / "r.jsonl", result(steps=steps))], {"t": TASK}, {})
    assert chain.reasoning() == "2 + 2 is 4.\n\nAdd them."


@pytest.mark.parametrize("answer", ["4", "a = 4\nprint(a)", "[[1, 2]]", "x"])
def test_the_one_mark_of_an_example_is_read_as_the_answer(tmp_path, answer):
    record = plain(answer=answer, reasoning="Work.\n\nMore.")
    [chain], _ = chains_in([write(tmp_path / "f.jsonl", record)], {}, {})
    assert extract("text", f"{chain.reasoning()}\n\n{chain.ending}") == answer


def test_an_answer_is_the_same_however_a_number_is_spelt(tmp_path):
    record = plain(answer=1480, reasoning="So it is.\n\nAnswer: $1,480.0")
    assert len(chains_in([write(tmp_path / "f.jsonl", record)], {}, {})[0]) == 1


async def test_of_copies_the_one_that_can_be_graded_is_taken(tmp_path):
    file = write(tmp_path / "f.jsonl", plain(), plain(id="b", gold=4), plain(id="c", gold=5))
    [chain], _ = chains_in([file], {}, {})
    assert (chain.id, await chain.is_right(None)) == ("b", True)


async def test_plain_records_by_other_names_and_with_what_is_right(tmp_path):
    record = {
        "ask": "What is 2 + 2?",
        "think": ["2 + 2 is 4.", "Check: yes.\nAnswer: 4"],
        "said": "So \\boxed{4}",
        "right": 4,
    }
    fields = {"question": "ask", "reasoning": "think", "answer": "said", "gold": "right"}
    file = write(tmp_path / "f.jsonl", record, record | {"right": 5}, record | {"said": "3", "think": "It is 3."})
    chains, left_out = chains_in([file, file], {}, fields)
    assert not left_out
    assert [chain.answer for chain in chains] == ["4", "3"]  # the same chain is one, whatever is said to be right
    assert [step.read for step in chains[0].steps] == ["2 + 2 is 4.", "Check: yes."]
    assert [await chain.is_right(None) for chain in chains] == [True, False]
    assert await chains_in([write(file, plain())], {}, {})[0][0].is_right(None) is None
