"""Embeddings of any server with an OpenAI-compatible API (`POST /embeddings`): OpenAI, vLLM, llama.cpp, Ollama, ..."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pilotage.common.addresses import checked_address
from pilotage.memory.embedders.embedder import EmbedderIdentity, Vectors
from pilotage.memory.errors import EmbedderError

_BATCH = 128
_PATIENCE = 60.0  # seconds for one request


class OpenAIEmbedder:
    """Asks a server, many texts at once; what fails for the moment is tried again, as its `Retry-After` says.

    The key is read from `OPENAI_API_KEY`; a server of one's own needs none.

    Args:
        model: name of the model on the server.
        base_url: for example `http://localhost:8000/v1`; None for OpenAI.
        max_retries: how often one request is tried again.

    Raises:
        EmbedderError: the address is none.
    """

    similarity_floor = 0.3  # fits OpenAI's text-embedding-3; pass `floor` to `recall` for a model with another scale

    def __init__(self, model: str, base_url: str | None = None, *, max_retries: int = 4) -> None:
        base_url = base_url or os.environ.get("OPENAI_BASE_URL") or None
        if base_url is not None:
            try:
                checked_address(base_url, "a server of embeddings")
            except ValueError as error:
                raise EmbedderError(str(error)) from None
        self._model = model
        self._base_url = base_url
        self._where = base_url or "api.openai.com"
        self._max_retries = max_retries
        self._lock = threading.Lock()
        self._client: Any = None

    @cached_property
    def identity(self) -> EmbedderIdentity:
        """Model and size, which one request finds out. A server does not show its weights: they count as `remote`."""
        return EmbedderIdentity(f"openai:{self._model}", self._ask(["size"]).shape[1], "remote")

    def warm(self) -> None:
        """Open the connection."""
        _ = self.identity

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 [n, dimensions].

        Raises:
            EmbedderError: the server cannot be reached, refuses, or answers with something else than vectors.
        """
        if not texts:
            return np.empty((0, self.identity.dimensions), dtype=np.float32)
        parts = [self._ask(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        if len({part.shape[1] for part in parts}) > 1:
            raise EmbedderError(f"the server {self._where} changed the length of its vectors: is the model the same?")
        return np.vstack(parts)

    def _ask(self, texts: Sequence[str]) -> Vectors:
        import openai

        # An empty text is refused by most servers; a space stands for it.
        asked = [text if text.strip() else " " for text in texts]
        try:
            reply = self._open().embeddings.create(model=self._model, input=asked, encoding_format="float")
            rows = sorted(reply.data, key=lambda row: row.index)
            made = np.array([row.embedding for row in rows], dtype=np.float32)
        except (openai.OpenAIError, TypeError, ValueError, AttributeError) as error:
            raise EmbedderError(
                f"the embedding model '{self._model}' at {self._where} did not answer as it must "
                f"({type(error).__name__}: {error}): check the address, the model's name and OPENAI_API_KEY"
            ) from error
        if made.ndim != 2 or len(made) != len(texts):
            raise EmbedderError(f"the server {self._where} returned {len(made)} vectors for {len(texts)} texts")
        length = np.linalg.norm(made, axis=1, keepdims=True)
        if not (np.isfinite(length).all() and length.all()):
            raise EmbedderError(f"the server {self._where} returned a vector without direction: use another model")
        unit: Vectors = made / length
        return unit

    def _open(self) -> Any:
        import openai

        with self._lock:
            if self._client is None:
                key = os.environ.get("OPENAI_API_KEY") or ("none" if self._base_url else None)
                self._client = openai.OpenAI(
                    base_url=self._base_url, api_key=key, max_retries=self._max_retries, timeout=_PATIENCE
                )
                weakref.finalize(self, self._client.close)  # the library leaves its connections to chance
            return self._client
