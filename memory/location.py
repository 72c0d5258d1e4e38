"""Places: where a memory is, from what a user wrote."""

from __future__ import annotations

from pathlib import Path

from pilotage.common.paths import expanded
from pilotage.memory.errors import LedgerError, LedgerReadOnly

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
    """What a memory leaves, without its ledger: to open it would begin anew as if nothing had been learnt."""
    ledger, index = folder / LEDGER, folder / INDEX
    there = ledger.exists()
    if there and ledger.stat().st_size:
        return
    left = [index] if index.is_dir() and any(index.iterdir()) else []
    if there:  # an opening that was killed leaves an empty ledger, but none of these
        log, lock = folder / f"{LEDGER}-wal", folder / f"{INDEX}.lock"
        left += [file for file in (log, lock) if file.is_file() and (file == lock or file.stat().st_size)]
    if left:
        raise LedgerError(
            f"{ledger} is {'empty' if there else 'gone'}, although other files of a memory are beside it: restore it "
            f"from a backup, or import its last export into another folder; to begin anew here, delete "
            f"{' and '.join(map(str, left))}"
        )
