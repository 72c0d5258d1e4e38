"""Places: everything that pilotage writes by itself, where it lies and what its entries are."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pilotage.agent.errors import CacheUnusable, CheckpointsUnusable, PilotageError, ResponseStoreUnusable
from pilotage.common.paths import cache_dir, data_dir, models_dir
from pilotage.common.retention import DAY, Count, Entries, Retention, count, file_bytes, prune
from pilotage.common.sqlite import explained

if TYPE_CHECKING:
    from pilotage.agent.settings import Settings

Progress = Callable[[int, int], None]
LEDGER = "ledger.sqlite"


@dataclass(frozen=True)
class Database:
    """Entries of a SQLite file.

    Attributes:
        name: as `--what` takes it.
        about: what it is, for people.
        path: the file, there or not.
        entries: what they are.
        unusable: the error of a file that cannot be used.
        shares: whether the file holds more than them, so that it is nobody's here to make smaller.
    """

    name: str
    about: str
    path: Path
    entries: Entries
    unusable: type[PilotageError] = PilotageError
    shares: bool = False

    def bytes(self, found: Count) -> int:
        """On the disk."""
        return found.bytes if self.shares else file_bytes(self.path)

    def count(self) -> Count:
        """What there is. Raises PilotageError."""
        with self._explained():
            return count(self.path, self.entries)

    def prune(self, keep: Retention, *, dry_run: bool, on_progress: Progress) -> Count:
        """Deletes what is not to be kept, or says what that would be. Raises PilotageError."""
        with self._explained():
            return prune(
                self.path, self.entries, keep, dry_run=dry_run, give_back=not self.shares, on_progress=on_progress
            )

    def _explained(self) -> AbstractContextManager[None]:
        return explained(f"{self.path}, with the {self.name},", self.unusable, if_corrupt="move it away, or delete it")


@dataclass(frozen=True)
class WeightsFolder:
    """Weights of models, a folder each; what is running keeps the weights that it has loaded."""

    path: Path
    name: str = "weights"
    about: str = "models that were pulled"

    def bytes(self, found: Count) -> int:
        """On the disk."""
        return found.bytes

    def count(self) -> Count:
        """What there is."""
        rows = list(self._rows())
        times = [at for at, _, _ in rows]
        kinds = {folder.name: 1 for _, _, folder in rows}
        return Count(
            len(rows), sum(size for _, size, _ in rows), min(times, default=None), max(times, default=None), kinds
        )

    def prune(self, keep: Retention, *, dry_run: bool, on_progress: Progress) -> Count:
        """Deletes what was fetched longest ago."""
        rows = sorted(self._rows())
        since = time.time() - keep.days * DAY if keep.days is not None else float("-inf")
        over = 0 if keep.most_bytes is None else sum(size for _, size, _ in rows) - keep.most_bytes
        gone: list[tuple[float, int, Path]] = []
        for at, size, folder in rows:
            if at >= since and sum(one for _, one, _ in gone) >= over:
                break
            gone.append((at, size, folder))
        for done, (_, _, folder) in enumerate(gone, 1):
            if not dry_run:
                shutil.rmtree(folder)
                on_progress(done, len(gone))
        times = [at for at, _, _ in gone]
        return Count(len(gone), sum(size for _, size, _ in gone), min(times, default=None), max(times, default=None))

    def _rows(self) -> Iterator[tuple[float, int, Path]]:
        for folder in sorted(self.path.iterdir()) if self.path.is_dir() else ():
            if folder.is_dir() and not folder.is_symlink():
                yield folder.stat().st_mtime, folder_bytes(folder), folder


Place = Database | WeightsFolder


def places(settings: Settings, responses_file: Path | None = None) -> list[Place]:
    """All places that can be pruned, the weights last."""
    from pilotage.agent.cli.assembly import CHECKPOINTS, memory_place
    from pilotage.agent.graph.checkpoints import entries_of
    from pilotage.agent.models import cache
    from pilotage.agent.serve.memory import records
    from pilotage.agent.serve.responses import entries as responses

    checkpoints = data_dir() / CHECKPOINTS
    found: list[Place] = [
        Database(
            "replies",
            "replies of models, which make reruns free",
            cache_dir() / cache.FILE,
            cache.ENTRIES,
            CacheUnusable,
        ),
        Database(
            "checkpoints", "single runs that can be resumed", checkpoints, entries_of(checkpoints), CheckpointsUnusable
        ),
        Database(
            "responses",
            "of the server's Responses API",
            responses_file or data_dir() / responses.FILE,
            responses.ENTRIES,
            ResponseStoreUnusable,
        ),
    ]
    memory = memory_place(settings) if settings.memory != "none" else "://"
    if "://" not in memory:
        ledger = Path(memory) / LEDGER
        about = "of the server, which feedback can be given on"
        found.append(Database("completions", about, ledger, records.ENTRIES, shares=True))
    return [*found, WeightsFolder(models_dir())]


def others(known: list[Place]) -> dict[Path, int]:
    """Bytes of whatever else lies in the data and cache folders: the memory, keys, locks; never pruned."""
    ours = [*(place.path for place in known if not (isinstance(place, Database) and place.shares))]
    found: dict[Path, int] = {}
    for folder in dict.fromkeys((data_dir(), cache_dir())):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if not any(path == one or path.name in (f"{one.name}-wal", f"{one.name}-shm") for one in ours):
                found[path] = folder_bytes(path) if path.is_dir() else path.stat().st_size
    return found


def folder_bytes(folder: Path) -> int:
    """Of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
