"""Packages: what programs may import besides the standard library."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pilotage.agent.errors import SandboxUnavailable


@dataclass(frozen=True)
class Packages:
    """Installed packages, by where they lie.

    Attributes:
        names: by which programs import them.
        folders: of their code, and of the shared objects that wheels keep beside it.
        place: the folder that holds all of these, empty where there is none.
    """

    names: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    place: str = ""


NONE = Packages()


def numpy() -> Packages:
    """NumPy as it is installed.

    Raises:
        SandboxUnavailable: it is not installed.
    """
    spec = find_spec("numpy")
    if spec is None or not spec.submodule_search_locations:
        raise SandboxUnavailable(f"programs need numpy, and {sys.executable} has none: pip install numpy")
    folder = Path(next(iter(spec.submodule_search_locations)))
    beside = folder.with_name("numpy.libs")
    folders = (folder, *([beside] if beside.is_dir() else []))
    return Packages(("numpy",), folders, str(folder.parent))
