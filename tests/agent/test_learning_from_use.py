"""From ordinary runs to a better navigator, as people type it: solve, add the traces, train, go on training, solve."""

import json
import sys
from pathlib import Path

import pytest

from pilotage.agent.cli import main
from pilotage.navigator.bank.bank import Bank

SCRIPT = f"scripted:{Path(__file__).parents[2] / 'examples' / 'script.json'}"
SHORT = ("--algo", "cql", "--steps", "20", "--hyper", "hidden=4,4", "--hyper", "batch=8", "--json")


@pytest.fixture
def pilotage(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PILOTAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    questions = [{"id": f"q{n}", "prompt": f"Box {n}: what is 48 times 10?", "gold": 480} for n in range(6)]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(one) + "\n" for one in questions))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["pilotage", *arguments])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_navigator_learns_from_use(pilotage, tmp_path):
    tasks = ("--tasks", "tasks.jsonl", "--model", SCRIPT)
    assert pilotage("collect", *tasks, "--out", "bank", "--plan", "program")[0] == 0
    before = {task: len(list(Bank.open(tmp_path / "bank").tree(task))) for task in Bank.open(tmp_path / "bank").tasks}
    solve = ("solve", *tasks, "--memory", "none")
    assert pilotage(*solve, "--policy", "epsilon=0.9:fixed:reason,answer", "--out", "r.jsonl")[0] == 0
    code, _, err = pilotage("bank", "add-traces", "r.jsonl", "bank", "--tasks", "tasks.jsonl")
    assert code == 0, err
    bank = Bank.open(tmp_path / "bank")
    assert sum(len(list(bank.tree(task))) for task in bank.tasks) > sum(before.values())
    train = ("train", "--bank", "bank", *SHORT)
    code, out, err = pilotage(*train, "--out", "p.safetensors", "--seeds", "2", "--ensemble")
    assert code == 0, err
    first = json.loads(out)["bank"]
    assert first["edges"] > 2 * first["tasks"]
    code, out, err = pilotage(*train, "--out", "q.safetensors", "--seeds", "1", "--resume", "p.safetensors")
    assert code == 0 and json.loads(out)["resumed_from"], err
    code, _, err = pilotage(*solve, "--policy", "epsilon=0.2:q.safetensors", "--out", "s.jsonl")
    assert code == 0, err
    lines = [json.loads(line) for line in Path("s.jsonl").read_text().splitlines()]
    assert {line["policy"] for line in lines} == {"epsilon=0.2:learned:q.safetensors"} and len(lines) == 6
    estimate = ("estimate", "--runs", "s.jsonl", "--json", "--policy", "q.safetensors")
    code, _, err = pilotage(*estimate)
    assert code == 2 and "was trained on 5 of the 6 logged tasks" in err, "its own training tasks do not judge it"
    code, out, err = pilotage(*estimate, "--in-sample")
    assert code == 0 and json.loads(out)["policies"][0]["agreeing"] > 0, err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--algo", "linear", "--resume", "p.safetensors"), "linear is fitted anew, in one go: leave --resume out"),
        (("--algo", "nearest", "--ensemble"), "leave --ensemble out"),
        (("--algo", "magic"), "linear and nearest"),
    ],
)
def test_what_training_would_pass_over_is_refused(pilotage, arguments, said):
    from tests.navigator.banks import learnable_bank

    learnable_bank("bank", tasks=6, depth=1)
    code, out, err = pilotage("train", "--bank", "bank", "--out", "p.safetensors", *arguments)
    assert code == 2 and out == "" and said in err and err.count("\n") == 1
