"""The live comparison: whole pairs, nothing solved twice, and a verdict on what a bank's evaluation promised."""

import json
import sys
from pathlib import Path

import live_policies
import numpy as np
import pytest
from live_policies import Entry, compared, text_of

from pilotage.navigator import Bank

ROOT = Path(__file__).parents[2]
SCRIPT = f"scripted:{ROOT / 'examples' / 'script.json'}"
TASKS = [{"id": f"q{n}", "prompt": f"Box {n}: what is 48 times 10?", "gold": 480 + n % 2} for n in range(4)]


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs the benchmark in this process: its exit code or message, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PILOTAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in TASKS))

    def run(*arguments, policies=("rules", "fixed:reason,answer")):
        given = ["--tasks", "tasks.jsonl", "--out", "out", "--model", SCRIPT, "--policies", *policies, *arguments]
        monkeypatch.setattr(sys, "argv", ["live_policies.py", *given])
        code = 0
        try:
            live_policies.main()
        except SystemExit as end:
            code = end.code
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_policies_are_compared_on_the_same_tasks_and_the_command_goes_on(command):
    code, out, err = command("--limit", "2", "--json")
    assert code == 0 and json.loads(out)["tasks"] == 2
    code, out, err = command("--json")
    report = json.loads(out)
    assert report["tasks"] == 4 and "2 of 2 tasks" in err, "only what was left is solved"
    assert [row["accuracy"] for row in report["policies"]] == [0.5, 0.5]
    means = [np.mean([half["cost"] for half in row["halves"]]) for row in report["policies"]]
    assert means == pytest.approx([row["cost"] for row in report["policies"]])
    one = report["comparisons"][0]
    assert (one["policy"], one["against"], one["better"], one["worse"]) == ("fixed:reason,answer", "rules", 0, 0)
    assert 0 < one["cost_ratio"] < 1 and one["mcnemar_p"] == 1
    assert [len(path.read_text().splitlines()) for path in sorted(Path("out").glob("*.jsonl"))] == [4, 4]


def test_with_learning_each_policy_has_a_memory_of_its_own(command):
    writes = {
        "<solution>": '{"title": "Add what comes", "when": "items are counted and more come"}',
        "Python program": "```python\nitems = 20\nmore = 5\nprint(items + more)\n```",
        "": "20 and 5 is 25.\nAnswer: 25",
    }
    Path("s.json").write_text(json.dumps({"rules": writes}))
    tasks = [{"id": f"q{n}", "prompt": f"How many are 20 items and 5 more in box {n}?", "gold": 25} for n in range(4)]
    Path("tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    policies = ("fixed:program,verify,answer", "fixed:reason,answer")
    code, out, err = command("--learn", "--embedder", "hash", "--model", "scripted:s.json", policies=policies)
    assert code == 0, err
    assert (
        "fixed:program,verify,answer: 4 concepts added, widened or confirmed; 3 tasks with hints; by halves 100" in out
    )
    assert "fixed:reason,answer: 0 concepts" in out
    assert len(list(Path("out").glob("*.memory"))) == 2
    code, _, _ = command("--model", "scripted:s.json", policies=policies)
    assert "was made with learning 'each', not 'no'" in code, "runs without memory are another comparison"


def test_a_memory_is_compared_with_none_on_the_tasks_behind_the_first(command):
    policies = ("fixed:reason,answer",)
    code, out, err = command("--learn", "--beside-none", "--embedder", "hash", "--json", policies=policies)
    assert code == 0, err
    report = json.loads(out)
    names = ["fixed:reason,answer", "fixed:reason,answer with memory"]
    assert [row["policy"] for row in report["policies"]] == names and report["tasks"] == 4
    assert (report["comparisons"][0]["policy"], report["comparisons"][0]["against"]) == (names[1], names[0])
    assert [path.name for path in Path("out").glob("*.memory")] == ["fixed-reason-answer-with-memory.memory"]
    again = ("--learn", "--beside-none", "--embedder", "hash", "--json", "--after", "3")
    again_code, out, err = command(*again, policies=policies)
    assert not again_code, err
    report = json.loads(out)
    assert report["tasks"] == 1 and [row["accuracy"] for row in report["policies"]] == [0.0, 0.0], (
        "the last gold is 481"
    )


def test_what_the_evaluation_promised_is_judged(command):
    def policy(name, accuracy, cost):
        shown = {"accuracy_interval": [accuracy - 0.05, accuracy + 0.05], "cost_interval": [0.9 * cost, 1.1 * cost]}
        return {"name": name, "accuracy": accuracy, "cost": cost, **shown}

    content = {"format": "pilotage-evaluation", "version": 1, "policies": [policy("rules", 0.52, 5.0)]}
    Path("e.json").write_text(json.dumps(content))
    code, out, _ = command("--evaluation", "e.json")
    assert code == 0
    assert "right 50.0%, bank 52.0% (47.0% to 57.0%): within it" in out
    assert "OUTSIDE, more than chance explains" in out
    assert "fixed:reason,answer: the evaluation has no policy of this name" in out


def test_an_unusable_reply_counts_as_wrong_and_is_not_forgotten():
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "llm_calls": 1}
    good = {"score": 1.0, "usage": usage, "route": ["answer"], "verified": True}
    lines = {"default": {"a": good, "b": {**good, "score": 0.0, "error": "empty"}}, "random": {"a": good, "b": good}}
    report = compared([Entry.parse("default"), Entry.parse("random")], lines, None)
    assert [(row["accuracy"], row["unusable"]) for row in report["policies"]] == [(0.5, 1), (1.0, 0)]


def test_the_share_of_answers_that_evidence_backs():
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "llm_calls": 1}
    backed, bare = ({"score": 1.0, "usage": usage, "route": ["answer"], "verified": on} for on in (True, False))
    report = compared([Entry.parse("default")], {"default": {"a": backed, "b": bare, "c": bare, "d": bare}}, None)
    assert report["policies"][0]["verified"] == 0.25
    assert text_of(report).splitlines()[3].endswith("25.0%")


def test_a_file_is_named_with_its_effort_and_what_the_evaluation_calls_it():
    entry = Entry.parse("some/mine.safetensors@low=double-dueling-dqn")
    assert (entry.policy, entry.effort, entry.known_as) == ("some/mine.safetensors", "low", "double-dueling-dqn")
    assert Entry.parse("some/mine.safetensors").known_as == "mine"
    assert Entry.parse("epsilon=0.1:default").known_as == "epsilon=0.1:default"


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        (("--learn", "--concurrency", "2"), {}, "leave --concurrency out"),
        (("--beside-none",), {}, "add --learn"),
        (("--limit-minutes", "0"), {}, "no task was solved by every policy yet"),
        (("--evaluation", "tasks.jsonl"), {}, "no evaluation that this version reads"),
        ((), {"policies": ("default", "default")}, "two of the --policies have the same name"),
        ((), {"policies": ("psychic",)}, "unknown policy 'psychic'"),
    ],
)
def test_bad_input_is_one_sentence(command, arguments, options, said):
    code, out, _ = command(*arguments, **options)
    assert str(code).startswith("error: ") and said in str(code) and out == ""


def test_a_policy_is_not_judged_on_tasks_that_it_was_trained_on(command):
    """The shipped network knows this bank's tasks by their ids."""
    bank = Bank.open(Path(__file__).parents[2] / "examples" / "banks" / "mixed")
    Path("tasks.jsonl").write_text("".join(json.dumps(TASKS[0] | {"id": id}) + "\n" for id in ("new", bank.tasks[0])))
    for named in ("network", "network@low", "epsilon=0:network"):
        code, _, _ = command("--json", policies=("rules", named))
        assert f"was trained on 1 of these tasks ({bank.tasks[0]!r} for one)" in str(code)
    code, out, _ = command("--json", "--in-sample", policies=("rules", "network"))
    assert code == 0 and json.loads(out)["tasks"] == 2


@pytest.mark.parametrize(
    ("text", "known_as"),
    [
        ("epsilon=0:default", "epsilon=0:default"),
        ("epsilon=0.5:runs/mine.safetensors", "epsilon=0.5:mine"),
        ("runs/mine.safetensors", "mine"),
        ("default@high", "default@high"),
        ("epsilon=0.5:epsilon=0.1:runs/mine.safetensors@low=other", "other"),
    ],
)
def test_an_exploring_policy_is_known_as_the_evaluation_knows_it(text, known_as):
    assert Entry.parse(text).known_as == known_as


def test_results_of_another_version_of_a_file_begin_anew_wherever_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    names = ["~/mine.toml", "epsilon=0.5:~/mine.toml", f"epsilon=0.1:epsilon=0.5:{tmp_path}/mine.toml"]
    files = []
    for content in ("one", "another"):
        (tmp_path / "mine.toml").write_text(content)
        files.append([Entry.parse(name).file for name in names])
    assert all(before != after for before, after in zip(*files, strict=True))


@pytest.mark.parametrize("folder", ["live_default", "live_default_sealed"])
def test_live_tables_of_the_default_are_what_its_results_say(folder):
    entries = [Entry.parse(name) for name in ("fixed:program,answer", "one-bit", "default@medium", "default@high")]
    lines = {}
    for entry in entries:
        told = (ROOT / "benchmarks" / "data" / folder / entry.file).read_text()
        found = [json.loads(line) for line in told.splitlines()]
        lines[entry.label] = {line["task_id"]: line for line in found}
    printed = text_of(compared(entries, lines, None))
    assert f"```text\n{printed}\n```" in (ROOT / "docs" / "shipped-navigator.md").read_text()
