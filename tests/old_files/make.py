"""Made the files beside this one: run with the commit before everything was imported as `pilotage` (677696b).

    python tests/old_files/make.py

They are read by `tests/test_old_files.py`, and never made anew: what was written then must be read for good.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from memory import ConceptDraft, ConceptStore
from navigator import Bank
from navigator.linear import fit_linear
from navigator.nearest import NearestPolicy

HERE = Path(__file__).parent
SCRIPT = "scripted:script.json"  # beside this file: paths stand in what is written


def pilotage(*arguments):
    subprocess.run([sys.executable, "-m", "pilotage_command", *map(str, arguments)], check=True, cwd=HERE)


def ledger():
    with tempfile.TemporaryDirectory() as folder:
        with ConceptStore.open(Path(folder) / "memory", embedder="hash") as store:
            first = store.add(ConceptDraft(kind="lesson", title="Round up", cues=("whole boxes",)), run="r1")
            store.add(ConceptDraft(kind="lesson", title="Round down", cues=("full rows",)), status="trusted")
            store.revise(first, {"description": "Ask for the next whole number."})
            store.record_outcomes({first: ["helped", "recalled"]})
            gone = store.add(ConceptDraft(kind="lesson", title="Gone", cues=("nothing",)))
            store.forget(gone)
            store.export(HERE / "memory.jsonl")
        shutil.copy(Path(folder) / "memory" / "ledger.sqlite", HERE / "ledger.sqlite")


RUN = """
import os, sys
from agent import ReasoningAgent, ScriptedChatModel
said = iter(["I think it is 42.\\nAnswer: 42"])
model = ScriptedChatModel(lambda messages: next(said, None) or os._exit(9))
agent = ReasoningAgent(model, policy="fixed:reason,debate,answer", checkpoints=sys.argv[1], sandbox="none")
agent.solve("What is 6*7?", thread_id="t")
"""


def checkpoints():
    """A run that was killed within its second call."""
    subprocess.run([sys.executable, "-c", RUN, str(HERE / "checkpoints.sqlite")], check=False)
    with sqlite3.connect(HERE / "checkpoints.sqlite") as file:
        file.execute("PRAGMA journal_mode = DELETE")


def bank():
    tasks = [
        {"id": f"t{number}", "prompt": f"How many are {number} + 1?", "answer": "480" if number else "1"}
        for number in range(4)
    ]
    (HERE / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    pilotage("solve", "--tasks", "tasks.jsonl", "--model", SCRIPT, "--memory", "none", "--out", "results.jsonl")
    pilotage(
        "collect",
        "--tasks",
        "tasks.jsonl",
        "--model",
        SCRIPT,
        "--out",
        "bank",
        "--plan",
        "reason; program; reason/program",
    )


def policies():
    made = Bank.open(HERE / "bank")
    fit_linear(made).save(HERE / "linear.safetensors")
    NearestPolicy.fit(made, k=2).save(HERE / "nearest.safetensors")


TRAINING = """
import os, sys
from navigator.train import Plan, train
calls = []
plan = Plan(steps=400, seeds=1, hyper={"buffer": 64, "environments": 2, "hidden": (8, 8)},
            fractions={"train": 0.5, "validation": 0.5})
train("bank", plan, out=sys.argv[1], progress=lambda step: calls.append(step) or len(calls) < 3 or os._exit(9))
"""


def training():
    """The checkpoint of a training that was killed in its third piece."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "policy.safetensors"
        subprocess.run([sys.executable, "-c", TRAINING, str(out)], check=False, cwd=HERE)
        seed = next(Path(f"{out}.work").glob("*/seed-0"))
        shutil.copytree(seed, HERE / "training.work" / "seed-0")


if __name__ == "__main__":
    for make in (ledger, checkpoints, bank, policies, training):
        make()
