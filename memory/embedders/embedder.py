"""Embedder: text to vectors. The protocol, the identity that a store is bound to, and the named embedders."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pilotage.common.paths import models_dir
from pilotage.memory.errors import EmbedderError
from pilotage.memory.text.words import content_words

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class EmbedderIdentity:
    """What makes two embedders interchangeable: same model, same length, same weights."""

    model: str
    dimensions: int
    weights_hash: str

    @property
    def key(self) -> str:
        """Short text form, stored beside every vector."""
        return f"{self.model}/{self.dimensions}/{self.weights_hash[:16]}"

    def as_dict(self) -> dict[str, Any]:
        """The three fields, for JSON."""
        return asdict(self)

    @staticmethod
    @lru_cache(maxsize=8)
    def stored(text: str | None) -> EmbedderIdentity | None:
        """The identity that a ledger keeps as JSON; None where it keeps none."""
        return EmbedderIdentity(**json.loads(text)) if text else None


@runtime_checkable
class Embedder(Protocol):
    """What a store needs from an embedding model. It must be safe to call from several threads."""

    @property
    def identity(self) -> EmbedderIdentity:
        """Who this is; cheap, it never loads the model."""
        ...

    @property
    def similarity_floor(self) -> float:
        """The cosine below which two texts are about different things; scales differ between models."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 [n, dimensions], one for each text."""
        ...

    def warm(self) -> None:
        """Load whatever the first `embed` would load."""
        ...


class HashEmbedder:
    """Deterministic and model-free: words and their letter triples, hashed into a fixed number of places.

    It knows spelling and nothing of meaning: for tests, benchmarks of the store, and installs without a model.
    """

    similarity_floor = 0.2  # two texts that share no word lie around 0, with a spread of 0.06

    def __init__(self, dimensions: int = 256) -> None:
        self._dimensions = dimensions

    @property
    def identity(self) -> EmbedderIdentity:
        """Fixed: the version changes when the hashing does."""
        return EmbedderIdentity("hash", self._dimensions, "v1")

    def warm(self) -> None:
        """Nothing to load."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 [n, dimensions]."""
        out = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for row, text in zip(out, texts, strict=True):
            for word in content_words(text):
                self._count(row, word, 1.0)
                padded = f"<{word}>"
                for start in range(len(padded) - 2):
                    self._count(row, padded[start : start + 3], 0.3)
            if not row.any():  # a text without words still needs a direction: cosine is undefined at zero
                row[0] = 1.0
            row /= math.hypot(*row.tolist())  # the same on every processor, which a BLAS norm is not
        return out

    def _count(self, row: Vectors, feature: str, weight: float) -> None:
        code = zlib.crc32(feature.encode())
        row[code % self._dimensions] += weight if code & 0x40000000 else -weight


def embed_checked(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """Unit vectors, little-endian float32 [n, dimensions].

    Raises:
        EmbedderError: the embedder did not return that.
    """
    size = embedder.identity.dimensions
    made = np.ascontiguousarray(embedder.embed(texts), dtype="<f4") if texts else np.empty((0, size), dtype="<f4")
    if made.shape != (len(texts), size):
        raise EmbedderError(
            f"the embedder '{embedder.identity.model}' returned shape {made.shape} where {(len(texts), size)} was due: "
            "its identity does not describe it"
        )
    if not np.isfinite(made).all():
        raise EmbedderError(f"the embedder '{embedder.identity.model}' returned numbers that are not finite")
    return made


def resolve_embedder(spec: str | Embedder) -> Embedder:
    """The embedder that `spec` names.

    Args:
        spec: `minilm` (all-MiniLM-L6-v2, no torch needed), `hash`, `sentence-transformers:FOLDER`, `openai:MODEL`,
            `openai:MODEL@BASE_URL` for any server with that API, or an embedder.

    Raises:
        EmbedderError: the name is unknown, or the model's files are not there.
    """
    if not isinstance(spec, str):
        return spec
    if spec == "hash":
        return HashEmbedder()
    if spec == "minilm":
        from pilotage.memory.embedders.bert import BertEmbedder

        folder = models_dir() / "all-minilm-l6-v2"
        if not (folder / "model.safetensors").is_file():
            raise EmbedderError(
                "the embedding model all-MiniLM-L6-v2 is not installed: get it with `pilotage models pull minilm`"
            )
        return BertEmbedder(folder)
    kind, _, name = spec.partition(":")
    if kind == "sentence-transformers" and name:
        from pilotage.memory.embedders.sentence_transformer import SentenceTransformerEmbedder

        return SentenceTransformerEmbedder(name)
    if kind == "openai" and name:
        from pilotage.memory.embedders.openai import OpenAIEmbedder

        model, _, base_url = name.partition("@")
        return OpenAIEmbedder(model, base_url or None)
    raise EmbedderError(
        f"unknown embedder '{spec}': use 'minilm', 'hash', 'sentence-transformers:FOLDER' or 'openai:MODEL@BASE_URL'"
    )


def weights_hash(file: Path) -> str:
    """SHA-256 of a weights file; about 0.3 s for 90 MB.

    Raises:
        EmbedderError: the file cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise EmbedderError(f"the embedding weights {file} cannot be read: {error.strerror}") from error


def read_json(file: Path) -> dict[str, Any]:
    """A JSON file of an embedding model; EmbedderError when it is missing or damaged."""
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise EmbedderError(
            f"the embedding model's file {file} cannot be read ({error}): "
            "pull it again with `pilotage models pull minilm`"
        ) from error
