"""Any sentence-transformers model from a folder on disk, run by torch (extra `local`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pilotage.common.paths import models_dir
from pilotage.memory.embedders.embedder import Vectors, read_json
from pilotage.memory.embedders.folder import WEIGHTS, FolderEmbedder
from pilotage.memory.errors import EmbedderError


class SentenceTransformerEmbedder(FolderEmbedder[Any]):
    """A sentence-transformers model; nothing is ever fetched, and torch is imported at the first `embed`.

    Args:
        folder: path of the model, or the name of a folder among the pulled models.
    """

    def __init__(self, folder: Path | str) -> None:
        path = Path(folder) if Path(folder).is_dir() else models_dir() / str(folder)
        if not (path / WEIGHTS).is_file():
            raise EmbedderError(
                f"no sentence-transformers model with '{WEIGHTS}' in '{folder}': give the folder that holds it"
            )
        super().__init__(path)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 [n, dimensions]."""
        model = self._loaded()
        with self._lock:
            made = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(made, dtype=np.float32).reshape(len(texts), -1)

    def _dimensions(self) -> int:
        return int(read_json(self._folder / "1_Pooling" / "config.json")["word_embedding_dimension"])

    def _load(self) -> Any:
        try:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging
        except ModuleNotFoundError as error:
            raise EmbedderError(
                f"this embedder needs '{error.name}': install it with `pip install 'pilotage[local]'`, or use 'minilm'"
            ) from error
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        return SentenceTransformer(str(self._folder), device="cpu", local_files_only=True)
