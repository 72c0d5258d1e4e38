"""The comparison of fresh reasoning with what was recorded behind failed programs: paired, and resumable."""

import json
import sys
from pathlib import Path

import fresh_routes
import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel
from pilotage.agent.banks.collect import Collector, Study
from pilotage.agent.banks.explore import parse_mix
from pilotage.agent.banks.meta import meta_of
from pilotage.agent.banks.plan import parse_plan
from pilotage.agent.banks.sources import mixed
from pilotage.agent.banks.stepwise import Stepwise
from pilotage.navigator.bank.writer import BankWriter

TASKS = [{"id": f"q{n}", "prompt": f"Box {n}: what is 6 times 7?", "gold": 42} for n in range(4)]


def as_recorded(messages):
    """Programs are written on the first task only, and reasoning is wrong on the second and the third."""
    text = "\n".join(message.text for message in messages)
    if "Python program" in messages[-1].text:
        return "```python\nprint(42)\n```" if "Box 0" in text else "I would rather not."
    return "Answer: 41" if "Box 1" in text or "Box 2" in text else "Answer: 42"


@pytest.fixture
async def bank(tmp_path, monkeypatch):
    """A bank of these tasks in the present folder, which is the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PILOTAGE_HOME", str(tmp_path / "home"))
    Path("tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in TASKS))
    Path("s.json").write_text(json.dumps({"rules": {"Box 2": "Answer: 41", "": "By hand it is 42.\nAnswer: 42"}}))
    components = ReasoningAgent(ScriptedChatModel(as_recorded)).components
    ways = parse_plan("program; program/reason", components.registry.actions, 2)
    with BankWriter("bank", meta_of(components)) as writer:
        study = Study(ways, parse_mix("uniform", components))
        await Collector(Stepwise(components), writer, study).collect(mixed(["tasks.jsonl"])[0])


@pytest.fixture
def command(bank, monkeypatch, capsys):
    def run(*arguments):
        given = ["--bank", "bank", "--tasks", "tasks.jsonl", "--out", "out.jsonl", "--model", "scripted:s.json"]
        monkeypatch.setattr(sys, "argv", ["fresh_routes.py", *given, *arguments])
        code = 0
        try:
            fresh_routes.main()
        except SystemExit as end:
            code = end.code
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_both_are_compared_on_tasks_whose_program_gave_no_answer(command):
    code, out, err = command("--json")
    report = json.loads(out)
    assert code == 0 and report["tasks"] == 3 and "3 tasks with a failed program" in err
    assert report["behind the failed program"]["right"] == pytest.approx(1 / 3)
    assert report["from the task alone"]["right"] == pytest.approx(2 / 3)
    assert (report["better"], report["worse"], report["gain"]) == (1, 0, pytest.approx(1 / 3))
    code, out, _ = command()
    assert code == 0 and "better on 1, worse on 0" in out


def test_a_run_that_was_stopped_goes_on(command):
    code, _, _ = command("--limit-minutes", "0")
    assert "no task is done yet" in str(code)
    command()
    lines = Path("out.jsonl").read_text().splitlines(keepends=True)
    Path("out.jsonl").write_text("".join(lines[:2]) + lines[2][:9])  # as a kill leaves it
    _, out, err = command("--json")
    assert json.loads(out)["tasks"] == 3 and err.count(" of 3: ") == 1
    assert len(Path("out.jsonl").read_text().splitlines()) == 3


def test_other_tasks_are_refused_in_a_sentence(command):
    Path("tasks.jsonl").write_text(json.dumps(TASKS[0] | {"id": "other"}) + "\n")
    assert "give the --tasks that it was recorded on" in str(command()[0])
