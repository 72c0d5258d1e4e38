import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.agent.errors import MissingExtra, UsageError
from pilotage.agent.tasks import SOURCES, load_tasks
from pilotage.agent.tasks.grading import grader_for

ROOT = Path(__file__).parents[3]


@pytest.fixture
def write(tmp_path: Path):
    def write_lines(*lines: object, name: str = "tasks.jsonl") -> str:
        path = tmp_path / name
        path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
        return str(path)

    return write_lines


def test_fields_and_their_other_names(write):
    path = write(
        {"prompt": "1 + 1?", "gold": 2},
        {"id": 7, "question": "A cat?", "choices": ["yes", "no"], "answer": "A", "level": 3},
        {"prompt": "Echo.", "metadata": {"tests": [{"input": "x", "output": "x"}]}},
        {"prompt": "Say hi.", "examples": [{"input": "a", "output": "b"}], "gold": "hi"},
        {"prompt": "Turn it.", "gold": [[1, 2]]},
        {"prompt": "Sum?", "gold": "1234.5"},
        {"prompt": "Code?", "gold": "007"},
        {"prompt": "No gold."},
    )
    tasks = list(load_tasks(path))
    assert [task.kind for task in tasks] == [
        "numeric",
        "choice",
        "program",
        "text",
        "grid",
        "numeric",
        "text",
        "open",
    ]
    assert [task.id for task in tasks[:3]] == ["tasks-1", "7", "tasks-3"]
    assert tasks[1].metadata == {"level": 3} and tasks[1].choices == ("yes", "no")
    assert tasks[3].examples[0].output == "b"
    assert [grader_for(task) is None for task in tasks] == [False] * 7 + [True]


def test_bad_lines_are_named_and_the_others_are_given(write):
    path = write(
        {"prompt": "fine", "id": "a"},
        b'{"prompt": "torn',
        b"\xff\xfe{}",
        ["not", "an", "object"],
        {"gold": 3},
        {"prompt": "   "},
        {"prompt": "x", "kind": "numerik"},
        {"prompt": "x", "kind": "numeric", "gold": "many"},
        {"prompt": "x", "choices": ["p", "q"], "gold": "r"},
        {"prompt": "x", "choices": "pq"},
        {"prompt": "x", "id": "a"},
        {"prompt": "x", "question": "y"},
        {"prompt": "x", "kind": "program", "tests": [{"input": "1"}]},
        {"prompt": "x", "answer": "2 + 2 = 4\n#### 4"},
        b"[" * 100_000,
        {"prompt": "also fine"},
    )
    source = load_tasks(path)
    assert [task.prompt for task in source] == ["fine", "also fine"]
    said = [str(defect) for defect in source.defects]
    expected = [
        "malformed JSON",
        "not UTF-8",
        "JSON object, not a list",
        "no `prompt`",
        "prompt is empty",
        "did you mean numeric?",
        "not one number",
        "neither the letter",
        "choices: ",
        "used already in line 1",
        "both `prompt` and `question`",
        "needs an `input`",
        "load the file as `gsm8k:FILE`",
        "nested too deeply",
    ]
    assert len(said) == len(expected)
    for line, (sentence, part) in enumerate(zip(said, expected, strict=True), start=2):
        assert sentence.startswith(f"{path}:{line}: ")
        assert part in sentence


def test_a_source_can_be_read_twice(write):
    source = load_tasks(write({"prompt": "one"}, b"torn", b"", {"prompt": "two"}))
    assert [task.id for task in source] == [task.id for task in source] == ["tasks-1", "tasks-4"]
    assert [defect.line for defect in source.defects] == [2]


def test_tasks_come_one_by_one(write):
    tasks = iter(load_tasks(write({"prompt": "one"}, *[{"prompt": "x"}] * 10_000)))
    assert next(tasks).prompt == "one"


def test_options_choose_the_same_tasks_each_time(write):
    path = write(*[{"prompt": f"{n}?"} for n in range(50)])

    def ids(options: str) -> list[str]:
        return [task.id for task in load_tasks(path + options)]

    assert ids(";size=3;offset=2") == ["tasks-3", "tasks-4", "tasks-5"]
    shuffled = ids(";seed=1")
    assert sorted(shuffled) == sorted(ids("")) and shuffled != ids("")
    assert ids(";seed=1;size=10;offset=5") == shuffled[5:15]
    assert ids(" ; seed = 1 ;size=50") == shuffled
    assert ids(";seed=2") != shuffled


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("nowhere.jsonl", "nowhere.jsonl can't be read: No such file"),
        (".", "can't be read: Is a directory"),
        ("", "names no file"),
        ("gsm8k:", "names no file"),
        ("gsm8:x.jsonl", "did you mean gsm8k?"),
        ("{file};sizes=3", "did you mean size?"),
        ("{file};size=3;size=4", "stands twice"),
        ("{file};size=some", "whole number, not 'some'"),
        ("{file};size=0", "whole number, not '0'"),
        ("{file};seed=-1", "whole number, not '-1'"),
    ],
)
def test_a_bad_specification_is_told_at_once(write, spec: str, sentence: str):
    with pytest.raises(UsageError, match=r".") as raised:
        load_tasks(spec.replace("{file}", write({"prompt": "x"})))
    assert sentence in str(raised.value)


def test_gsm8k_keeps_only_the_number_of_the_worked_solution(write):
    path = write(
        {"question": "How many?", "answer": "First 3*4=<<3*4=12>>12.\nSo SECRET.\n#### 1,012"},
        {"question": "How much?", "answer": "18.50"},
        {"question": "Neither", "answer": "no number"},
        {"answer": "#### 4"},
        {"question": "No answer"},
    )
    source = load_tasks(f"gsm8k:{path}")
    tasks = list(source)
    assert [(task.id, task.kind, task.gold) for task in tasks] == [
        ("tasks-1", "numeric", "1012"),
        ("tasks-2", "numeric", "18.5"),
    ]
    assert "SECRET" not in tasks[0].model_dump_json()
    assert [defect.line for defect in source.defects] == [3, 4, 5]


def test_every_source_shows_how_it_is_asked_for():
    assert list(SOURCES) == ["jsonl", "gsm8k", "gym", "math", "gpqa", "mmlu", "procbench"]
    for name, source in SOURCES.items():
        assert source.name == name
        assert name in source.usage


def test_a_third_partys_source_is_found(tmp_path: Path):
    (tmp_path / "riddles.py").write_text(
        "from pilotage.agent.task import Task\n"
        "from pilotage.agent.tasks import Source\n"
        "RIDDLES = Source('riddles', 'riddles:TOPIC', lambda spec: iter([Task(id='r', prompt=spec.target)]))\n"
    )
    info = tmp_path / "riddles-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: riddles\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[pilotage.tasks]\nriddles = riddles:RIDDLES\n")
    said = subprocess.run(
        [sys.executable, "-c", "from pilotage.agent import load_tasks; print([*load_tasks('riddles:time')][0].prompt)"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "time\n"


def test_without_reasoning_gym_the_sentence_names_the_extra():
    code = (
        "import sys; sys.modules['reasoning_gym'] = None\n"
        "from pilotage.agent.errors import MissingExtra\nfrom pilotage import load_tasks\n"
        "try:\n    load_tasks('gym:gcd')\nexcept MissingExtra as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "reasoning-gym is not installed: run `pip install 'pilotage[tasks]'`\n"
    assert issubclass(MissingExtra, UsageError)
