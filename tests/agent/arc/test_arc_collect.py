"""`pilotage arc collect`: banks of puzzles, what they keep of them, and that a kill loses nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pilotage.agent.arc import encodings, tasks
from pilotage.agent.arc.banks.recording import assigned
from pilotage.agent.arc.blocks import registry, steps
from pilotage.agent.arc.splits import load_split
from pilotage.agent.banks.meta import prompt_hash
from pilotage.agent.blocks import BUILT_IN, Registry
from pilotage.navigator.bank.bank import Bank
from tests.agent.arc.made_up import record, write
from tests.agent.arc.test_arc_solve import FLIP

COLLECT = ("arc", "collect", "--split", "p.json", "--model", "scripted:s.json", "--out", "bank")
HALF = record((([[1, 2]], [[2, 1]]),), (([[4, 5]], [[5, 4]]), ([[6, 7]], [[0, 0]])))
SHOWN = ("[[", "4 5", "Example input", "one rule", "One rule")
"""What of a puzzle or of its prompts no header may hold."""


def puzzles(count=6, odd=((9, 8),)):
    """Of every two one that its scripted program solves, and one that is right by what is written down alone."""
    made = {}
    for number in range(count):
        one, other = number % 9 + 1, (number + 3) % 9 + 1
        if number % 2:
            pairs, tests = (([[one, other]], [[other, one]]),), (([[one, 0]], [[0, one]]),)
        else:
            pairs, tests = (([[one, other]], [[9, 9]]),), (([[one, 0]], [list(row) for row in odd]),)
        made[f"p{number}"] = record(pairs, tests)
    return made


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p.json", puzzles())
    write(tmp_path / "s.json", {"rules": {"numpy array|corrected": FLIP, "": "```\n9 8\n```"}})
    return tmp_path


def nodes(folder):
    """What a bank holds by task and node, but for times and for whether a reply came out of the cache."""
    bank = Bank.open(folder)
    kept = {}
    for task in bank.tasks:
        for id, node in bank.tree(task).nodes.items():
            data = node.to_json()
            step = data["extras"].get("step", {})
            parts = [step, *step.get("draws", ())]
            for counted in (data["usage"], data["answer_usage"], step, *(one.get("usage", {}) for one in parts)):
                for name in ("seconds", "replayed_calls"):
                    counted.pop(name, None)
            kept[task, id] = data
    return kept


def test_a_bank_of_puzzles_is_recorded_scored_and_read_by_what_reads_banks(here, command_line):
    code, out, err = command_line(*COLLECT, "--json")
    told = json.loads(out)
    assert code == 0 and told["tasks_complete"] == 6 and "6 of 6 tasks are complete" in err
    bank = Bank.open(here / "bank")
    assert bank.tasks == sorted(puzzles()) and bank.actions.names[0] == "look"
    solved, odd = bank.tree("p1").nodes, bank.tree("p0").nodes
    assert solved["r/look/program"].score == 1 and "r/look/program/reflect" not in solved, "nothing is to be repaired"
    assert odd["r/look/program"].score == 0 and odd["r/look/reason"].score == odd["r/look/reason"].candidate_score == 1
    assert "r/look/program/reflect/reflect/sample/sample/reason" in odd, "the whole way of the policy `arc`"
    assert command_line("bank", "verify", "bank").code == 0
    assert "0 could not be told" in command_line("bank", "score", "bank").err
    evaluated = command_line(
        "evaluate", "--bank", "bank", "--folds", "2", "--policy", "fixed:look,program,answer", "--policy", "best-fixed",
        "--bootstrap", "100", "--json",
    )  # fmt: skip
    assert evaluated.code == 0, evaluated.err
    assert command_line("train", "--bank", "bank", "--algo", "nearest", "--out", "n.safetensors").code == 0
    routed = command_line(*("arc", "solve", *COLLECT[2:-1], "R", "--policy", "n.safetensors"))
    assert routed.code == 0 and "6 puzzles attempted" in routed.out, routed.err


def test_a_score_is_the_official_share_of_tests(here, command_line):
    write(here / "p.json", {"half": HALF})
    assert command_line(*COLLECT, "--plan", "program").code == 0
    node = Bank.open(here / "bank").tree("half").nodes["r/program"]
    assert node.score == node.candidate_score == 0.5


def test_headers_hold_no_grid_and_no_prompt(here, command_line):
    assert command_line(*COLLECT, "--plan", "look").code == 0
    (meta,) = (here / "bank").glob("*.json")
    headers = [file.read_text().splitlines()[0] for file in sorted((here / "bank" / "tasks").glob("*.jsonl"))]
    assert json.loads(headers[0]) == {"task": "p0", "family": "p", "kind": "grid", "source": "arc:p"}
    for text in (meta.read_text(), *headers):
        assert not [shown for shown in SHOWN if shown in text] and str(here) not in text
    assert json.loads(meta.read_text())["extras"]["encoding"] == "spaced"


def test_a_split_s_name_is_its_family_whatever_part_of_it_was_asked_for(here):
    (one, *_) = assigned(replace(load_split("p.json;size=2"), name="arc1:training@aa922be;size=2"), "spaced")
    assert (one.header.family, one.header.source) == ("arc1:training@aa922be", "arc:arc1:training@aa922be")


def test_what_tests_become_has_no_say_in_anything_but_scores(here, command_line):
    assert command_line(*COLLECT).code == 0
    write(here / "p.json", puzzles(odd=((0, 0),)))
    assert command_line(*COLLECT[:-1], "other").code == 0
    first, second = nodes(here / "bank"), nodes(here / "other")
    assert first.keys() == second.keys()
    for key, node in first.items():
        graded = {"score", "candidate_score"}
        differing = {name for name, value in node.items() if value != second[key].get(name)} - graded
        assert differing <= ({"extras"} if key[1] == "r" else set()), (key, differing)
    assert {node["score"] for node in first.values()} == {0, 1}
    assert any(node["score"] != second[key]["score"] for key, node in first.items())


def test_a_kill_loses_nothing_and_the_same_command_goes_on(here, command_line):
    assert command_line(*COLLECT).code == 0
    whole = nodes(here / "bank")
    script = json.loads((here / "s.json").read_text()) | {"latency": 0.2}
    (here / "s.json").write_text(json.dumps(script))
    command = [str(Path(sys.executable).with_name("pilotage")), *COLLECT[:-1], "killed", "--no-cache"]
    home = {"PILOTAGE_HOME": str(here / "home"), "XDG_CACHE_HOME": str(here / "cache")}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = subprocess.Popen(command, cwd=here, env={**os.environ, **home}, **quiet)
    deadline = time.monotonic() + 300
    folder = here / "killed" / "tasks"
    while time.monotonic() < deadline and sum(file.read_bytes().count(b"\n") for file in folder.glob("*.jsonl")) < 6:
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    (*_, newest) = sorted(folder.glob("*.jsonl"), key=lambda file: file.stat().st_mtime)
    with newest.open("ab") as file:
        file.write(b'{"id": "r/pro')  # as a kill in the middle of a write leaves it
    kept = nodes(here / "killed")
    assert 0 < len(kept) < len(whole)
    (here / "s.json").write_text(json.dumps({"rules": script["rules"]}))
    code, out, err = command_line(*COLLECT[:-1], "killed", "--json")
    assert code == 0 and json.loads(out)["nodes_before"] == len(kept), err
    assert json.loads(out)["nodes_recorded"] == len(whole) - len(kept)
    assert nodes(here / "killed") == whole


def test_outputs_that_changed_since_are_refused_and_puzzles_are_added_to(here, command_line):
    assert command_line(*COLLECT).code == 0
    before = nodes(here / "bank")
    write(here / "p.json", puzzles(odd=((0, 0),)))
    code, _, err = command_line(*COLLECT)
    assert code == 2 and "the outputs of p0 are others than when the bank was recorded" in err
    assert nodes(here / "bank") == before
    write(here / "p.json", puzzles(8))
    assert command_line(*COLLECT).code == 0
    assert len(Bank.open(here / "bank").tasks) == 8 and nodes(here / "bank").items() >= before.items()


def test_the_prompt_hash_covers_what_puzzles_are_asked_and_leaves_that_of_other_banks(monkeypatch):
    modules, ordinary = (encodings, steps, tasks), prompt_hash(Registry(BUILT_IN))
    hashes = {prompt_hash(registry(), *modules)}
    for module, name, value in (
        (encodings, "ABOUT", {**encodings.ABOUT, "spaced": "Grids are rows."}),
        (steps, "RIGHT_ON", "{right} of {all}"),
        (tasks, "ASKED", "Find the rule."),
        (sys.modules["pilotage.agent.arc.blocks.reason"], "PROMPT", "Write {tests} {each}."),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            hashes.add(prompt_hash(registry(), *modules))
            assert prompt_hash(Registry(BUILT_IN)) == ordinary
    assert len(hashes) == 5 and ordinary not in hashes


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--encoding", "words"), "the bank has its grids as spaced: record with --encoding spaced"),
        (("--encoding", "word"), "no encoding 'word'"),
        (("--sandbox", "none"), "recorded with a sandbox, and this run is without one"),
        (("--sandbox", "subprocess"), "could read there what their tests become"),
        (("--plan", "decompose"), "names no block 'decompose'"),
        (("--max-depth", "9"), "do not fit into --max-steps 8"),
        (("--max-calls", "3"), "other budget"),
        (("--split", "nowhere"), "cannot be read"),
    ],
)
def test_what_cannot_be_recorded_is_one_sentence(here, command_line, more, why):
    assert command_line(*COLLECT, "--plan", "look").code == 0
    before = nodes(here / "bank")
    code, out, err = command_line(*COLLECT, *more)
    assert code == 2 and not out and why in err and err.count("\n") == 1 and nodes(here / "bank") == before


def test_puzzles_that_nobody_can_score_are_left_out_and_named(here, command_line):
    hidden = record((([[1, 2]], [[2, 1]]),), (([[4, 5]], None),), hidden=True)
    ragged = record((([[1], [1, 2]], [[1]]),))
    write(here / "p.json", {**puzzles(2), "hidden": hidden, "ragged": ragged})
    code, _, err = command_line(*COLLECT, "--plan", "look")
    assert code == 1 and "hidden: it has no gold answer" in err and "ragged" in err
    assert Bank.open(here / "bank").tasks == ["p0", "p1"]
