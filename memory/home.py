"""Home: where the user's data lies, and what a path that was typed means."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path as it was meant: `~` is the home folder also where no shell has seen it (`--out=~/x`, a settings file)."""
    return Path(os.path.expanduser(path))


def data_dir() -> Path:
    """The user's data folder: $PILOTAGE_HOME, or the platform's usual place."""
    import platformdirs

    home = os.environ.get("PILOTAGE_HOME")
    return expanded(home) if home else Path(platformdirs.user_data_dir("pilotage"))
