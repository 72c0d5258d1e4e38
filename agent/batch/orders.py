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

LEDGER = "ledger.sqlite"


def shuffled(tasks: Sequence[Task], seed: int) -> list[Task]:
    """The tasks in the order of a seed."""
    mixed = list(tasks)
    random.Random(seed).shuffle(mixed)
    return mixed


def memory_copy(memory: Path, folder: Path) -> Path:
    """A copy of a memory, which need not exist, for one order of the tasks; the one that is there already, if it is.

    Only the ledger is copied, as it is at one moment, also while others write to it: the index is a view of it.

    Raises:
        UsageError: it cannot be copied.
    """
    if folder.exists():
        return folder
    partial = folder.with_name(folder.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        if (memory / LEDGER).exists():
            uri = f"{(memory / LEDGER).absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(partial / LEDGER)) as copy:
                source.backup(copy)
        partial.rename(folder)
    except (OSError, sqlite3.Error) as error:
        raise UsageError(f"cannot copy the memory {memory} to {folder}: {error}; choose another --out") from error
    return folder
