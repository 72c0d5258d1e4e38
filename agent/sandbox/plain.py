"""Plain subprocess: the weaker mode for machines without bubblewrap, only ever used on an explicit opt-in.

It has the limits, the empty environment, a temporary folder, and a supervisor (supervisor.py) that ends what the
program leaves behind, but the program can read what the user can read, reach the network, and harm its supervisor.

A run's folder is locked (`flock`) by the agent and by the run's supervisor, which inherits the lock. Where both were
killed, nobody holds it any more, and whoever can lock the folder may remove it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pilotage.agent.sandbox.execution import Limits
from pilotage.agent.sandbox.launch import PROGRAM, Launch, RunFolder, supervised
from pilotage.agent.sandbox.packages import NONE, Packages

_PREFIX = "pilotage-run-"


@contextmanager
def plain(code: str, stdin: str, limits: Limits, packages: Packages = NONE) -> Iterator[Launch]:
    """Prepares a run of `code` in a temporary folder, which is removed afterwards; it may import the packages."""
    with run_folder() as folder, ExitStack() as files:
        (folder.work / PROGRAM).write_text(code, encoding="utf-8", errors="replace")
        place = folder.path / "packages"
        for one in packages.folders:  # these alone, of all that lie beside them
            place.mkdir(exist_ok=True)
            (place / one.name).symlink_to(one)
        yield supervised(limits, files, folder=folder, packages=str(place) if packages.folders else "")


@contextmanager
def run_folder() -> Iterator[RunFolder]:
    """A new folder for one run, which is removed afterwards."""
    path, lock = _locked_folder()
    try:
        work = path / "box"
        work.mkdir()
        yield RunFolder(path, work, lock)
    finally:
        shutil.rmtree(path, ignore_errors=True)  # a program may have made something in it that can't be removed
        os.close(lock)


def sweep() -> None:
    """Removes the folders of runs whose agent and supervisor were both killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            mine = path.lstat().st_uid == os.getuid()
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW) if mine else None
        except OSError:  # removed meanwhile, or no folder of ours
            continue
        if lock is not None:
            if _try_lock(lock):
                shutil.rmtree(path, ignore_errors=True)
            os.close(lock)


def _locked_folder() -> tuple[Path, int]:
    """Made anew where a sweep took the folder between its making and its locking."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            lock = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        except OSError:
            path.rmdir()
            raise
        if _try_lock(lock) and path.exists():
            return path, lock
        os.close(lock)


def _try_lock(descriptor: int) -> bool:
    import fcntl  # not on every system that can import this package

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
