"""FolderEmbedder: a model in a folder, known by its weights, and loaded when the first text comes."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from pilotage.memory.embedders.embedder import EmbedderIdentity, weights_hash

WEIGHTS = "model.safetensors"
_Model = TypeVar("_Model")


class FolderEmbedder(ABC, Generic[_Model]):
    """What embedders from a folder share; a subclass loads the model, and embeds with `_loaded()`."""

    # Measured with all-MiniLM-L6-v2 on 12 task families: 3 in 4 tasks lie below it to the nearest concept of another
    # family. Pass `floor` to `recall` for a model with another scale.
    similarity_floor = 0.35

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._model: _Model | None = None

    @cached_property
    def identity(self) -> EmbedderIdentity:
        """Folder's name, length of the vectors, and SHA-256 of the weights; the model is not loaded."""
        digest = weights_hash(self._folder / WEIGHTS)
        return EmbedderIdentity(self._folder.name.lower(), self._dimensions(), digest)

    def warm(self) -> None:
        """Load the model: with torch several seconds, meant for a background thread."""
        self._loaded()

    def _loaded(self) -> _Model:
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return self._model

    @abstractmethod
    def _dimensions(self) -> int: ...

    @abstractmethod
    def _load(self) -> _Model: ...
