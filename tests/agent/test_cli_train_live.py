"""`pilotage train --live` as people type it."""

import json
from pathlib import Path

import pytest

SCRIPT = f"scripted:{Path(__file__).parents[2] / 'examples' / 'script.json'}"
QUESTIONS = [{"id": f"q{n}", "prompt": f"Box {n}: what is 48 times 10?", "gold": 480} for n in range(6)]
LIVE = ("train", "--live", "--tasks", "tasks.jsonl", "--model", SCRIPT, "--out", "p.safetensors")
SHORT = ("--episodes", "6", "--steps", "40", "--max-steps", "3", "--hyper", "hidden=8,8")


@pytest.fixture
def pilotage(command_line):
    """Runs `pilotage ...` in a folder with a file of tasks."""
    Path("tasks.jsonl").write_text("".join(json.dumps(one) + "\n" for one in QUESTIONS))
    return command_line


def test_it_trains_records_and_says_what_was_spent_and_goes_on(pilotage):
    code, out, err = pilotage(*LIVE, *SHORT, "--max-llm-calls", "12", "--json")
    assert code == 0, err
    card = json.loads(out)
    assert card["live"]["stopped_by"] == "max_llm_calls" and card["live"]["tasks"] == ["tasks.jsonl"]
    assert "--max-llm-calls was reached" in err and "recorded in p.safetensors.bank" in err and "at this pace" in err
    assert card["bank"]["model"] and set(card["scores"]) == {"train", "validation"}
    first = card["live"]["nodes"]
    code, out, err = pilotage(*LIVE, *SHORT, "--json")
    again = json.loads(out)["live"]
    assert again["nodes"] > first and again["stopped_by"] is None and again["episodes"] == 6
    assert f"{again['nodes']} nodes, {again['nodes'] - first} of them run in this sitting" in err
    code, out, _ = pilotage("policy", "show", "p.safetensors")
    assert code == 0 and "live, on tasks.jsonl" in out
    solve = ("solve", "What is 48 times 10?", "--model", SCRIPT, "--memory", "none", "--json")
    code, out, err = pilotage(*solve, "--policy", "p.safetensors")
    assert code == 0, err
    assert json.loads(out)["policy"] == "learned:p.safetensors"


def test_it_observes_by_another_preset_and_pays_for_it(pilotage):
    code, out, err = pilotage(*LIVE, *SHORT, "--preset", "probe", "--json")
    assert code == 0, err
    probed = json.loads(out)
    assert "p_right" in Path("p.safetensors.bank", "bank.json").read_text()
    assert pilotage("train", "--bank", "p.safetensors.bank", "--preset", "free", "--out", "q.safetensors")[0] == 2
    code, out, err = pilotage(*LIVE[:-1], "f.safetensors", *SHORT, "--json")
    free = json.loads(out)
    assert probed["live"]["llm_calls"] / probed["live"]["nodes"] > free["live"]["llm_calls"] / free["live"]["nodes"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--out", "p.safetensors"), "give --bank FOLDER"),
        (("--out", "p.safetensors", "--live"), "--live needs --tasks"),
        (("--out", "p.safetensors", "--live", "--tasks", "tasks.jsonl", "--bank", "b"), "not both"),
        (("--out", "p.safetensors", "--bank", "b", "--episodes", "3"), "--episodes is for --live training"),
        ((*LIVE[1:], "--algo", "cql"), "cql is fitted to a recorded bank"),
        ((*LIVE[1:], "--algo", "nearest"), "nearest is fitted to a recorded bank"),
        ((*LIVE[1:], "--shaping", "exact"), "step rewards need a recorded bank"),
        ((*LIVE[1:], "--max-llm-calls", "2"), "raise it, or give fewer tasks"),
        ((*LIVE[1:], "--hyper", "environments=4"), "one episode at a time"),
        ((*LIVE[1:], "--preset", "rlot"), "take --preset rlot+free"),
        ((*LIVE[1:], "--preset", "rlto"), "unknown observation preset 'rlto'"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(pilotage, arguments, said):
    code, out, err = pilotage("train", *arguments)
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 2 and out == "" and len(lines) == 1 and said in lines[0]
