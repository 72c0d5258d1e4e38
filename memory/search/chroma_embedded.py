"""The embedded Chroma index: a folder that belongs to the process that holds its lock.

Chroma's embedded index is safe for threads and not for processes: a second process would read stale results. So the
others scan (`pilotage.memory.search.exact_scan`), or all of them use a server (`pilotage.memory.search.chroma_server`).
"""

from __future__ import annotations

import os
import shutil
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


def open_embedded(folder: Path, ledger: Ledger, namespace: str, identity: EmbedderIdentity) -> ChromaIndex:
    """The index in `folder`, made if it is not there. The caller owns the folder.

    Raises:
        IndexCorrupt: the folder's files cannot be read.
    """
    guard = partial(_readable, folder)
    with guard():
        client = _open_client(folder)
    return ChromaIndex(client, collection_name(namespace), guard, ledger, namespace, identity, shared=False)


def delete_index(folder: Path) -> None:
    """Remove the index; the next search builds it anew. The caller owns the folder."""
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
