"""Scores of candidates: recorded or given later, merged, counted, exported, and no part of what was there before."""

import gzip
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pilotage.navigator import Bank, BankError, BankWriter
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.merge import merge, pack
from pilotage.navigator.bank.reader import verify
from pilotage.navigator.values.bank_info import info
from tests.navigator.banks import META, node, random_nodes, write_bank

ROOT = Path(__file__).parents[2]
RIVALS = [
    node(answer="40"),
    node(["reason"], candidate="42", score=1),
    node(["reason", "program"], candidate="41", score=1, text="caf\ud800é"),
    node(["reason", "verify"], candidate=None, score=1),
]
SCORES = {"r/reason": 1.0, "r/reason/program": 0.0}


def graded(nodes, scores=SCORES):
    return [replace(one, candidate_score=scores.get(one.id)) for one in nodes]


def files_of(path):
    return {
        file.name: file.read_bytes() for file in sorted((path / "tasks").glob("*.jsonl*")) if file.suffix != ".lock"
    }


def test_a_node_keeps_its_score_and_one_without_is_written_as_before(tmp_path):
    tree = write_bank(tmp_path, {"t": graded(RIVALS)}).tree("t")
    assert [one.candidate_score for one in tree] == [None, 1.0, 0.0, None]
    assert ["candidate_score" in one.to_json() for one in tree] == [False, True, True, False]
    assert not verify(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_scores_given_later_make_the_file_that_recording_them_makes(tmp_path, packed):
    write_bank(tmp_path / "later", {"t": RIVALS, "u": RIVALS})
    write_bank(tmp_path / "at once", {"t": graded(RIVALS), "u": RIVALS})
    if packed:
        pack(tmp_path / "later"), pack(tmp_path / "at once")
    with BankWriter(tmp_path / "later", META) as writer:
        writer.grade("t", SCORES)
        assert [one.candidate_score for one in writer.nodes("t").values()] == [None, 1.0, 0.0, None]
        writer.grade("t", SCORES)
    assert files_of(tmp_path / "later") == files_of(tmp_path / "at once")


@pytest.mark.parametrize(
    ("scores", "complaint"),
    [
        ({"r/reason": 1.0, "r/plan": 1.0}, "no node 'r/plan'"),
        ({"r/reason": 1.0, "r/reason/verify": 0.0}, "it has no candidate"),
        ({"r/reason/program": 0.0, "r/reason": 0.5}, "must be the score 1"),
        ({"r/reason/program": 1.5}, "1.5 is not between 0 and 1"),
        ({"r/reason/program": float("nan")}, "nan is not between 0 and 1"),
        ({"r/reason/program": True}, "True is not between 0 and 1"),
    ],
)
def test_scores_that_do_not_fit_leave_the_file_as_it_was(tmp_path, scores, complaint):
    write_bank(tmp_path, {"t": RIVALS})
    before = files_of(tmp_path)
    with BankWriter(tmp_path, META) as writer:
        with pytest.raises(BankError, match=complaint):
            writer.grade("t", scores)
        assert all(one.candidate_score is None for one in writer.nodes("t").values())
        with pytest.raises(BankError, match="task 'new' has no node 'r'"):
            writer.grade("new", {"r": 1.0})
    assert files_of(tmp_path) == before


def test_a_score_is_given_once(tmp_path):
    write_bank(tmp_path, {"t": graded(RIVALS)})
    with (
        BankWriter(tmp_path, META) as writer,
        pytest.raises(BankError, match="'r/reason/program'.*another score already"),
    ):
        writer.grade("t", {"r/reason/program": 1.0})


FULL = """
import resource, sys
from pathlib import Path
from pilotage.navigator import BankError, BankWriter
from tests.navigator.banks import META
with BankWriter(sys.argv[1], META) as writer:
    writer.nodes("t")
    size = sum(file.stat().st_size for file in Path(sys.argv[1], "tasks").glob("t.jsonl*"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - 10, resource.RLIM_INFINITY))
    try:
        writer.grade("t", {"r/reason": 1.0})
    except BankError as error:
        print(error)
"""


def test_a_disk_that_does_not_take_them_leaves_the_file_as_it_was(tmp_path):
    write_bank(tmp_path, {"t": RIVALS})
    before = files_of(tmp_path)
    run = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert run.stdout.startswith(f"cannot write to {tmp_path}") and run.stdout.count("\n") == 1, run
    assert files_of(tmp_path) == before and not verify(tmp_path)


def test_a_merge_brings_the_scores_that_one_of_the_banks_has(tmp_path):
    write_bank(tmp_path / "plain", {"t": RIVALS})
    write_bank(tmp_path / "graded", {"t": graded(RIVALS)})
    for order in (["plain", "graded"], ["graded", "plain"]):
        report = merge([tmp_path / one for one in order], tmp_path / "-".join(order))
        assert (report.added, report.known, report.conflicts) == (4, 4, ())
        assert report.graded == (2 if order[0] == "plain" else 0)
        assert files_of(tmp_path / "-".join(order)) == files_of(tmp_path / "graded")


def test_a_candidate_that_is_scored_otherwise_is_other_content(tmp_path):
    write_bank(tmp_path / "a", {"t": graded(RIVALS)})
    write_bank(tmp_path / "b", {"t": graded(RIVALS, {"r/reason/program": 1.0})})
    assert merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c").conflicts == ("t: r/reason/program",)
    assert Bank.open(tmp_path / "c").tree("t").nodes["r/reason/program"].candidate_score == 0


def test_info_counts_candidates_and_those_that_are_graded(tmp_path):
    write_bank(tmp_path, {"t": graded(RIVALS), "u": RIVALS})
    found = info(Bank.open(tmp_path)).to_json()
    assert (found["nodes"], found["candidates"], found["graded_candidates"]) == (8, 4, 2)


def test_verify_notes_one_text_with_two_scores(tmp_path):
    nodes = [*RIVALS, node(["program"], candidate="41", answer="41", score=1), node(["verify"], candidate="7", score=0)]
    write_bank(tmp_path, {"t": graded(nodes, SCORES | {"r/verify": 0.0})})
    (found,) = verify(tmp_path)
    assert found.level == "note" and "node 'r/reason/program' is scored 0, the same text at 'r/program' 1" in found.what


def test_what_is_trained_on_has_the_fingerprint_that_it_had(tmp_path):
    nodes = random_nodes(np.random.default_rng(5))
    scores = {one.id: one.score for one in nodes if one.candidate is not None}
    plain = BankArrays.of(write_bank(tmp_path / "plain", {"t": nodes}))
    scored = BankArrays.of(write_bank(tmp_path / "graded", {"t": graded(nodes, scores)}))
    assert plain.fingerprint == scored.fingerprint and plain.ungraded and not scored.ungraded
    reached = np.array([id in scores for id in scored.ids])
    assert (scored.candidate_score[reached] == scored.score[reached]).all()
    assert np.isnan(scored.candidate_score[~reached]).all() and np.isnan(plain.candidate_score).all()


def test_minari_is_given_the_scores_of_a_graded_bank_alone(tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    pytest.importorskip("h5py")
    from pilotage.navigator.envs.minari import export_minari

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "m"))
    write_bank(tmp_path / "graded", {"t": graded(RIVALS)})
    write_bank(tmp_path / "plain", {"t": RIVALS})
    exported = {}
    for name in ("graded", "plain"):
        report = export_minari(Bank.open(tmp_path / name), tmp_path / "m", dataset_id=f"pilotage/{name}-v0")
        exported[name] = list(minari.load_dataset(report.dataset_id).iterate_episodes())
    assert all("candidate_score" not in episode.infos for episode in exported["plain"])
    shown = [episode.infos["candidate_score"].tolist() for episode in exported["graded"]]
    nan = pytest.approx(float("nan"), nan_ok=True)
    assert shown == [[nan, nan], [nan, 1, 1], [nan, 1, 0, 0], [nan, 1, nan, nan]]


def test_a_packed_line_with_a_score_is_what_people_read(tmp_path):
    write_bank(tmp_path, {"t": graded(RIVALS)})
    pack(tmp_path)
    lines = gzip.decompress((tmp_path / "tasks" / "t.jsonl.gz").read_bytes()).splitlines()
    assert [json.loads(line).get("candidate_score") for line in lines[1:]] == [None, 1.0, 0.0, None]
