"""The same tasks in several orders, each with a copy of the memory."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pilotage.agent.errors import UsageError
from pilotage.agent.task import Task
from pilotage.common.faults import reason_of
from pilotage.memory.location import LEDGER

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def shuffled(tasks: Sequence[Task], seed: int) -> list[Task]:
    """The tasks in the order of a seed."""
    mixed = list(tasks)
    random.Random(seed).shuffle(mixed)
    return mixed


def memory_copy(memory: Path, folder: Path) -> Path:
    """Copies a memory into `folder` for one order of the tasks; a copy that is there already is kept as it is.

    Only the ledger is copied, as it is at one moment, also while others write to it: the index is a view of it. Of a
    memory that does not exist the copy is an empty folder.

    Raises:
        UsageError: it cannot be read, or the copy cannot be written.
    """
    if folder.exists():
        return folder
    partial = folder.with_name(folder.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        if (memory / LEDGER).exists():
            with closing(_opened(memory / LEDGER)) as source, closing(sqlite3.connect(partial / LEDGER)) as copy:
                source.backup(copy)
        partial.rename(folder)
    except (OSError, sqlite3.Error) as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF in _DAMAGED:  # the copy is new
            raise _unreadable(memory / LEDGER, error) from error
        raise UsageError(
            f"cannot copy the memory {memory} to {folder}: {reason_of(error)}; choose another --out"
        ) from error
    return folder


def _opened(ledger: Path) -> sqlite3.Connection:
    """A connection that has read from the ledger; raises UsageError where it cannot be read."""
    try:
        connection = sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True)
        try:
            connection.execute("PRAGMA schema_version").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise _unreadable(ledger, error) from error
    return connection


def _unreadable(ledger: Path, error: Exception) -> UsageError:
    return UsageError(f"{ledger} cannot be read: {error}; restore it from a backup, or name another --memory")
