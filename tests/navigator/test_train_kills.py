"""Kill -9, again and again at any moment of a training: the same policy file, and next to nothing done twice."""

import os
import subprocess
import sys

import pytest

from pilotage.navigator.training.work import Work
from tests.navigator.banks import learnable_bank

SCRIPT = """
import os, random, signal, sys, time
import pilotage.navigator.training.session  # imported once, not in every child
import pilotage.navigator.training.algorithms.double_dueling_dqn
from pilotage.navigator.training.train import Plan, train

bank, folder = sys.argv[1:]
small = {"batch": 8, "hidden": (4, 4), "environments": 4, "buffer": 200}
plan = Plan("double-dueling-dqn", steps=200, seeds=2, ensemble=True, hyper=small)


def start(name, log):
    child = os.fork()
    if child:
        return child
    def on_piece(piece):
        os.write(file, b"piece\\n")
    file = os.open(f"{folder}/{log}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    train(bank, plan, out=f"{folder}/{name}", progress=on_piece)
    os._exit(0)


os.waitpid(start("whole.safetensors", "whole.log"), 0)
generator, kills = random.Random(1), 0
while True:
    child = start("killed.safetensors", "killed.log")
    moment = time.monotonic() + generator.uniform(0.3, 1.0) * 1.5**kills
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and (time.monotonic() < moment or kills == 4):
        time.sleep(0.01)
    if ended[0]:
        break
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    kills += 1
print(kills, os.waitstatus_to_exitcode(ended[1]))
"""


def test_a_training_that_is_killed_again_and_again_ends_alike(tmp_path):
    learnable_bank(tmp_path / "b", tasks=15, depth=2)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "b"), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    kills, code = map(int, done.stdout.split())
    assert code == 0 and kills >= 1
    assert (tmp_path / "killed.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    pieces = len((tmp_path / "killed.log").read_text().splitlines())
    assert 40 <= pieces <= 40 + kills, "a kill costs the piece that it was in, and no other"
    assert not (tmp_path / "killed.safetensors.work").exists()


def test_a_kill_while_checkpoints_are_deleted_leaves_none_that_is_broken(tmp_path, monkeypatch):
    work = Work(tmp_path / "w", "f")
    (work.folder / "seed-0" / "piece-00020").mkdir(parents=True)
    (work.folder / "seed-0" / "piece-00020" / "state.json").write_text("{}")

    def killed(path):
        (path / "piece-00020" / "state.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pilotage.navigator.training.work.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            work.discard()
    assert not list(work.folder.glob("seed-*")), "what was begun to be deleted is not taken for a checkpoint"
    work.discard()
    work.close()
    assert not (tmp_path / "w").exists()
