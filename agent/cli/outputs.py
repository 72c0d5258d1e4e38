"""Places that a command writes to: looked at before the work begins, and never written over unasked."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pilotage.agent.errors import UsageError
from pilotage.common.files import replace
from pilotage.common.locks import FileLock
from pilotage.common.text import json_page


def file_to_write(path: Path, option: str = "--out") -> None:
    """Makes the folder of a file that is going to be written.

    Raises:
        UsageError: it cannot be written there, in one sentence.
    """
    if path.exists() and not path.is_file():
        what = "a folder: name a file in it" if path.is_dir() else "no ordinary file: name one"
        raise UsageError(f"{option} {path} is {what}")
    _make(path.parent, f"{option} {path}")


def folder_to_write(path: Path, option: str = "--out") -> None:
    """Makes a folder that is going to be written to. Raises UsageError where it cannot be, in one sentence."""
    _make(path, f"{option} {path}")


@contextmanager
def gone_if_refused(path: Path, option: str = "--out") -> Iterator[None]:
    """A folder to write to while a command looks at what it was asked for: one that it made goes again with an error.

    What holds a lock in it keeps it, so the command's own locks have to be given back by then.

    Raises:
        UsageError: it cannot be written, in one sentence.
    """
    new = [one for one in (path, *path.parents) if not one.exists()]
    folder_to_write(path, option)
    try:
        yield
    except BaseException:
        if path in new and not _is_in_use(path):
            shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            for one in new[1:]:
                one.rmdir()
        raise


def _is_in_use(folder: Path) -> bool:
    """Whether a process holds a lock in a folder: whoever came in the meantime and was not refused."""
    try:
        for lock in folder.rglob("*.lock"):
            FileLock(lock, UsageError("held")).close()
    except UsageError:
        return True
    return False


def keep(path: Path, force: bool) -> None:
    """Raises UsageError where something is there already that nobody asked to write over."""
    if path.exists() and not force:
        raise UsageError(f"{path} is there already: add --force to write over it, or name another place")


def write_json(path: Path, data: Any) -> None:
    """Writes JSON that people can read too, at one stroke."""
    replace(path, f"{json_page(data)}\n".encode())


def _make(folder: Path, given: str) -> None:
    try:
        in_the_way = next((one for one in (folder, *folder.parents) if one.exists() and not one.is_dir()), None)
        if in_the_way is None:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise UsageError(f"{given} cannot be written: {why}; choose another place") from None
    if in_the_way is not None:
        raise UsageError(f"{given} cannot be written: {in_the_way} is a file; name a folder")
