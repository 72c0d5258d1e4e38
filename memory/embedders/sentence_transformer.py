"""Any sentence-transformers model from a folder on disk, run by torch (extra `local`)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pilotage.common.paths import models_dir
from pilotage.memory.embedders.embedder import EmbedderIdentity, Vectors, read_json, weights_hash
from pilotage.memory.errors import EmbedderError


class SentenceTransformerEmbedder:
    """A sentence-transformers model; nothing is ever fetched, and torch is imported at the first `embed`.

    Args:
        folder: path of the model, or the name of a folder among the pulled models.
    """

    similarity_floor = 0.35  # fits all-MiniLM-L6-v2; pass `floor` to `recall` for a model with another scale

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder)
        if not self._folder.is_dir():
            self._folder = models_dir() / str(folder)
        if not (self._folder / "model.safetensors").is_file():
            raise EmbedderError(
                f"no sentence-transformers model with 'model.safetensors' in '{folder}': give the folder that holds it"
            )
        self._lock = threading.Lock()
        self._model: Any = None

    @cached_property
    def identity(self) -> EmbedderIdentity:
        """Folder's name, pooled size, and SHA-256 of the weights; loads neither torch nor the model."""
        pooling = read_json(self._folder / "1_Pooling" / "config.json")
        digest = weights_hash(self._folder / "model.safetensors")
        return EmbedderIdentity(self._folder.name.lower(), int(pooling["word_embedding_dimension"]), digest)

    def warm(self) -> None:
        """Import torch and load the model, several seconds; meant for a background thread."""
        self._load()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 [n, dimensions]."""
        model = self._load()
        with self._lock:
            made = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(made, dtype=np.float32).reshape(len(texts), -1)

    def _load(self) -> Any:
        with self._lock:
            if self._model is None:
                try:
                    from sentence_transformers import SentenceTransformer
                    from transformers.utils import logging
                except ModuleNotFoundError as error:
                    raise EmbedderError(
                        f"this embedder needs '{error.name}': install it with `pip install 'pilotage[local]'`, "
                        "or use 'minilm'"
                    ) from error
                logging.disable_progress_bar()  # type: ignore[no-untyped-call]
                self._model = SentenceTransformer(str(self._folder), device="cpu", local_files_only=True)
            return self._model
