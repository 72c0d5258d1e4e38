"""Loading llama.cpp's library where it finds an OpenMP runtime."""

from __future__ import annotations

import ctypes
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pilotage.agent.errors import MissingExtra


def load_library() -> Any:
    """The `xllamacpp` module.

    Raises:
        MissingExtra: it is not installed, or lacks a system library.
    """
    # OpenMP's threads spin while they wait for each other; where another process wants the cores too, they burn the
    # very time that the last of them needs. On two cores, 1.5B model: 11 tokens a second alone and under 1 beside
    # another such process by default; 9 alone and 5 beside it with short spinning. Read once, when OpenMP is loaded.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
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
