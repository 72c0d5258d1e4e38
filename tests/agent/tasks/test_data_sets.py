"""Data sets in the files they are given out in, fields that are guessed or named, and what is wrong with a row."""

import csv
import json
import sys

import pytest

from pilotage.agent.errors import MissingExtra, UsageError
from pilotage.agent.tasks import load_tasks
from pilotage.agent.tasks.fields import mapping
from pilotage.agent.tasks.grading import score_of
from pilotage.agent.tasks.latex import boxed, same
from pilotage.agent.tasks.procbench import metrics_of


@pytest.fixture
def write(tmp_path):
    """Writes rows as JSON Lines, CSV or Parquet, by the ending of the name; returns the path."""

    def to(name, *rows):
        path = tmp_path / name
        if name.endswith(".jsonl"):
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        elif name.endswith(".csv"):
            with path.open("w", newline="") as file:
                csv.writer(file).writerows(rows)
        else:
            import pyarrow
            from pyarrow import parquet

            parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
        return str(path)

    return to


ARC = {"question": "Q?", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "2"}


def only(spec, **fields):
    source = load_tasks(spec, fields)
    (task,) = list(source)
    assert not source.defects
    return task


@pytest.mark.parametrize(
    ("row", "prompt", "gold", "kind", "said"),
    [
        ({"problem": "P?", "solution": "So \\boxed{\\frac{1}{2}}."}, "P?", "\\frac{1}{2}", "text", "prompt=problem"),
        ({"problem": "P?", "answer": "12"}, "P?", "12", "numeric", "prompt=problem"),
        ({"input": "I?", "target": "Paris"}, "I?", "Paris", "text", "prompt=input, answer=target"),
        ({"instruction": "Add.", "input": "1, 2", "output": "3"}, "Add.\n\n1, 2", "3", "numeric", "with input below"),
        ({"instruction": "Add 1, 2.", "input": "", "output": "3"}, "Add 1, 2.", "3", "numeric", "answer=output"),
        ({"question": "Q?", "options": ["a", "b"], "answer": 1}, "Q?", "b", "choice", "the place of a choice, from 0"),
        ({"question": "Q?", "choices": ["a", "b"], "answer": "B"}, "Q?", "B", "choice", None),
        (ARC, "Q?", "y", "choice", "answer=answerKey"),
        ({"question": "Q?", "options": {"A": "x", "B": "y"}, "answer_idx": "B"}, "Q?", "y", "choice", "=options"),
        ({"question": "Q?", "A": "x", "B": "y", "answer": "B"}, "Q?", "B", "choice", "choices in A to B"),
        ({"question": "Q?", "answer": "42"}, "Q?", "42", "numeric", None),
    ],
)  # fmt: skip
def test_what_is_plain_is_guessed_and_said_in_one_line(write, caplog, row, prompt, gold, kind, said):
    task = only(write("t.jsonl", row))
    assert (task.prompt, task.gold if isinstance(task.gold, str) else str(task.gold), task.kind) == (prompt, gold, kind)
    notes = [record.getMessage() for record in caplog.records]
    assert len(notes) == (said is not None) and all(said in note and "--map" in note for note in notes)


async def test_an_answer_in_a_box_is_graded_as_mathematics(write):
    task = only(write("t.jsonl", {"problem": "P?", "solution": "So \\boxed{\\frac{1}{2}}."}))
    assert [await score_of(task, one) for one in ("1/2", "0.5", "2")] == [1, 1, 0]


def test_what_is_not_plain_is_left_alone(write, caplog):
    task = only(write("t.jsonl", {"prompt": "Say something.", "label": "x", "output": "y"}))
    assert task.gold is None and task.metadata == {"label": "x", "output": "y"} and not caplog.records


def test_it_is_said_once_a_file(write, caplog):
    assert len(list(load_tasks(write("t.jsonl", *[{"problem": f"{n}?", "answer": n} for n in range(9)])))) == 9
    assert len(caplog.records) == 1


def test_named_fields_are_taken_and_nothing_is_said(write, caplog):
    row = {"uid": 7, "ask": "Q?", "right": "b", "opts": ["a", "b"], "topic": "law"}
    fields = mapping("prompt=ask, answer=right,choices=opts,id=uid,family=topic")
    task = only(write("t.jsonl", row), **fields)
    assert (task.id, task.prompt, task.gold, task.choices) == ("7", "Q?", "b", ("a", "b"))
    assert task.metadata["family"] == "law" and not caplog.records
    source = load_tasks(write("t.jsonl", {"ask": "Q?"}), {"prompt": "aks"})
    assert not list(source) and "there is no field 'aks' (did you mean ask?): check --map" in str(source.defects[0])


@pytest.mark.parametrize(
    ("given", "said"),
    [("promt=x", "did you mean prompt?"), ("prompt", "is no part of --map"), ("id=a,id=b", "gives id twice")],
)
def test_a_mapping_that_is_none_is_told(given, said):
    with pytest.raises(UsageError, match=said.replace("?", r"\?")):
        mapping(given)


def test_csv_and_parquet_are_read_as_json_lines_are(write):
    pytest.importorskip("pyarrow")
    rows = [
        {"question": "Q1?", "choices": ["a", "b"], "answer": 0},
        {"question": "Q2?", "choices": ["c", "d"], "answer": 1},
    ]
    table = [["question", "choices", "answer"], *([r["question"], json.dumps(r["choices"]), r["answer"]] for r in rows)]
    found = [
        list(load_tasks(write(f"t.{kind}", *given)))
        for kind, given in (("jsonl", rows), ("parquet", rows), ("csv", table))
    ]
    assert [task.gold for task in found[0]] == ["a", "d"] and found[0] == found[1]
    assert [(task.prompt, task.gold, task.choices) for task in found[2]] == [
        (t.prompt, t.gold, t.choices) for t in found[0]
    ]


def test_malformed_rows_are_named_with_file_and_line(write, tmp_path):
    path = write("t.csv", ["question", "answer"], ["one?", "1"], ["two?"], ["three\nlines?", "3"], ["four?", "4", "x"])
    source = load_tasks(path)
    assert [task.prompt for task in source] == ["one?", "three\nlines?"]
    assert [str(one).removeprefix(f"{path}:") for one in source.defects] == [
        "3: the row has 1 cells, and the table 2 columns", "6: the row has 3 cells, and the table 2 columns"
    ]  # fmt: skip
    (tmp_path / "broken.csv").write_bytes(b'question,answer\n"one?,1\n')
    source = load_tasks(str(tmp_path / "broken.csv"))
    assert not list(source) and "broken.csv:2: malformed CSV" in str(source.defects[0])
    source = load_tasks(write("t.jsonl", {"question": "Q?", "choices": ["a", "b"], "answer": 7}))
    assert not list(source) and "the answer 7 is no place of 2 choices" in str(source.defects[0])


def test_parquet_without_its_package_or_that_is_none_is_told(write, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    (tmp_path / "t.parquet").write_text("nothing of the kind")
    with pytest.raises(UsageError, match="is no Parquet that can be read"):
        load_tasks(str(tmp_path / "t.parquet"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"needs pyarrow: run `pip install 'pilotage\[bench\]'`"):
        load_tasks(str(tmp_path / "t.parquet"))


def test_data_sets_say_their_form_themselves(write):
    with pytest.raises(UsageError, match="--map is for files whose form is not known"):
        load_tasks("math:" + write("t.jsonl", {"problem": "P?"}), {"prompt": "problem"})


async def test_math_is_graded_by_its_spelling(write):
    row = {"problem": "P?", "solution": "Thus \\boxed{\\dfrac{3}{4}}", "type": "Algebra", "level": "Level 2"}
    task = only("math:" + write("t.jsonl", row))
    assert task.gold == "\\dfrac{3}{4}" and task.metadata["family"] == "Algebra" and task.kind == "text"
    assert [await score_of(task, one) for one in ("0.75", "$\\frac34$", "\\boxed{3/4}", "4/3", None)] == [1, 1, 1, 0, 0]
    source = load_tasks("math:" + write("t.jsonl", {"problem": "P?", "solution": "no box"}))
    assert not list(source) and "needs an `answer`, or a `solution`" in str(source.defects[0])


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("\\frac{1}{2}", "0.5", True), ("x = 5", "5", True), ("10\\%", "10", True), ("1,000", "1000", True),
        ("\\text{(B)}", "(B)", True), ("\\left( 1, 2 \\right)", "(1,2)", True), ("90^\\circ", "90", True),
        ("\\sqrt2", "\\sqrt{2}", True), ("2\\sqrt{3}", "\\sqrt{3}", False), ("x+1", "1+x", False), ("", "", False),
        ("12", "1/2", False), ("(1,234)", "(1,2)", False), ("\\frac{1}{0}", "1/0", True),
        ("\\frac{x+1}{2}", "x+1/2", False), ("\\frac{1}{x+1}", "1/x+1", False), ("21/2", "2 1/2", False),
        ("12", "1 2", False), ("AB", "ab", False), ("x=5", "y=5", False), ("x=5", "x = 5.0", True),
        ("(1,234)", "(1234)", False), ("5", "5\\text{ cm}^2", False), ("9" * 9000 + "/2", "0.5", False),
    ],
)  # fmt: skip
def test_answers_of_mathematics_are_the_same_by_spelling_or_as_numbers(one, other, alike):
    assert same(one, other) is same(other, one) is alike


def test_the_last_closed_box_is_the_answer():
    assert boxed("\\boxed{1} and \\boxed{\\frac{a}{b}}.") == "\\frac{a}{b}"
    assert boxed("\\boxed{1") is None and boxed("none") is None


async def test_gpqa_draws_the_order_of_its_choices_from_the_question(write):
    head = [
        "Record ID",
        "Question",
        "Correct Answer",
        *(f"Incorrect Answer {n}" for n in (1, 2, 3)),
        "High-level domain",
    ]
    rows = [[f"rec{n}", f"Q{n}?", "right", "w1", "w2", "w3", "Physics"] for n in range(20)]
    tasks = list(load_tasks("gpqa:" + write("t.csv", head, *rows)))
    assert tasks == list(load_tasks("gpqa:" + write("t.csv", head, *rows[::-1])))[::-1]
    places = {task.choices.index("right") for task in tasks}
    assert len(places) == 4 and tasks[0].metadata["family"] == "Physics"
    assert await score_of(tasks[0], "ABCD"[tasks[0].choices.index("right")]) == 1


def test_mmlu_comes_with_a_header_or_without_and_with_letters_or_places(write):
    bare = only("mmlu:" + write("t.csv", ["Q?", "w", "x", "y", "z", "C"]))
    headed = only("mmlu:" + write("h.csv", ["question", "A", "B", "C", "D", "answer"], ["Q?", "w", "x", "y", "z", "C"]))
    listed = only("mmlu:" + write("t.jsonl", {"question": "Q?", "choices": ["w", "x", "y", "z"], "answer": 2}))
    numbers = only("mmlu:" + write("n.jsonl", {"question": "Q?", "choices": ["3", "2", "1", "0"], "answer": 2}))
    for task in (bare, headed, listed):
        assert (task.prompt, task.choices, task.gold, task.kind) == ("Q?", ("w", "x", "y", "z"), "C", "choice")
    assert numbers.gold == "C"  # the third, whatever the texts are
    source = load_tasks("mmlu:" + write("t.jsonl", {"question": "Q?", "choices": ["w", "x"], "answer": 5}))
    assert not list(source) and "neither the label of a choice nor its place" in str(source.defects[0])


async def test_procbench_grades_every_state(write):
    label = {"intermediate": ["ab", "a"], "final": ""}
    row = {"prompt": "Delete.", "task_name": "task01", "example_name": "e1", "label": label}
    task = only("procbench:" + write("t.jsonl", row))
    assert task.id == "task01/e1" and "JSON list" in task.prompt and '"ab"' not in task.prompt
    flat = {"prompt": "Delete.", "task_name": "task01", "example_name": "e1", **label}
    assert only("procbench:" + write("f.jsonl", flat)) == task
    answers = {
        '["ab", "a", ""]': (1, 1, 1), '["ab", "x", ""]': (1 / 3, 0, 1), '["ab"]': (1 / 3, 0, 0),
        '["ab", "a", "", "b"]': (3 / 4, 0, 0), "ab": (0, 0, 0), "[]": (0, 0, 0),
    }  # fmt: skip
    for answer, (prefix, sequential, final) in answers.items():
        found = metrics_of(task, answer)
        assert list(found.values()) == pytest.approx([prefix, sequential, final]), answer
        assert await score_of(task, answer) == sequential
    assert await score_of(task, None) == 0
    lists = {"prompt": "Sort.", "label": {"intermediate": [[1, 2]], "final": [2, 1]}}
    assert metrics_of(only("procbench:" + write("l.jsonl", lists)), "[[1, 2], [2, 1]]")["sequential_match"] == 1
