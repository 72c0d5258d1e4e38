"""What the base Python interpreter needs in order to start: the only host files a sandboxed program sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pilotage.agent.errors import SandboxUnavailable

# Loads the standard library's extension modules (without running them) and lists every shared object in
# memory, under the names by which the dynamic loader found them.
_LIST_LIBRARIES = """
import ctypes, json, os, sys
class Info(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("name", ctypes.c_char_p)]
folder = sys.argv[1]
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
def note(info, size, found):
    found.append(os.fsdecode(info.contents.name or b""))
    return 0
ctypes.CDLL(None).dl_iterate_phdr(visit(note), ctypes.py_object(names))
print(json.dumps([name for name in names if name.startswith("/")]))
"""


def base_executable() -> Path:
    """The real binary of the interpreter that runs now, not a virtual environment's link to it."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))


def loaded_objects() -> list[Path]:
    """Shared objects of the interpreter and its standard library; takes about a tenth of a second.

    Raises:
        SandboxUnavailable: the interpreter can't tell which libraries it has loaded.
    """
    executable, extensions = base_executable(), Path(os.__file__).parent / "lib-dynload"
    command = [executable, "-I", "-S", "-c", _LIST_LIBRARIES, extensions]
    listing = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if listing.returncode != 0:
        reason = (listing.stderr.strip().splitlines() or ["it printed no reason"])[-1]
        raise SandboxUnavailable(f"{executable} can't list its shared libraries: {reason}")
    return [Path(name) for name in json.loads(listing.stdout)]
