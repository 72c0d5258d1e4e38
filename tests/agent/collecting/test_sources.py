"""Tasks of several sources in turn, named in a bank whatever part of their source was asked for."""

import json

import pytest

from pilotage.agent.banks.sources import mixed
from pilotage.agent.errors import UsageError


@pytest.fixture
def files(tmp_path):
    for name in ("a", "b"):
        lines = [{"id": f"{name}{n}", "prompt": f"What is {n}?", "gold": n} for n in range(4)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def test_sources_come_in_turn_and_a_short_one_ends_early(files):
    tasks, defects = mixed([f"{files}/a.jsonl;size=2", f"{files}/b.jsonl"], limit=5)
    assert [one.task.id for one in tasks] == ["a0", "b0", "a1", "b1", "b2"]
    assert not defects


def test_a_header_says_neither_folder_nor_part(files, tmp_path):
    (one,), _ = mixed([f"{files}/a.jsonl;offset=1;size=1"])
    (same,) = [each for each in mixed([f"{files}/a.jsonl"])[0] if each.task.id == "a1"]
    assert one.header == same.header
    assert (one.header.family, one.header.kind, one.header.source) == ("a", one.task.kind, "jsonl:a.jsonl")


def test_gym_tasks_keep_their_family_and_seed():
    pytest.importorskip("reasoning_gym")
    few, _ = mixed(["gym:chain_sum,gcd;size=2;seed=4"])
    many, _ = mixed(["gym:gcd;size=3;seed=4"])
    assert [one.header.family for one in few] == ["chain_sum", "gcd"]
    assert few[1].header == many[0].header and few[1].header.source == "gym:gcd;seed=4"


def test_gsm8k_is_a_family(tmp_path):
    (tmp_path / "g.jsonl").write_text('{"question": "What is 1?", "answer": "#### 1"}\n{"question": "torn"}\n')
    (one,), defects = mixed([f"gsm8k:{tmp_path}/g.jsonl"])
    assert (one.header.family, one.header.source) == ("gsm8k", "gsm8k:g.jsonl")
    assert len(defects) == 1


def test_no_task_and_a_task_twice_are_refused(files):
    (files / "empty.jsonl").write_text("")
    with pytest.raises(UsageError, match="there is no task in"):
        mixed([f"{files}/empty.jsonl"])
    with pytest.raises(UsageError, match="two tasks have the id 'a0'"):
        mixed([f"{files}/a.jsonl", f"{files}/a.jsonl"])
