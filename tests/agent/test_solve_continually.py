"""`pilotage solve --tasks --memory DIR --learn every=N --orders K`, as people type it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.memory import ConceptStore

SCRIPT = {
    "rules": {
        r"<solution>": '{"title": "Add what comes", "when": "items are counted and more come"}',
        r"Python program": "```python\nitems = 20\nmore = 5\nprint(items + more)\n```",
        r"": "20 and 5 is 25.\nAnswer: 25",
    }
}
COMMON = ["solve", "--tasks", "t.jsonl", "--model", "scripted:s.json", "--policy", "fixed:program,verify,answer"]


@pytest.fixture
def pilotage(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps(SCRIPT))
    lines = [
        {"id": f"t{i}", "prompt": f"How many items are 20 items and 5 more in box {i}?", "gold": 25} for i in range(4)
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def run(*arguments):
        home = {"PILOTAGE_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        return subprocess.run(
            [str(Path(sys.executable).with_name("pilotage")), *COMMON, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **home, "PILOTAGE_EMBEDDER": "hash"},
        )

    return run


def results(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_several_orders_each_start_from_a_copy_of_the_memory(pilotage, tmp_path):
    arguments = ["--memory", "m", "--learn", "every=2", "--orders", "2", "--out", "r.jsonl"]
    done = pilotage(*arguments)
    assert done.returncode == 0, done.stderr
    assert "order 0: 4 tasks, 100% right" in done.stderr and "order 1: 4 tasks, 100% right" in done.stderr
    lines = results(tmp_path / "r.jsonl")
    assert [line["order"] for line in lines] == [0] * 4 + [1] * 4
    first, second = ([line["task_id"] for line in lines[at : at + 4]] for at in (0, 4))
    assert first != second and sorted(first) == sorted(second)
    for batch in (lines[0:2], lines[4:6]):
        assert not any(line["recalled"] for line in batch)
    for batch in (lines[2:4], lines[6:8]):
        assert all(line["recalled"] and line["followed"] == line["recalled"] for line in batch)
    assert not (tmp_path / "m").exists()
    copies = sorted((tmp_path / "r.jsonl.memory").iterdir())
    assert [copy.name for copy in copies] == ["order-0", "order-1"]
    for copy in copies:
        with ConceptStore.open(copy, embedder="hash") as store:
            assert [concept.outcomes.helped for concept in store.all()] == [2]
    again = pilotage(*arguments, "--resume")
    assert again.returncode == 0
    assert results(tmp_path / "r.jsonl") == lines


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--orders", "2"], "--orders needs --out"),
        (["--learn", "every=0"], "every=N with N at least 1"),
        (["--learn", "every=two"], "every=N with N at least 1"),
        (["--learn", "--no-learn"], "not both"),
        (["--learn", "every=2", "--memory", "none"], "needs a memory"),
        (["--holdout", "1.5"], "holdout"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(pilotage, tmp_path, arguments, sentence):
    done = pilotage("--memory", "m", *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "m").exists()


def test_learn_may_stand_alone_before_anything(pilotage, tmp_path):
    done = pilotage("--limit", "1", "--memory", "m", "--out", "r.jsonl", "--learn")
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "r.jsonl")[0]["learned"]


def test_a_file_goes_on_learning_as_it_began(pilotage, tmp_path):
    """Other batches would take finished tasks for unfinished ones, and take back what they taught."""
    assert pilotage("--limit", "3", "--memory", "m", "--learn", "every=3", "--out", "r.jsonl").returncode == 0
    before = (tmp_path / "r.jsonl").read_text()
    for other in (["--learn", "every=2"], ["--learn"], ["--no-learn"]):
        done = pilotage("--memory", "m", *other, "--out", "r.jsonl", "--resume")
        assert done.returncode == 2 and done.stderr.count("\n") == 1
        assert "r.jsonl was made with learning 'every=3', not " in done.stderr
        assert (tmp_path / "r.jsonl").read_text() == before
    assert pilotage("--memory", "m", "--learn", "every=3", "--out", "r.jsonl", "--resume").returncode == 0
    assert len(results(tmp_path / "r.jsonl")) == 4
