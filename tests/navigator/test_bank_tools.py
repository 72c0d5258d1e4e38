"""verify, merge, pack, info and the export to Minari."""

import dataclasses
import json
import math
import subprocess
import sys

import numpy as np
import pytest

from pilotage.navigator import Bank, BankError, EnvError
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.merge import merge, pack
from pilotage.navigator.bank.reader import verify
from pilotage.navigator.envs.recorded import RecordedDynamics
from pilotage.navigator.values.bank_info import info
from tests.navigator.banks import META, learnable_bank, node, random_bank, write_bank


def test_nothing_is_wrong_with_a_sound_bank(tmp_path):
    random_bank(tmp_path, seed=4)
    assert verify(tmp_path) == []
    pack(tmp_path)
    assert verify(tmp_path) == []


def test_verify_lists_everything_at_once(tmp_path):
    write_bank(tmp_path, {"a": [node(), node(["reason"])], "b": [node()], "c": [node()], "d": [node()], "e": [node()]})
    folder = tmp_path / "tasks"
    lines = (folder / "a.jsonl").read_text().splitlines()
    wrong = {**json.loads(lines[2]), "score": 7, "mask": [1, 1, 1, 0]}
    lines += [lines[2], json.dumps({**json.loads(lines[2]), "gold": 1}), "{"]
    lines[2] = json.dumps(wrong)
    (folder / "a.jsonl").write_text("\n".join(lines) + '\n{"torn": ')
    (folder / "b.jsonl").rename(folder / "other.jsonl")
    (folder / "c.jsonl").write_text((folder / "c.jsonl").read_text().splitlines()[0] + "\n")
    (folder / "d.jsonl").write_bytes(b"")
    (folder / "e.jsonl.gz").write_bytes(b"no gzip")
    (folder / "x.jsonl.gz").write_bytes(b"no gzip")
    (folder / "a.jsonl.partial").touch()
    found = [f"{one.level} {one.where.removeprefix(str(folder))} {one.what}" for one in verify(tmp_path)]
    for expected in (
        "note /a.jsonl its last line is torn",
        "error /a.jsonl:3 node 'r/reason': its mask forbids the terminal action",
        "error /a.jsonl:3 node 'r/reason': its score 7",
        "error /a.jsonl:4 node 'r/reason' is here already",
        "error /a.jsonl:5 the node has an unknown field 'gold'; 'gold' is a hidden answer",
        "error /a.jsonl:6",
        "error /other.jsonl task 'b' belongs in b.jsonl",
        "note /c.jsonl it holds no node yet",
        "note /d.jsonl it is empty",
        "note /e.jsonl.gz the plain file beside it is the newer one",
        f"error /x.jsonl.gz {folder}/x.jsonl.gz is cut off or damaged",
        "note /a.jsonl.partial no file of a bank",
    ):
        assert any(line.startswith(expected) for line in found), (expected, found)


def test_verify_of_no_bank_and_of_an_empty_one(tmp_path):
    assert "there is no bank" in verify(tmp_path / "nothing")[0].what
    with pytest.raises(BankError):
        write_bank(tmp_path / "b", {})
    assert "holds no task yet" in verify(tmp_path / "b")[0].what


def test_banks_are_merged_node_by_node(tmp_path):
    write_bank(tmp_path / "a", {"t": [node(), node(["reason"])], "u": [node()]})
    slower = {**node(["reason"]).usage, "seconds": 99.0}
    write_bank(tmp_path / "b", {"t": [node(), node(["reason"], usage=slower), node(["program"])], "v": [node()]})
    report = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert (report.tasks, report.added, report.known, report.conflicts) == (3, 5, 2, ())
    bank = Bank.open(tmp_path / "c")
    assert bank.tasks == ["t", "u", "v"]
    assert list(bank.tree("t").nodes) == ["r", "r/reason", "r/program"]
    again = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert (again.added, again.known) == (0, 7)
    assert verify(tmp_path / "c") == []


def test_what_follows_from_other_content_is_left_out(tmp_path):
    write_bank(tmp_path / "a", {"t": [node(), node(["reason"], text="one")]})
    second = [node(), node(["reason"], text="two"), node(["reason", "verify"], score=1), node(["program"])]
    write_bank(tmp_path / "b", {"t": second})
    report = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert report.conflicts == ("t: r/reason",)
    assert list(Bank.open(tmp_path / "c").tree("t").nodes) == ["r", "r/reason", "r/program"]


def test_two_problems_of_one_id_are_not_joined_into_one_tree(tmp_path):
    for name, shown, block in (("a", "one", "reason"), ("b", "another", "program"), ("old", None, "verify")):
        extras = {} if shown is None else {"prompt": shown}
        write_bank(tmp_path / name, {"t": [node(extras=extras), node([block])]})
    report = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert report.conflicts == ("t: r (another problem under the same id)",)
    assert list(Bank.open(tmp_path / "c").tree("t").nodes) == ["r", "r/reason"]
    assert merge([tmp_path / "a", tmp_path / "old"], tmp_path / "d").conflicts == ()


def test_banks_of_two_models_stay_apart(tmp_path):
    write_bank(tmp_path / "a", {"t": [node()]})
    write_bank(tmp_path / "b", {"t": [node()]}, dataclasses.replace(META, model="other"))
    with pytest.raises(BankError, match="recorded with other model: keep them apart"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    with pytest.raises(BankError, match="at least one"):
        merge([], tmp_path / "c")


def test_a_packed_bank_reads_the_same(tmp_path):
    bank = random_bank(tmp_path, seed=6)
    before = {task: list(bank.tree(task)) for task in bank.tasks}
    report = pack(tmp_path)
    assert report.bytes_after < report.bytes_before / 3 and report.files == len(before)
    packed = Bank.open(tmp_path)
    assert {task: list(packed.tree(task)) for task in packed.tasks} == before
    assert pack(tmp_path).files == 0


def test_info_counts_and_compares(tmp_path):
    bank = learnable_bank(tmp_path, tasks=9)
    found = info(bank, cost_weight=0.1)
    assert (found.tasks, found.nodes, found.deepest, found.samples) == (9, 9 * 40, 3, 1)
    assert found.at_once == pytest.approx(1 / 3)
    assert found.oracle_accuracy == 1 and found.oracle_cost < found.best_cost
    assert found.families["words"].best_sequence == "reason,answer"
    assert sum(one["nodes"] for one in found.blocks.values()) == found.nodes - found.tasks
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["model"] == "scripted"


def test_info_of_one_node_knows_what_it_does_not_know(tmp_path):
    found = info(write_bank(tmp_path, {"t": [node(score=1)]}))
    assert found.best_sequence == "answer" and math.isnan(found.blocks["reason"]["gain"])
    assert found.to_json()["blocks"]["reason"]["gain"] is None


RECOVER = """
import json, sys
import minari
env = minari.MinariDataset(sys.argv[1]).recover_environment(**json.loads(sys.argv[2]))
seen, info = env.reset(options={"task": "t1"})
print(json.dumps([env.spec.id, env.unwrapped.cost_weight, info["task_id"], info["action_mask"].tolist()]))
"""


def recovered(report, **given):
    """What a process that never imported pilotage is given."""
    command = [sys.executable, "-c", RECOVER, str(report.path), json.dumps(given)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_minari_gives_the_environment_again(tmp_path):
    minari = pytest.importorskip("minari")
    from pilotage.navigator.envs.minari import export_minari

    bank = random_bank(tmp_path / "b", seed=7, tasks=3, depth=2)
    report = export_minari(bank.only(["t0", "t1"]), tmp_path / "m", 0.3)
    run = recovered(report)
    assert run.returncode == 0, run.stderr
    mask = BankArrays.of(bank, ["t1"]).playable[0].astype(int).tolist()
    assert json.loads(run.stdout) == ["pilotage/RecordedReasoning-v0", 0.3, "t1", mask]

    data = minari.MinariDataset(str(report.path))
    env = data.recover_environment()
    assert env.observation_space == data.observation_space and env.action_space == data.action_space
    with pytest.raises(EnvError, match="t2"):
        env.reset(options={"task": "t2"})


def test_what_is_recovered_replays_every_episode(tmp_path):
    minari = pytest.importorskip("minari")
    from pilotage.navigator.envs.minari import export_minari

    report = export_minari(random_bank(tmp_path / "b", seed=7, tasks=3, depth=3, samples=1), tmp_path / "m", 0.3)
    data = minari.MinariDataset(str(report.path))
    env, told = data.recover_environment(), data.storage.get_episode_metadata(range(len(data)))
    for episode, about in zip(data.iterate_episodes(), told, strict=True):
        seen, _ = env.reset(options=about["options"])
        for place, action in enumerate(episode.actions):
            assert (seen == episode.observations[place]).all()
            seen, reward, ended, _, _ = env.step(action)
            assert reward == pytest.approx(episode.rewards[place])
            assert ended == episode.terminations[place]


def test_a_bank_that_moved_or_is_another_one_is_told(tmp_path):
    pytest.importorskip("minari")
    from pilotage.navigator.envs.minari import export_minari

    bank = random_bank(tmp_path / "b", seed=7, tasks=3, depth=2)
    report = export_minari(bank, tmp_path / "m", 0.3)
    (tmp_path / "b").rename(tmp_path / "moved")
    run = recovered(report)
    assert "EnvError: the bank of this dataset cannot be opened (there is no bank in" in run.stderr
    assert run.stderr.strip().endswith("give the folder that it lies in now: recover_environment(bank=FOLDER)")
    run = recovered(report, bank=str(tmp_path / "moved"))
    assert run.returncode == 0 and json.loads(run.stdout)[1] == 0.3
    random_bank(tmp_path / "b", seed=8, tasks=2, depth=2)
    assert "is not the one that this dataset was made of" in recovered(report).stderr


def test_minari_reads_the_export(tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    pytest.importorskip("h5py")
    from pilotage.navigator.envs.minari import export_minari

    weight = 0.3
    bank = random_bank(tmp_path / "b", seed=7, tasks=2, depth=2)
    arrays = BankArrays.of(bank)
    report = export_minari(bank, tmp_path / "m", weight)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "m"))
    data = minari.load_dataset(report.dataset_id)
    assert data.total_episodes == report.episodes == len(arrays) and data.total_steps == report.steps
    dynamics = RecordedDynamics(arrays)
    for state, episode in enumerate(data.iterate_episodes()):
        assert len(episode.observations) == len(episode.actions) + 1
        assert (episode.observations[-1] == arrays.features[state]).all()
        for action, mask in zip(episode.actions, episode.infos["action_mask"], strict=False):
            assert mask[action] == 1
        paid = bank.tree(arrays.tasks[arrays.task[state]]).path_cost(arrays.ids[state]) + arrays.answer_cost[state]
        assert episode.rewards.sum() == pytest.approx(arrays.score[state] - weight * paid)
        assert episode.terminations.tolist() == [False] * (len(episode.actions) - 1) + [True]
        if arrays.ended[state]:
            assert episode.actions[-1] != dynamics.arrays.terminal
    with pytest.raises(BankError, match="already"):
        export_minari(bank, tmp_path / "m", weight)
    assert np.isfinite(data[0].rewards).all()
