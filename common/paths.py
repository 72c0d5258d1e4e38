"""Home: where the user's data lies, and what a path that was typed means."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path as it was meant: `~` is the home folder also where no shell has seen it (`--out=~/x`, a settings file)."""
    return Path(os.path.expanduser(path))


def data_dir() -> Path:
    """The user's data folder: $PILOTAGE_HOME, or the platform's usual place.

    Raises:
        NotADirectoryError: the variable names something else.
    """
    import platformdirs

    home = os.environ.get("PILOTAGE_HOME")
    if not home:
        return Path(platformdirs.user_data_dir("pilotage"))
    folder = expanded(home)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "this is no folder for the data of pilotage", str(folder))
    return folder


def cache_dir() -> Path:
    """The user's cache folder, the platform's usual one."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("pilotage"))


def models_dir() -> Path:
    """Where pulled model weights lie, in the user's data folder; raises as `data_dir`."""
    return data_dir() / "models"


def require_descriptors(files: int) -> None:
    """Raises OSError where this process may not open so many files more: SQLite does not say so."""
    opened: list[int] = []
    try:
        while len(opened) < files:
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        raise OSError(error.errno, error.strerror) from None  # that file has nothing to do with it
    finally:
        for descriptor in opened:
            os.close(descriptor)
