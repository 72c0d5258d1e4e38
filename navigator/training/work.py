"""Work: checkpoints of a training, so that kill -9 costs at most one piece of one seed.

A checkpoint is written beside its place and moved there when it is whole, so that what is found is complete.
Checkpoints hold pickles and are for this machine only; what is handed on is the policy file.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pilotage.common.locks import FileLock
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.learned import Layers
from pilotage.navigator.training.algorithms.learner import Learner

_NAME = "piece-{:05d}"


@dataclass(frozen=True)
class Kept:
    """Where a seed's training stands.

    Attributes:
        pieces: how many are done.
        curve: what each of them scored on the validation tasks.
        best: the network that scored best there.
    """

    pieces: int
    curve: tuple[Mapping[str, float], ...]
    best: Layers


class Work(FileLock):
    """The checkpoints of one training in a folder; `close` lets others have it.

    Args:
        folder: where they are.
        fingerprint: of data, settings and versions; checkpoints of another one are left alone.

    Raises:
        PolicyError: another process trains there.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder / fingerprint
        self.folder.mkdir(parents=True, exist_ok=True)
        busy = PolicyError(f"another process trains in {folder}: wait for it, or give another --out")
        super().__init__(self.folder / "lock", busy)

    def restore(self, seed: int, learner: Learner) -> Kept | None:
        """Brings a learner to where its training stood; None where there is nothing yet."""
        found = sorted(self._seed(seed).glob("piece-*"))
        if not found:
            return None
        state = json.loads((found[-1] / "state.json").read_text())
        with np.load(found[-1] / "best.npz") as arrays:
            best = [(arrays[f"w{n}"], arrays[f"b{n}"]) for n in range(len(arrays.files) // 2)]
        learner.restore(found[-1])
        return Kept(state["pieces"], tuple(state["curve"]), best)

    def store(self, seed: int, learner: Learner, kept: Kept) -> None:
        """Writes a checkpoint and drops those before it."""
        home = self._seed(seed)
        unfinished = home / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        learner.save(unfinished)
        arrays: dict[str, Any] = {}
        for number, (weights, bias) in enumerate(kept.best):
            arrays |= {f"w{number}": weights, f"b{number}": bias}
        np.savez(unfinished / "best.npz", **arrays)
        state = {"pieces": kept.pieces, "curve": [dict(point) for point in kept.curve]}
        (unfinished / "state.json").write_text(json.dumps(state))
        older = list(home.glob("piece-*"))
        unfinished.rename(home / _NAME.format(kept.pieces))
        for path in older:
            shutil.rmtree(path)

    def _seed(self, seed: int) -> Path:
        return self.folder / f"seed-{seed}"

    def discard(self) -> None:
        """Deletes the checkpoints: the policy is written. A kill meanwhile leaves whole ones, or what is none."""
        for path in (*self.folder.glob("done-*"), *self.folder.glob("seed-*")):
            done = path.with_name(f"done-{path.name.removeprefix('done-')}")
            shutil.rmtree(path.rename(done))

    def close(self) -> None:
        """Lets another process train here; removes the folders where nothing is left in them."""
        super().close()
        if not any(self.folder.glob("seed-*")):
            shutil.rmtree(self.folder, ignore_errors=True)
            if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
                self.folder.parent.rmdir()
