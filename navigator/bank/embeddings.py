"""Embeddings: what each task of a bank is about, as a vector; never its text.

They stand beside the trees in a file of their own, so that a bank that was recorded without them can be given them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pilotage.common.files import replace
from pilotage.navigator.errors import BankError

EMBEDDINGS_FILE = "embeddings.safetensors"
FORMAT = 1
_KEY, _TENSOR = "pilotage_embeddings", "vectors"

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class TaskEmbeddings:
    """Embeddings of m tasks in d dimensions.

    Attributes:
        identity: names the embedder: vectors of another one say nothing about these.
        tasks: ids of the tasks.
        vectors: float32 (m, d), each of length 1.
    """

    identity: str
    tasks: tuple[str, ...]
    vectors: Vectors

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.tasks) or len(set(self.tasks)) < len(self.tasks):
            raise BankError(f"{len(self.tasks)} tasks cannot have embeddings of shape {self.vectors.shape}")
        if not np.isfinite(self.vectors).all():
            raise BankError("an embedding is not finite: embed the tasks anew")

    @cached_property
    def _places(self) -> dict[str, int]:
        return {task: place for place, task in enumerate(self.tasks)}

    def of(self, tasks: Sequence[str]) -> Vectors:
        """The vectors of these tasks, in their order; raises BankError where one has none."""
        try:
            return self.vectors[[self._places[task] for task in tasks]]
        except KeyError as error:
            raise BankError(
                f"the task {error.args[0]!r} has no embedding: give the bank those of all its tasks with "
                "`pilotage bank embed`"
            ) from None

    def save(self, bank: Path) -> None:
        """Writes them beside the trees of a bank, in half precision; a reader sees the old file or the new one."""
        from safetensors.numpy import save

        header = json.dumps({"format": FORMAT, "identity": self.identity, "tasks": self.tasks})
        replace(bank / EMBEDDINGS_FILE, save({_TENSOR: self.vectors.astype(np.float16)}, {_KEY: header}))

    @classmethod
    def read(cls, bank: Path) -> Self | None:
        """Those of a bank; None where it has none. Raises BankError where the file is damaged or of another format."""
        from safetensors import SafetensorError, safe_open

        path = bank / EMBEDDINGS_FILE
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                header = json.loads((file.metadata() or {})[_KEY])
                vectors = file.get_tensor(_TENSOR)
            if header["format"] != FORMAT:
                raise BankError(f"{path} has format {header['format']!r}, this version reads {FORMAT}: embed anew")
            return cls(str(header["identity"]), tuple(map(str, header["tasks"])), unit(vectors))
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise BankError(f"{path} is damaged ({error}): embed the tasks anew with `pilotage bank embed`") from error


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """The same directions with length 1, float32; a vector of zeros stays one."""
    wide = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.asarray(wide / np.where(norms > 0, norms, 1), dtype=np.float32)
