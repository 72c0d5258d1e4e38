"""Rows that are not as they should be: none of them may be graded by another answer than its own."""

import csv
import json

import pytest

from pilotage.agent.tasks import load_tasks
from pilotage.agent.tasks.fields import mapping
from pilotage.agent.tasks.grading import score_of

HEAD = ["question", "A", "B", "C", "D", "answer"]
LONG = "9" * 5000


@pytest.fixture
def read(tmp_path):
    """The tasks of rows, as CSV where they are lists and else as JSON Lines, and what is said of the others."""

    def tasks_in(*rows, source="", fields=""):
        path = tmp_path / ("t.csv" if isinstance(rows[0], list) else "t.jsonl")
        with path.open("w", newline="") as file:
            if isinstance(rows[0], list):
                csv.writer(file).writerows(rows)
            else:
                file.writelines(json.dumps(row) + "\n" for row in rows)
        loaded = load_tasks(f"{source}{path}", mapping(fields))
        return list(loaded), [defect.message for defect in loaded.defects]

    return tasks_in


@pytest.mark.parametrize("source", ["mmlu:", ""])
async def test_letters_stay_with_their_texts_and_a_gap_is_told(read, source):
    tasks, defects = read(
        HEAD, ["q1", "1x", "", "3x", "4x", "C"], ["q2", "1x", "2x", "3x", "", "C"], ["q3", "1x", "2x", "3x", "", "D"],
        ["q4", "", "2x", "3x", "4x", "C"], ["q5", "1x", "", "", "", "A"], source=source,
    )  # fmt: skip
    assert [task.choices for task in tasks] == [("1x", "2x", "3x")]
    assert [await score_of(tasks[0], one) for one in ("3x", "C", "2x", "D")] == [1, 1, 0, 0]
    assert len(defects) == 4 and "choice B is blank, and a later one is not" in defects[0]
    assert "the answer 'D'" in defects[1] or "the gold 'D'" in defects[1]
    assert "choice A is blank" in defects[2]


@pytest.mark.parametrize("source", ["mmlu:", ""])
def test_letters_beyond_d_and_columns_that_are_not_there_count_too(read, source):
    five = {"question": "Q?", "A": "v", "B": "w", "C": "x", "D": "y", "E": "z", "answer": "E"}
    tasks, defects = read(five, {letter: text for letter, text in five.items() if letter != "B"}, source=source)
    assert [task.choices for task in tasks] == [tuple("vwxyz")] and "choice B is blank" in defects[0]


@pytest.mark.parametrize("source", ["mmlu:", ""])
async def test_a_null_is_no_choice(read, source):
    texts = {"text": ["x", "y", None], "label": ["1", "2", "3"]}
    tasks, defects = read(
        {"question": "q1", "choices": ["x", "y", None], "answer": "B"},
        {"question": "q2", "choices": {"A": "x", "B": "y", "C": None, "D": None}, "answer": "B"},
        {"question": "q3", "choices": {"A": None, "B": None, "1": "x", "2": "y"}, "answer": "2"},
        {"question": "q4", "choices": texts, "answer": "2"},
        {"question": "q5", "choices": ["x", None, "y"], "answer": "B"},
        {"question": "q6", "choices": {"A": "x", "B": None, "C": "y"}, "answer": "B"},
        {"question": "q7", "choices": {"1": "x", "2": None, "3": "y"}, "answer": "2"},
        {"question": "q8", "choices": texts, "answer": "0"},
        source=source,
    )
    assert [task.choices for task in tasks] == [("x", "y")] * 4
    for task in tasks:
        assert [await score_of(task, one) for one in ("B", "y", "A", "x")] == [1, 1, 0, 0]
    assert len(defects) == 4 and all("is blank, and a later one is not" in one for one in defects[:3])


def test_a_whole_number_beside_choices_is_always_a_place(read):
    tasks, defects = read(
        {"question": "q1", "choices": ["4", "2", "0", "1"], "answer": 1},
        {"question": "q2", "choices": ["4", "8", "0", "9"], "answer": 1},
        {"question": "q3", "choices": ["4", "8"], "answer": 8},
    )
    assert [task.gold for task in tasks] == ["2", "8"] and "is no place of 2 choices, counted from 0" in defects[0]


def test_digits_are_a_place_or_a_text_throughout_a_file(read):
    either = {"question": "q1", "choices": ["4", "2", "0", "1"], "answer": "1"}
    place = {"question": "q2", "choices": ["4", "8", "0", "9"], "answer": "1"}
    text = {"question": "q3", "choices": ["4", "8"], "answer": "8"}
    both = {"question": "q4", "choices": ["0", "1"], "answer": "1"}
    tasks, defects = read(either, place, both, text)
    assert [task.gold for task in tasks] == ["8", "1"]
    assert "the text of one choice and the place of another: load the file as `mmlu:FILE`" in defects[0]
    assert "is the text of a choice, and those before it are places" in defects[1]
    tasks, defects = read(text, both, place)
    assert [task.gold for task in tasks] == ["8", "1"] and "those before it are texts" in defects[0]
    assert [task.gold for task in read(either, place, both, source="mmlu:")[0]] == ["B", "B", "B"]


async def test_a_worked_solution_that_is_named_for_the_answer_is_read_for_its_box(read):
    row = {"problem": "P?", "solution": "So \\boxed{\\frac{1}{2}}.", "why": "As \\boxed{3}.", "options": ["p", "q"]}
    for fields in ("prompt=problem,answer=solution", "answer=solution"):
        ((task,), defects) = read({key: row[key] for key in ("problem", "solution")}, fields=fields)
        assert not defects and [await score_of(task, one) for one in ("1/2", "0.5", "2")] == [1, 1, 0]
    ((task,), _) = read({key: row[key] for key in ("problem", "why")}, fields="prompt=problem,answer=why")
    assert (task.kind, await score_of(task, "3")) == ("numeric", 1)
    ((task,), _) = read({"problem": "P?", "options": ["p", "q"], "solution": "It is \\boxed{B}."})
    assert [await score_of(task, one) for one in ("B", "q", "A")] == [1, 1, 0]


@pytest.mark.parametrize(
    ("source", "row"),
    [
        ("mmlu:", {"question": "Q?", "choices": ["O", "A", "B", "AB"], "answer": 1}),
        ("mmlu:", {"question": "Q?", "choices": ["p53", "P53", "x"], "answer": 0}),
        ("mmlu:", {"question": "Q?", "choices": ["x", "y", "z"], "answer": "D"}),
        ("gpqa:", {"Question": "Q?", "Correct Answer": "p53"} | {f"Incorrect Answer {n}": f"{n}x" for n in (2, 3)}
         | {"Incorrect Answer 1": "P53"}),
        ("", {"question": "Q?", "choices": ["O", "A", "B", "AB"], "answer": 1}),
        ("procbench:", {"prompt": "Do.", "label": {"intermediate": [], "final": None}}),
    ],
)  # fmt: skip
def test_a_gold_that_no_answer_can_equal_is_a_defect_before_any_call(read, source, row):
    tasks, defects = read(row, source=source)
    assert not tasks and len(defects) == 1


def test_two_wrong_choices_of_one_text_are_in_nobodys_way(read):
    tasks, _ = read({"question": "Q?", "choices": ["aa", "AA", "b"], "answer": 2}, source="mmlu:")
    assert [task.gold for task in tasks] == ["C"]


@pytest.mark.parametrize("source", ["mmlu:", "", "gsm8k:", "math:"])
def test_digits_without_end_cost_their_own_row_alone(read, source):
    head = ["problem" if source == "math:" else "question", "choices", "answer"]
    if source in ("gsm8k:", "math:"):
        tasks, defects = read([head[0], head[2]], ["q1", LONG], ["q2", f"1/{LONG}"], ["q3", "1"], source=source)
        assert len(tasks) == (1 if source == "gsm8k:" else 3)
    else:
        tasks, defects = read(head, ["q1", '["x", "y"]', LONG], ["q2", '["x", "y"]', "1"], source=source)
        assert len(tasks) == len(defects) == 1
    assert all(len(defect) < 300 for defect in defects)


def test_a_page_of_parquet_that_is_broken_is_named_and_what_stood_before_it_kept(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "t.parquet"
    rows = [{"question": f"What is {n} + {n}? {n * 7919 % 1009}", "answer": str(2 * n)} for n in range(4000)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=2000, compression="zstd")
    column = parquet.ParquetFile(path).metadata.row_group(1).column(0)
    content, start = bytearray(path.read_bytes()), column.dictionary_page_offset or column.data_page_offset
    content[start + 40 : start + 80] = b"\xff" * 40
    path.write_bytes(content)
    source = load_tasks(str(path))
    found = list(source)
    assert 1000 < len(found) <= 2000 and len(source.defects) == 1
    assert str(source.defects[0]).startswith(f"{path}:{len(found) + 1}: malformed Parquet: ")


@pytest.mark.parametrize(
    ("row", "prompt"),
    [
        ({"instruction": "Add.", "input": "1, 2", "answer": "3"}, "Add.\n\n1, 2"),
        ({"instruction": "Add.", "input": "1, 2", "target": "3"}, "Add.\n\n1, 2"),
        ({"instruction": "Add.", "problem": "1, 2", "solution": "3"}, "Add.\n\n1, 2"),
        ({"instruction": "Add 1, 2.", "input": "", "target": "3"}, "Add 1, 2."),
        ({"instruction": "Add 1, 2.", "target": "3"}, "Add 1, 2."),
        ({"instruction": "", "input": "1 + 2?", "target": "3"}, "1 + 2?"),
    ],
)
def test_an_instruction_is_asked_with_its_input_below(read, row, prompt):
    ((task,), _) = read(row)
    assert (task.prompt, task.gold) == (prompt, "3") and "instruction" not in {k for k, v in task.metadata.items() if v}


def test_a_row_of_unknown_names_is_told_with_them(read):
    rows = ["Was ist gefragt?", "Antwort"], ["What is 1+1?", "2"]
    tasks, (told,) = read(*rows)
    assert not tasks and "'Was ist gefragt?', 'Antwort': --map prompt=FIELD,answer=FIELD names them" in told
    tasks, _ = read(*rows, fields="prompt=Was ist gefragt?,answer=Antwort")
    assert [(task.prompt, task.gold) for task in tasks] == [("What is 1+1?", "2")]


@pytest.mark.parametrize(
    ("gold", "said"),
    [("", "is blank"), ("  ", "is blank"), ({"a": 1}, "is no answer"), (["x", "y"], "where several are right")],
)
def test_a_gold_that_no_answer_can_equal_is_left_out(read, gold, said):
    tasks, (told,) = read({"question": "q1", "gold": gold}, {"question": "q2", "gold": "x"})
    assert [task.prompt for task in tasks] == ["q2"] and said in told
