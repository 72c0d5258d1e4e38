"""Earlier: conversations that others took the place of as the last one, a file each, the newest of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pilotage.common.files import replace

FOLDER = "earlier"
MOST_KEPT = 50
"""Conversations that are kept; the one that was spoken in longest ago goes first."""


def set_aside(last: Path) -> Path | None:
    """Copies a conversation's file among the earlier ones, under the time of its last turn (UTC).

    Doing so twice makes one copy. The file itself stays until another takes its place, so that a kill loses neither.

    Returns:
        The copy, or None where there is no such file.

    Raises:
        OSError: it cannot be read or written.
    """
    if not last.is_file():
        return None
    folder = last.parent / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    spoken = datetime.fromtimestamp(last.stat().st_mtime, UTC)
    kept = folder / f"{spoken:%Y-%m-%d_%H-%M-%S.%f}.json"
    replace(kept, last.read_bytes(), private=True)
    for old in sorted(folder.glob("*.json"))[:-MOST_KEPT]:
        old.unlink(missing_ok=True)
    return kept
