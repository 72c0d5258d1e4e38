"""Locks on files: what one process at a time may write to."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import filelock


class FileLock:
    """Holds a lock until it is closed; a context manager. A kill gives the lock back too.

    Args:
        lock: the lock's file, in a folder that is there.
        refusal: raised where another process holds the lock; without one, its turn is awaited.
    """

    def __init__(self, lock: Path, refusal: Exception | None = None) -> None:
        self._lock = filelock.FileLock(lock, timeout=-1 if refusal is None else 0, thread_local=False)
        try:
            self._lock.acquire()
        except filelock.Timeout as error:
            assert refusal is not None  # without one there is no time-out
            raise refusal from error

    def close(self) -> None:
        """Lets another process write."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
