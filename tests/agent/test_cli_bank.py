"""`pilotage bank`, run as the command line runs it."""

import json
from functools import partial

import pytest

from pilotage.agent.banks.fingerprints import fingerprint
from pilotage.agent.task import Task
from pilotage.navigator.bank.bank import Bank
from tests.navigator.banks import learnable_bank, node, write_bank


@pytest.fixture
def bank(command_line):
    """Runs `pilotage bank ...` beside a bank in the folder `b`."""
    learnable_bank("b", tasks=9, depth=2)
    return partial(command_line, "bank")


def test_info_shows_families_and_blocks(bank):
    code, out, err = bank("info", "b", "--cost-weight", "0.1")
    assert (code, err) == (0, "")
    assert "9 tasks, 117 nodes, 2 blocks deep" in out
    assert "reason,answer" in out and "oracle loses without" in out
    code, out, _ = bank("info", "b", "--json")
    assert json.loads(out)["families"]["easy"]["at_once"] == 1


def test_verify_has_an_exit_code(bank, tmp_path):
    assert bank("verify", "b")[:2] == (0, "nothing is wrong with it\n")
    first = sorted((tmp_path / "b" / "tasks").iterdir())[0]
    with open(first, "a") as file:
        file.write("{}\n")
    code, out, _ = bank("verify", "b")
    assert code == 1 and "the node has no 'action'" in out
    code, out, _ = bank("verify", "b", "--json")
    assert code == 1 and json.loads(out)[0]["level"] == "error"


def test_merge_pack_and_info_again(bank):
    write_bank("c", {"sums/1": [node()]})
    code, out, _ = bank("merge", "b", "b", "--out", "d", "--json")
    assert code == 0 and json.loads(out) == {"tasks": 9, "added": 117, "known": 117, "conflicts": [], "graded": 0}
    code, out, _ = bank("pack", "d", "--json")
    assert json.loads(out)["files"] == 9
    assert "9 tasks, 117 nodes" in bank("info", "d")[1]


def test_split_writes_the_parts(bank, tmp_path):
    code, out, _ = bank("split", "b", "--parts", "train=0.6,test=0.4", "--out", "parts.json")
    parts = json.loads((tmp_path / "parts.json").read_text())
    assert (
        code == 0
        and "train: 5 tasks" in out
        and {name: len(tasks) for name, tasks in parts.items()}
        == {
            "train": 5,
            "test": 4,
        }
    )
    code, _, err = bank("split", "b", "--parts", "train=most")
    assert code == 2 and err == "error: 'train=most' is no part of a split; write --parts train=0.7,test=0.3\n"


def test_embed_gives_a_bank_what_its_tasks_are_about_and_not_their_texts(bank, tmp_path):
    tasks = [Task(id=f"t{number}", prompt=f"What is {number} + {number}?", kind="numeric") for number in range(3)]
    trees = {(task.id, "sums"): [node(extras={"prompt": fingerprint(task)})] for task in tasks}
    write_bank("e", trees)
    lines = [json.dumps({"id": t.id, "prompt": t.prompt, "kind": "numeric", "gold": "1"}) for t in tasks]
    (tmp_path / "tasks.jsonl").write_text("\n".join(lines) + "\n")
    code, out, err = bank("embed", "e", "--tasks", "tasks.jsonl", "--embedder", "hash", "--json")
    assert (code, json.loads(out)["tasks"]) == (0, 3), err
    assert len(Bank.open("e").embeddings.of(["t0", "t1", "t2"])) == 3
    assert b"What is" not in (tmp_path / "e" / "embeddings.safetensors").read_bytes()
    (tmp_path / "fewer.jsonl").write_text(lines[0] + "\n")
    code, _, err = bank("embed", "e", "--tasks", "fewer.jsonl", "--embedder", "hash")
    assert code == 2 and "2 of the bank's 3 tasks are not among --tasks" in err
    (tmp_path / "other.jsonl").write_text("\n".join([*lines[:2], lines[2].replace("What", "Tell what")]) + "\n")
    code, _, err = bank("embed", "e", "--tasks", "other.jsonl", "--embedder", "hash")
    assert code == 2 and "not what it was when the bank was recorded" in err


def test_export_to_minari(bank):
    pytest.importorskip("minari")
    code, out, _ = bank("export", "b", "--minari", "m", "--cost-weight", "0.1", "--json")
    assert code == 0 and json.loads(out)["episodes"] == 117


@pytest.mark.parametrize("command", ["info", "split", "pack"])
def test_no_bank_is_one_sentence(bank, command):
    code, out, err = bank(command, "nowhere")
    assert (code, out) == (2, "")
    assert err == "error: there is no bank in nowhere: record one with `pilotage collect --out nowhere`\n"
