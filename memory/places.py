"""Places: where a memory is, from what a user wrote."""

from __future__ import annotations

from pathlib import Path

from memory.errors import LedgerError, LedgerReadOnly
from memory.home import expanded

LEDGER = "ledger.sqlite"
INDEX = "index"


def locate(path_or_url: str | Path) -> tuple[str, Path | None]:
    """Database URL, and the folder where a Chroma index may live; the folder is made if it is not there.

    Raises:
        LedgerReadOnly: it cannot be made.
        LedgerError: the folder has lost its ledger.
    """
    if isinstance(path_or_url, str) and "://" in path_or_url:
        return path_or_url, None
    try:
        folder = expanded(path_or_url)
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # a NUL in the name is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise LedgerReadOnly(f"the memory folder {path_or_url} cannot be made ({reason}): choose another one") from None
    _refuse_lost(folder)
    return f"sqlite:///{folder.absolute() / LEDGER}", folder


def _refuse_lost(folder: Path) -> None:
    """An index without the ledger that it is a view of: to open it would begin anew as if nothing had been learnt."""
    ledger, index = folder / LEDGER, folder / INDEX
    there = ledger.exists()
    if (there and ledger.stat().st_size) or not index.is_dir() or not any(index.iterdir()):
        return
    raise LedgerError(
        f"{ledger} is {'empty' if there else 'gone'}, although the index of a memory is beside it: restore the file "
        f"from a backup, or import its last export into another folder; to begin anew here, delete {index}"
    )
