"""Which errors are the user's to mend: each becomes one sentence and an exit code."""

from __future__ import annotations

import errno

from agent.errors import PilotageError
from navigator.errors import NavigatorError

MACHINE_ERRORS = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
    errno.EACCES: "no permission; choose another place or change its permissions",
    errno.EROFS: "the file system is read-only; choose another place",
}


def sentence_and_code(error: BaseException) -> tuple[str, int] | None:
    """Text and exit code of an error that a user can mend; None for one that is a defect of the program."""
    if isinstance(error, PilotageError):
        return str(error), error.exit_code
    if isinstance(error, NavigatorError):
        return str(error), 2
    if isinstance(error, OSError) and error.errno in MACHINE_ERRORS:
        where = f"{error.filename}: " if error.filename else ""
        return where + MACHINE_ERRORS[error.errno], 1
    from memory.errors import ConceptStoreError

    return (str(error), 1) if isinstance(error, ConceptStoreError) else None
