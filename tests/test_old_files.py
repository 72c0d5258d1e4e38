"""Files of the commit before everything was imported as `pilotage` are read; `old_files/make.py` made them with it."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pilotage import ConceptStore, ReasoningAgent, ScriptedChatModel, load_policy
from pilotage.agent.blocks import BUILT_IN, Registry
from pilotage.navigator import Bank
from pilotage.navigator.training.plan import PIECES, Plan
from pilotage.navigator.training.session import Session
from pilotage.navigator.training.train import train

OLD = Path(__file__).parent / "old_files"


@pytest.fixture
def old(tmp_path):
    """A copy that may be written to."""
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def test_a_ledger_with_its_history_its_credit_and_its_undo(old):
    (old / "memory").mkdir()
    (old / "ledger.sqlite").rename(old / "memory" / "ledger.sqlite")
    with ConceptStore.open(old / "memory", embedder="hash") as store:
        up, down = sorted(store.all(), key=lambda concept: concept.title, reverse=True)
        assert (up.title, up.description) == ("Round up", "Ask for the next whole number.")
        assert (down.title, down.status) == ("Round down", "trusted")
        assert [event.action for event in store.history(up.id)][:2] == ["added", "revised"]
        assert store.get(up.id).outcomes.helped == 1
        assert [concept.title for concept in store.all(retired=True)].count("Gone") == 1
        assert store.search("whole boxes", limit=1)[0].concept.id == up.id
        store.undo(store.history(up.id)[1].seq)
        assert store.get(up.id).description == ""
        assert not store.doctor() or all(finding.ok for finding in store.doctor())


def test_an_export_is_imported(old, tmp_path):
    with ConceptStore.open(tmp_path / "new", embedder="hash") as store:
        assert store.import_(old / "memory.jsonl").added >= 2
        assert {"Round up", "Round down"} <= {concept.title for concept in store.all()}


def test_a_killed_run_goes_on_from_its_checkpoints_with_the_blocks_that_it_began_with(old):
    model = ScriptedChatModel(lambda messages: "I see no mistake.\nAnswer: 42")
    place = {"checkpoints": old / "checkpoints.sqlite", "sandbox": "none"}
    blocks = Registry(block for block in BUILT_IN if block.name != "sample")
    with ReasoningAgent(model, policy="fixed:reason,debate,answer", registry=blocks, **place) as agent:
        run = agent.solve("What is 6*7?", thread_id="t")
    assert run.answer == "42" and run.route[0] == "reason"
    assert len(model.calls) == run.usage.llm_calls - 1  # the first call was paid for before


def test_a_results_file_is_resumed_without_a_call(old):
    before = (old / "results.jsonl").read_text()
    command = ["solve", "--tasks", "tasks.jsonl", "--model", "scripted:script.json", "--memory", "none"]
    command += ["--out", "results.jsonl", "--resume"]
    done = subprocess.run([sys.executable, "-m", "pilotage", *command], cwd=old, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "75.0%" in done.stderr
    assert (old / "results.jsonl").read_text() == before


def test_a_bank_and_its_policies(old):
    bank = Bank.open(old / "bank")
    assert len(bank.tasks) == 4
    states = [node for task in bank.tasks for node in bank.tree(task).nodes.values()]
    assert len(states) == 16
    for name in ("linear", "nearest"):
        policy = load_policy(old / f"{name}.safetensors", bank.actions, bank.observations)
        for state in states:
            observation, mask = np.array(state.observation, dtype=np.float32), np.array(state.mask, dtype=bool)
            assert mask[policy.decide(observation, mask).action]


def test_a_training_goes_on_from_its_checkpoint(old, tmp_path):
    plan = Plan(
        steps=400,
        seeds=1,
        hyper={"buffer": 64, "environments": 2, "hidden": (8, 8)},
        fractions={"train": 0.5, "validation": 0.5},
    )
    out, pieces = tmp_path / "policy.safetensors", []
    with Session(Bank.open(old / "bank"), plan) as session:
        place = session._fingerprint()  # which has the versions of the libraries in it
    shutil.copytree(old / "training.work" / "seed-0", Path(f"{out}.work") / place / "seed-0")
    train(old / "bank", plan, out=out, progress=lambda piece: pieces.append(piece.steps))
    assert len(pieces) == PIECES - 2 and out.exists()
    assert "navigator" not in sys.modules
