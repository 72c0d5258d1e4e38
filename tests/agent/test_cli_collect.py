"""`pilotage collect` and `pilotage bank add-traces` as people type them."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from pilotage.agent.cli import main
from pilotage.navigator.bank.bank import Bank

ROOT = Path(__file__).parents[2]
SCRIPT = f"scripted:{ROOT / 'examples' / 'script.json'}"
QUESTIONS = [{"id": f"q{n}", "prompt": f"Box {n}: what is 48 times 10?", "gold": 480} for n in range(3)]


@pytest.fixture
def home(tmp_path):
    """A folder with a file of tasks, and variables that keep the command within it."""
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(one) + "\n" for one in QUESTIONS))
    return {"PILOTAGE_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def pilotage(tmp_path, home, monkeypatch, capsys):
    """Runs the command in this process, which saves it the imports."""
    monkeypatch.chdir(tmp_path)
    for name, value in home.items():
        monkeypatch.setenv(name, value)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["pilotage", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, ended.value.code or 0, said.out, said.err)

    return run


COLLECT = ("collect", "--tasks", "tasks.jsonl", "--model", SCRIPT, "--out", "bank", "--plan", "small")


def test_a_bank_is_recorded_shown_and_added_to(pilotage, tmp_path):
    done = pilotage(*COLLECT, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["tasks_complete"], summary["nodes_recorded"], summary["nodes_before"]) == (3, 18, 0)
    assert "3 of 3 tasks" in done.stderr
    bank = Bank.open(tmp_path / "bank")
    assert bank.tasks == ["q0", "q1", "q2"] and bank.headers["q0"].source == "jsonl:tasks.jsonl"
    assert bank.meta.extras["model_identity"] and str(ROOT) not in json.dumps(bank.meta.extras)
    solve = ("solve", "--tasks", "tasks.jsonl", "--model", SCRIPT, "--memory", "none")
    pilotage(*solve, "--out", "r.jsonl", "--policy", "fixed:decompose,answer")
    done = pilotage("bank", "add-traces", "r.jsonl", "bank", "--tasks", "tasks.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"nodes_added": 3, "nodes_known": 3, "left_out": 0}
    assert "r/decompose" in Bank.open(tmp_path / "bank").tree("q1").nodes


def test_time_that_is_up_is_no_failure_and_the_command_goes_on(pilotage, tmp_path):
    done = pilotage(*COLLECT, "--limit-minutes", "0")
    assert done.returncode == 0 and "goes on from here" in done.stderr
    done = pilotage(*COLLECT, "--json")
    assert json.loads(done.stdout)["nodes_recorded"] == 18


def test_ctrl_c_is_one_sentence_and_what_was_recorded_is_sound(pilotage, home, tmp_path):
    slow = json.loads((ROOT / "examples" / "script.json").read_text()) | {"latency": 0.3}
    (tmp_path / "slow.json").write_text(json.dumps(slow))
    collect = [part if part != SCRIPT else "scripted:slow.json" for part in COLLECT]
    command = [str(Path(sys.executable).with_name("pilotage")), *collect]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    running = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **home}, preexec_fn=heed, **pipes)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not list((tmp_path / "bank" / "tasks").glob("*.jsonl")):
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=300)
    assert running.returncode == 130
    assert "what was recorded is kept" in said.strip().splitlines()[-1]  # it says where, if it had not begun yet
    assert "Traceback" not in said
    verified = pilotage("bank", "verify", "bank", "--json")
    assert not [one for one in json.loads(verified.stdout) if one["level"] == "error"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--plan", "ponder"), "no block 'ponder'"),
        (("--policy-mix", "uniform=none"), "no number above 0"),
        (("--max-depth", "9"), "do not fit into --max-steps 8"),
        (("--preset", "psychic"), "unknown observation preset"),
        (("--tasks", "tasks.jsonl"), "two tasks have the id"),
        (("--tasks", "empty.jsonl;offset=0"), "empty.jsonl"),
        (("--out", "tasks.jsonl"), "tasks.jsonl"),
    ],
)
def test_bad_input_is_one_clear_sentence(pilotage, arguments, sentence):
    done = pilotage(*COLLECT, *arguments)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr and done.stderr.strip().count("\n") == 0
    assert done.returncode == 2


def test_a_bank_is_not_added_to_with_other_abilities_or_settings(pilotage):
    pilotage(*COLLECT)
    for change, sentence in (
        (("--sandbox", "none"), "recorded with a sandbox, and this run is without one"),
        (("--max-tokens", "900"), "other budget"),
        (("--preset", "probe"), "other preset"),
    ):
        done = pilotage(*COLLECT, *change)
        assert done.returncode == 2 and sentence in done.stderr and done.stderr.count("\n") == 1


def test_tasks_without_gold_are_left_out_and_named(pilotage, tmp_path):
    with (tmp_path / "tasks.jsonl").open("a") as file:
        file.write('{"id": "open", "prompt": "What is love?"}\n{torn\n')
    done = pilotage(*COLLECT)
    assert done.returncode == 1
    assert "open: it has no gold answer" in done.stderr and "tasks.jsonl:5" in done.stderr
    assert Bank.open(tmp_path / "bank").tasks == ["q0", "q1", "q2"]
