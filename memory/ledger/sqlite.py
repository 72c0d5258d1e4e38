"""SQLite connections of the ledger: WAL mode where the file can be written, read-only where it cannot.

SQLite facts that shape this file: a write transaction must start with BEGIN IMMEDIATE, or two writers can
deadlock past the busy time-out; `synchronous=FULL` is what makes an acknowledged commit survive power loss in
WAL mode; switching a new file to WAL ignores the busy time-out; and a file in WAL mode cannot even be read in a folder
where SQLite may not make its files, unless the path says that nobody writes to it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, event

from pilotage.common.sqlite import switch_to_wal
from pilotage.memory.errors import LedgerReadOnly

WRITE = "pilotage_write"
FRESH = "pilotage_fresh"  # in a connection's info: not to be used again
_CACHE_KIB = 32_768  # of one connection, where it is needed; SQLite's own 2 MB make a search a fifth slower


def prepare_sqlite(engine: Engine, busy_seconds: float) -> None:
    """Let an engine open its connections so."""

    @event.listens_for(engine, "do_connect")
    def _connect(dialect: Any, record: Any, arguments: Any, options: dict[str, Any]) -> sqlite3.Connection:
        connection: sqlite3.Connection = dialect.connect(*arguments, **options)
        try:
            switch_to_wal(connection, busy_seconds)
        except sqlite3.OperationalError as error:
            connection.close()
            file = Path(str(arguments[0]))
            if options.get("uri") or not _is_read_only(error) or not file.is_file():
                raise
            connection = _open_read_only(file, busy_seconds, error)
            record.info[FRESH] = True
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        return connection

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get(WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _is_read_only(error: sqlite3.OperationalError) -> bool:
    return "readonly" in str(error) or "unable to open" in str(error)


def _open_read_only(file: Path, busy_seconds: float, reason: sqlite3.OperationalError) -> sqlite3.Connection:
    """The file as it is. Where no writer has its files beside it, nobody writes: SQLite learns that from the path."""
    ways = [f"file:{quote(str(file))}?mode=ro"]
    log = file.with_name(file.name + "-wal")
    unmerged = log.exists() and log.stat().st_size > 0
    if not unmerged:
        ways.append(f"{ways[0]}&immutable=1")
    for way in ways:
        try:
            connection = sqlite3.connect(way, timeout=busy_seconds, uri=True, check_same_thread=False)
        except sqlite3.OperationalError:
            continue
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return connection
        except sqlite3.OperationalError:
            connection.close()
    if unmerged:
        raise LedgerReadOnly(
            f"the concept ledger {file} was not closed by its last writer, and its folder cannot be written: open it "
            "once where it can, or copy the folder to such a place"
        )
    raise reason
