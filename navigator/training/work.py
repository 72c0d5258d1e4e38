"""Work: checkpoints of a training, so that kill -9 costs at most one piece of one seed.

A checkpoint is written beside its place and moved there when it is whole, so each checkpoint is complete.
Checkpoints hold pickles and are for this machine only; what is handed on is the policy file.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from pilotage.common.locks import FileLock
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.learned import Layers
from pilotage.navigator.training.algorithms.learner import Learner
from pilotage.navigator.training.plan import Curve


class Work(FileLock):
    """The checkpoints of one training in a folder; `close` lets others have it.

    Those of another `fingerprint` (of data, settings and versions) are left alone. Raises PolicyError where another
    process trains there.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder / fingerprint
        self.folder.mkdir(parents=True, exist_ok=True)
        busy = PolicyError(f"another process trains in {folder}: wait for it, or give another --out")
        super().__init__(self.folder / "lock", busy)

    def restore(self, seed: int, learner: Learner) -> tuple[Curve, Layers] | None:
        """Brings a learner to where its training stood; gives its curve and the network that scored best, or None."""
        checkpoints = sorted(self._seed(seed).glob("piece-*"))
        if not checkpoints:
            return None
        with np.load(checkpoints[-1] / "best.npz") as arrays:
            best = [(arrays[f"w{n}"], arrays[f"b{n}"]) for n in range(len(arrays.files) // 2)]
        learner.restore(checkpoints[-1])
        return tuple(json.loads((checkpoints[-1] / "state.json").read_text())["curve"]), best

    def store(self, seed: int, learner: Learner, curve: Curve, best: Layers) -> None:
        """Writes a checkpoint and drops those before it."""
        home = self._seed(seed)
        unfinished = home / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        learner.save(unfinished)
        arrays = {f"{name}{n}": array for n, layer in enumerate(best) for name, array in zip("wb", layer, strict=True)}
        np.savez(unfinished / "best.npz", **arrays)  # type: ignore[arg-type]  # allow_pickle is none of the names
        (unfinished / "state.json").write_text(json.dumps({"pieces": len(curve), "curve": curve}))
        older = list(home.glob("piece-*"))
        unfinished.rename(home / f"piece-{len(curve):05d}")
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
