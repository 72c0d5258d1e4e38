"""What a database answered, as a typed error with one sentence that says what to do."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from pilotage.memory.errors import LedgerError, LedgerLocked, LedgerReadOnly, WriteUnknown

# SQLSTATE classes of PostgreSQL (its manual, appendix A). A failed connection carries no code, only words.
_LOCKED = {"55P03", "40P01", "40001"}
_READ_ONLY = {"25006", "42501"}
_FULL = {"53100"}
_CROWDED = {"53300"}
_NOT_READY = {"57P01", "57P02", "57P03"}
_CANCELLED = {"57014"}


def sentence(name: str, error: DBAPIError) -> LedgerError:
    """The error to raise for what the database `name` answered."""
    reason = _first_line(str(error.orig))
    code = getattr(error.orig, "sqlstate", None) or ""

    def mentions(*words: str) -> bool:
        return any(word in reason for word in words)

    if code in _READ_ONLY or mentions("readonly", "read-only", "unable to open"):
        return LedgerReadOnly(
            f"the concept ledger {name} cannot be written ({reason}): make the file and its folder writable, "
            "or choose another folder"
            if not code
            else f"the concept ledger {name} cannot be written ({reason}): ask for the right to write to this database"
        )
    if code in _LOCKED or mentions("locked", "busy"):
        return LedgerLocked(
            f"the concept ledger {name} is locked by another process: wait for it to finish, then try again"
        )
    if code in _FULL or mentions("is full", "No space left"):
        return LedgerError(f"the disk that holds {name} is full: nothing was written; free some space")
    if mentions("disk I/O error"):
        return LedgerError(
            f"the disk that holds {name} could not be read or written ({reason}): nothing was written; "
            "look for a full or failing disk, or a limit on the size of files"
        )
    if mentions("not a database", "malformed"):
        return LedgerError(f"{name} is not a readable concept ledger ({reason}): restore it from a backup")
    if mentions("password authentication failed", "no password supplied", "no pg_hba.conf entry") or code == "28P01":
        return LedgerError(f"{name} did not let this user in ({reason}): check user name and password in the URL")
    if code == "3D000" or (mentions("database ") and mentions("does not exist")):
        return LedgerError(f"{name} has no such database ({reason}): create it with `createdb`, then try again")
    if code in _CROWDED or mentions("too many clients", "too many connections", "connection slots are reserved"):
        return LedgerError(
            f"the database server of {name} has no connection left for this program ({reason}): close others that use "
            "it, or raise its max_connections, then try again; nothing was written"
        )
    if code in _CANCELLED:
        return LedgerLocked(
            f"{name} did not answer within its time limit ({reason}): wait until it has less to do, then try again; "
            "nothing was written"
        )
    if code in _NOT_READY or mentions("is starting up", "is shutting down", "in recovery mode"):
        return LedgerError(
            f"the database server of {name} is starting or stopping ({reason}): try again in a moment; nothing was "
            "written"
        )
    if mentions("NUL (0x00)", "null character", "0x00"):
        return LedgerError(
            "a text holds a NUL character, which no name, id or text of this database can have: leave it out; nothing "
            "was written"
        )
    if code == "28000" or (mentions('role "') and mentions("does not exist")):
        return LedgerError(f"{name} does not know this user ({reason}): check the user name in the URL, or create it")
    if error.connection_invalidated:
        return LedgerError(f"the connection to {name} was lost ({reason}): try again; nothing was written")
    if mentions("connection", "resolve host", "translate host", "timeout"):
        return LedgerError(
            f"the database server of {name} cannot be reached ({reason}): check host and port in the URL, and that "
            "the server runs; nothing was written"
        )
    return LedgerError(f"the concept ledger {name} could not be used: {reason}")


def not_committed(name: str, error: DBAPIError, outcome: str) -> LedgerError:
    """The error to raise for a connection that was lost while a write was committed, unless it was committed."""
    reason = _first_line(str(error.orig))
    if outcome == "aborted":
        return LedgerError(
            f"the connection to {name} was lost while a write was committed ({reason}), and the server has undone it: "
            "try again; nothing was written"
        )
    return WriteUnknown(
        f"the connection to {name} was lost while a write was committed ({reason}), and the server cannot be asked: it "
        "is not known whether it was written; look at the memory before you write the same again"
    )


def _first_line(reason: str) -> str:
    """Without the advice that a driver adds on further lines."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"
