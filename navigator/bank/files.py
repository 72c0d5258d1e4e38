"""Files of a bank: safe names, whole lines, writes that survive kill -9, and the compressed form."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pilotage.common.files import append_durably, read_ordinary, replace, sync_folder
from pilotage.navigator.errors import BankError

META_FILE = "bank.json"
TASKS_FOLDER = "tasks"
PLAIN, PACKED = ".jsonl", ".jsonl.gz"
_LONGEST = 80


def safe_name(task: str) -> str:
    """A file name for a task's id: readable, legal everywhere, and different for different ids."""
    plain = re.sub(r"[^a-z0-9._-]+", "_", task.lower()).lstrip(".")[:_LONGEST]
    if plain == task:
        return plain
    return f"{plain}-{hashlib.sha256(task.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


def task_files(bank: Path) -> list[Path]:
    """All task files of a bank, ordered by name; one a task."""
    files: dict[str, Path] = {}
    for suffix in (PACKED, PLAIN):  # a plain one is the newer of the two
        files |= {path.name.removesuffix(suffix): path for path in (bank / TASKS_FOLDER).glob(f"*{suffix}")}
    return [path for _, path in sorted(files.items())]


def read_whole_lines(path: Path) -> list[bytes]:
    """The finished lines of a file; a kill may have torn the last. Raises BankError where a packed one is damaged."""
    return _finished(path).splitlines()


def is_torn(path: Path) -> bool:
    """Whether the last line of a task file has no end: a kill came in between, or something cut the file off."""
    return path.name.endswith(PLAIN) and _read(path)[-1:] not in (b"\n", b"")


def _read(path: Path) -> bytes:
    try:
        return read_ordinary(path)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise BankError(f"{path} is no ordinary file: copy the bank anew") from error


def _finished(path: Path) -> bytes:
    content = _read(path)
    if path.name.endswith(PACKED):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise BankError(f"{path} is cut off or damaged: copy it again, or record its task anew") from error
    return content[: content.rfind(b"\n") + 1]


def cut_torn_line(path: Path) -> None:
    """Cuts off what follows the last finished line of a plain file, since something is to be added to it."""
    os.truncate(path, len(_finished(path)))


def parse(line: bytes, path: Path, number: int) -> dict[str, Any]:
    """One line as an object; raises BankError, naming the place, where it is none."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BankError(
            f"{path}, line {number} is damaged: copy the file again, or delete it to record its task anew"
        ) from error
    if not isinstance(data, dict):
        raise BankError(f"{path}, line {number} is no record of a bank")
    return data


def encode(data: dict[str, Any]) -> bytes:
    """One line. Numbers that are no numbers never reach a disk."""
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise BankError(f"a record cannot be written: {error}") from error
    return text.encode("utf-8", "surrogatepass") + b"\n"  # a model may write half a character


def append(path: Path, lines: bytes) -> None:
    """Adds lines durably: on disk once this returns; raises BankError, the file left whole, where it cannot."""
    new = not path.exists()
    with open(path, "ab", buffering=0) as file:
        try:
            append_durably(file, lines)
        except OSError as error:
            raise BankError(f"cannot write to {path}: {error.strerror}; free some space and run again") from error
    if new:
        sync_folder(path.parent)


def rewrite(path: Path, lines: Iterable[bytes]) -> None:
    """Puts these lines in the place of a task file's, plain or packed as before; raises BankError where it cannot."""
    content = b"".join(line + b"\n" for line in lines)
    try:
        replace(path, _packed(content) if path.name.endswith(PACKED) else content)
    except OSError as error:
        raise BankError(f"cannot write to {path}: {error.strerror}; free some space and run again") from error


def compress(path: Path) -> None:
    """Packs a plain task file; the same content gives the same bytes. A torn last line is dropped."""
    packed = path.with_name(path.name.removesuffix(PLAIN) + PACKED)
    replace(packed, _packed(_finished(path)))
    path.unlink()


def _packed(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=9, mtime=0)


def decompress(path: Path) -> None:
    """Unpacks a packed task file, so that lines can be added."""
    replace(path.with_name(path.name.removesuffix(PACKED) + PLAIN), _finished(path))
    path.unlink()
