"""The embedded Chroma index: a folder that belongs to the process that holds its lock.

Chroma's embedded index is safe for threads and not for processes: a second process would read stale results. So the
others scan (`pilotage.memory.search.exact_scan`), or all of them use a server (`pilotage.memory.search.chroma_server`).
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pilotage.common.paths import require_descriptors
from pilotage.memory.embedders.embedder import EmbedderIdentity
from pilotage.memory.errors import ConceptStoreError, IndexCorrupt, IndexFull
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.search.chroma import ChromaIndex, collection_name

_FILES = 8  # that an index has open at once, and what its runtime needs


class IndexLock:
    """The right to use the index folder, held by one process at a time and freed by its death."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock without waiting. False when another holds it, or the system or folder has no file locks."""
        if sys.platform == "win32":
            return False
        import fcntl

        try:
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:  # a read-only folder: then nobody can own an index in it
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let another process have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def open_embedded(folder: Path, ledger: Ledger, namespace: str, identity: EmbedderIdentity) -> ChromaIndex:
    """The index in `folder`, made if it is not there. The caller holds the `IndexLock`.

    Raises:
        IndexCorrupt: the folder's files cannot be read.
    """
    guard = partial(_readable, folder)
    with guard():
        client = _open_client(folder)
    return ChromaIndex(client, collection_name(namespace), guard, ledger, namespace, identity, shared=False)


def delete_index(folder: Path) -> None:
    """Remove the index; the next search builds it anew. The caller holds the `IndexLock`."""
    try:
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
        else:  # a file, or a link, in its place
            folder.unlink(missing_ok=True)
    except OSError as error:
        raise IndexCorrupt(
            f"the vector index in {folder} cannot be replaced ({error.strerror}): delete it; nothing is lost"
        ) from error


def _open_client(folder: Path) -> Any:
    import chromadb
    from chromadb.api.shared_system_client import SharedSystemClient
    from chromadb.config import Settings

    try:
        return chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    except BaseException:
        # Chroma keeps what failed to start, and would hand it out again even for a repaired folder.
        SharedSystemClient._identifier_to_system.pop(str(folder), None)
        raise


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (ConceptStoreError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except (OverflowError, MemoryError):
        raise  # what was asked for is too much; the files have no part in it
    except BaseException as error:  # what a damaged file makes Chroma raise; a panic of its Rust core is no Exception
        require_descriptors(_FILES)
        if "is full" in str(error) or "No space left" in str(error):
            raise IndexFull(f"the disk that holds the vector index {folder} is full: free some space") from error
        if _lacks_descriptors(folder, str(error)):
            raise IndexFull(
                f"the vector index {folder} cannot be opened ({error}): this process has too many open files"
            ) from error
        raise IndexCorrupt(
            f"the vector index in {folder} cannot be read ({type(error).__name__}: {error}): nothing is lost; "
            "delete that folder or run `pilotage memory reindex`, and it is built anew"
        ) from error


def _lacks_descriptors(folder: Path, reason: str) -> bool:
    """Whether a file could not be opened although it is there and may be: then the process has no descriptor left."""
    if "Too many open files" in reason or "os error 24" in reason:
        return True
    return "unable to open database file" in reason and os.access(folder / "chroma.sqlite3", os.R_OK | os.W_OK)
