"""Loading llama.cpp's library: its threads wait politely, and it finds an OpenMP runtime."""

from __future__ import annotations

import ctypes
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agent.errors import MissingExtra


def load_library() -> Any:
    """The `xllamacpp` module.

    Raises:
        MissingExtra: it is not installed, or lacks a system library.
    """
    # OpenMP's threads spin while they wait for each other. When another process wants a core too, they burn
    # the very time that the last of them needs: measured on two busy cores, 1 token a second instead of 15.
    # The runtime reads this once, when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import xllamacpp
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "The embedded model needs llama.cpp; install it with: pip install 'pilotage[local]'"
        ) from error
    except ImportError as error:
        return _with_torchs_openmp(error)
    return xllamacpp


def _with_torchs_openmp(missing: ImportError) -> Any:
    """Slim systems have no libgomp; torch's wheel brings one, which serves llama.cpp as well."""
    spec = find_spec("torch")
    folders = spec.submodule_search_locations if spec is not None else None
    library = Path(folders[0]) / "lib" / "libgomp.so.1" if folders else None
    if library is not None and library.is_file():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    try:
        import xllamacpp
    except ImportError as error:
        raise MissingExtra(
            f"llama.cpp is installed but cannot start ({missing}); install that system library "
            "(libgomp: `apt-get install libgomp1` on Debian and Ubuntu)."
        ) from error
    return xllamacpp
