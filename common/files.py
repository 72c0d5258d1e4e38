"""Files: writes that are there as a whole or not at all, whatever is killed meanwhile."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO


def replace(path: Path, content: bytes | Iterable[bytes], *, private: bool = False) -> None:
    """Puts content in a file's place, durably, at one stroke; the folder is made where it is not there.

    Content that comes piece by piece may still be read from the file that is replaced. A `private` file can be read by
    its owner alone, whatever the process's mask says.

    Raises:
        OSError: it cannot be written; what was there before is there still.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.partial")
    try:
        opened = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private else 0o666)
        with os.fdopen(opened, "wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:  # a failing write names no file, and a failing rename names the unfinished one
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(path.parent)


def read_ordinary(path: Path) -> bytes:
    """A file's content.

    Raises:
        OSError: it cannot be read; or it is no ordinary file, since nobody knows when a pipe ends.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # a pipe that nobody writes to opens at once
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "Not an ordinary file", str(path))
        return file.read()


def is_torn(rest: bytes, *beginnings: bytes) -> bool:
    """Whether what stands behind the last line end of a file may be a line of ours that a kill has torn.

    Args:
        rest: what stands there.
        beginnings: how our lines begin.
    """
    return any(rest.startswith(beginning[: len(rest)]) for beginning in beginnings)


def make_private(path: Path) -> None:
    """Makes a file that its owner alone can read, where none is there, and its folder."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def append_durably(file: IO[bytes], data: bytes) -> None:
    """Appends to an unbuffered file, on disk when it returns.

    Raises:
        OSError: the disk will not take it; the file is left as it was.
    """
    end, rest = os.fstat(file.fileno()).st_size, data
    try:
        while rest:  # a disk that is nearly full takes a part
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except OSError:
        os.ftruncate(file.fileno(), end)
        raise
