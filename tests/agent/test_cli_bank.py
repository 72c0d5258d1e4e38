"""`pilotage bank`, run as the command line runs it."""

import json
from functools import partial

import pytest

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
    assert code == 0 and json.loads(out) == {"tasks": 9, "added": 117, "known": 117, "conflicts": []}
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


def test_export_to_minari(bank):
    pytest.importorskip("minari")
    code, out, _ = bank("export", "b", "--minari", "m", "--cost-weight", "0.1", "--json")
    assert code == 0 and json.loads(out)["episodes"] == 117


@pytest.mark.parametrize("command", ["info", "split", "pack"])
def test_no_bank_is_one_sentence(bank, command):
    code, out, err = bank(command, "nowhere")
    assert (code, out) == (2, "")
    assert err == "error: there is no bank in nowhere: record one with `pilotage collect --out nowhere`\n"
