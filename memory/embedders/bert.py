"""all-MiniLM-L6-v2 and its like, run by numpy: the first vector is there in 0.2 s, where importing torch takes many.

A BERT encoder (Devlin et al. 2018) with mean pooling (Reimers & Gurevych 2019), inference only. It returns
what sentence-transformers returns for the same folder, to about 1e-6, and on two cores it is about as fast.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilotage.memory.embedders.embedder import Vectors, read_json
from pilotage.memory.embedders.folder import WEIGHTS, FolderEmbedder
from pilotage.memory.errors import EmbedderError

_BATCH = 16  # texts at once: larger batches fall out of the cache and run slower
_ROWS = 32  # rows of the activation at once, for the same reason
_f = np.float32


class BertEmbedder(FolderEmbedder["_Encoder"]):
    """A sentence encoder read from a folder in the sentence-transformers layout.

    Args:
        folder: holds `config.json`, `tokenizer.json` and `model.safetensors` in float32.
    """

    def __init__(self, folder: Path | str) -> None:
        super().__init__(Path(folder))
        self._config = read_json(self._folder / "config.json")
        if self._config.get("model_type") != "bert" or self._config.get("hidden_act") != "gelu":
            raise EmbedderError(
                f"{self._folder} is not a BERT encoder: open it with 'sentence-transformers:{self._folder}'"
            )

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 [n, hidden size]. Texts over the model's length are cut, as upstream does."""
        out = np.empty((len(texts), self._dimensions()), dtype=np.float32)
        encoder = self._loaded()
        tokens = [encoding.ids for encoding in encoder.tokenizer.encode_batch(list(texts))]
        by_length = sorted(range(len(texts)), key=lambda index: len(tokens[index]))
        for start in range(0, len(texts), _BATCH):
            rows = by_length[start : start + _BATCH]
            out[rows] = encoder.encode([tokens[row] for row in rows])
        return out

    def _dimensions(self) -> int:
        return int(self._config["hidden_size"])

    def _load(self) -> _Encoder:
        return _Encoder(self._folder, self._config)


class _Encoder:
    """Weights, tokenizer and the forward pass."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        from tokenizers import Tokenizer

        sentence = read_json(folder / "sentence_bert_config.json")
        try:
            self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library raises nothing more precise
            raise EmbedderError(
                f"the embedding model's {folder / 'tokenizer.json'} is damaged ({error}): "
                "pull it again with `pilotage models pull minilm`"
            ) from error
        self.tokenizer.enable_truncation(int(sentence["max_seq_length"]))
        self.tokenizer.no_padding()
        self._layers = int(config["num_hidden_layers"])
        self._heads = int(config["num_attention_heads"])
        self._epsilon = _f(config["layer_norm_eps"])
        self._weights = _read_safetensors(folder / WEIGHTS)

    def encode(self, tokens: list[list[int]]) -> Vectors:
        """Unit vectors of a few token sequences of similar length."""
        count, width = len(tokens), max(map(len, tokens))
        ids = np.zeros((count, width), dtype=np.int64)
        mask = np.zeros((count, width), dtype=bool)
        for row, sequence in enumerate(tokens):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = True
        w = self._weights
        x = w["embeddings.word_embeddings.weight"][ids]
        x = x + w["embeddings.position_embeddings.weight"][:width] + w["embeddings.token_type_embeddings.weight"][0]
        x = self._norm(x.reshape(count * width, -1), "embeddings.LayerNorm")
        blocked = np.where(mask[:, None, None, :], _f(0), _f(-1e9))
        for layer in range(self._layers):
            x = self._layer(x, f"encoder.layer.{layer}", blocked)
        weight = mask[..., None].astype(np.float32)
        pooled = (x.reshape(count, width, -1) * weight).sum(axis=1) / weight.sum(axis=1)
        unit: Vectors = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return unit

    def _layer(self, x: Vectors, name: str, blocked: Vectors) -> Vectors:
        attended = self._linear(self._attention(x, name, blocked), f"{name}.attention.output.dense")
        x = self._norm(x + attended, f"{name}.attention.output.LayerNorm")
        inner = self._linear(x, f"{name}.intermediate.dense")
        _gelu(inner)
        return self._norm(x + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _attention(self, x: Vectors, name: str, blocked: Vectors) -> Vectors:
        count, width = blocked.shape[0], blocked.shape[-1]

        def heads(part: str) -> Vectors:
            split = self._linear(x, f"{name}.attention.self.{part}").reshape(count, width, self._heads, -1)
            return split.transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 1, 3, 2)
        scores *= _f(query.shape[-1] ** -0.5)
        scores += blocked
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = (scores @ value).transpose(0, 2, 1, 3).reshape(count * width, -1)
        return np.asarray(mixed, dtype=np.float32)

    def _linear(self, x: Vectors, name: str) -> Vectors:
        y: Vectors = x @ self._weights[f"{name}.weight"].T
        y += self._weights[f"{name}.bias"]
        return y

    def _norm(self, x: Vectors, name: str) -> Vectors:
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        scaled: Vectors = centred / np.sqrt(variance + self._epsilon)
        return scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _gelu(x: Vectors) -> None:
    """The exact activation x * Phi(x), in place; erf by Abramowitz & Stegun 7.1.26, error below 2e-7."""
    for start in range(0, len(x), _ROWS):
        block = x[start : start + _ROWS]
        z = block * _f(0.5**0.5)
        size = np.abs(z)
        t = 1 / (1 + _f(0.3275911) * size)
        poly = t * _f(1.061405429)
        for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            poly += _f(coefficient)
            poly *= t
        poly *= np.exp(-size * size)
        erf = np.copysign(1 - poly, z)
        block *= (erf + 1) * _f(0.5)


def _read_safetensors(file: Path) -> dict[str, NDArray[np.float32]]:
    """Float tensors by name. The format is a length, a JSON header, then raw little-endian data."""
    try:
        raw = np.memmap(file, dtype=np.uint8, mode="r")
        size = int.from_bytes(raw[:8].tobytes(), "little")
        header = json.loads(raw[8 : 8 + size].tobytes())
        tensors = {}
        for name, entry in header.items():
            if entry.get("dtype") == "F32":
                start, end = entry["data_offsets"]
                data = raw[8 + size + start : 8 + size + end]
                tensors[name] = np.frombuffer(data, dtype="<f4").reshape(entry["shape"])
        return tensors
    except (OSError, ValueError, KeyError) as error:
        raise EmbedderError(
            f"the embedding weights {file} are damaged ({error}): pull them again with `pilotage models pull minilm`"
        ) from error
