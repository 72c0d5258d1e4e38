"""ResponseStore: the responses that a server keeps, in one SQLite file that processes share."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pilotage.agent.errors import PilotageError
from pilotage.agent.serve.responses.entries import FILE
from pilotage.agent.serve.responses.file import ResponseFile
from pilotage.common.paths import data_dir, expanded
from pilotage.common.retention import DAY
from pilotage.memory.ledger.erasures import Erased, digest, lineage

if TYPE_CHECKING:
    from pilotage.agent.serve.responses.items import Item
    from pilotage.memory.edits.erase import Erasure

log = logging.getLogger("pilotage.serve")

LONGEST_CHAIN = 10_000
"""Responses that one continues, directly or not."""

_MINE = "(namespace = :own OR substr(namespace, 1, length(:own) + 1) = :own || '/')"
"""A namespace and those of its users below it."""
_ALONE = "namespace = :own"
_CHAIN = f"""
WITH RECURSIVE chain (id, previous, bytes, depth) AS (
    SELECT id, previous, bytes, 0 FROM responses WHERE id = :id AND namespace = :own AND used >= :since
    UNION ALL
    SELECT older.id, older.previous, older.bytes, depth + 1
    FROM responses AS older JOIN chain ON older.id = chain.previous
    WHERE namespace = :own AND used >= :since AND depth < {LONGEST_CHAIN}
)
"""


class ConversationTooLong(PilotageError):
    """A conversation that is kept has more bytes than are taken of one."""


@dataclass(frozen=True)
class Kept:
    """A response that is kept: the object that its client got, the items of its own input, and whose it is."""

    body: dict[str, Any]
    input: tuple[Item, ...]
    namespace: str


class ResponseStore:
    """Responses by id and namespace. What was acknowledged is on disk, and survives a kill and a loss of power.

    A response is kept for some days after it was made or continued, and of each namespace the last ones only, up to a
    number and a size; the newest is kept whatever its size. The file is made at first use, for its owner alone. By
    default it is `responses.sqlite` in the user's data folder.

    Args:
        path: the file.
        days: that a response is kept for.
        most: responses of one namespace that are kept.
        most_bytes: of the responses of one namespace together.
        clock: the time, in seconds since 1970.

    Raises:
        ResponseStoreUnusable: by every method, where the file cannot be used; the text names it and says what to do.
    """

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        days: float = 30.0,
        most: int = 10_000,
        most_bytes: int = 2**30,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = (data_dir() / FILE if path is None else expanded(path)).absolute()
        self._seconds, self._most, self._most_bytes, self._clock = days * DAY, most, most_bytes, clock
        self._file = ResponseFile(self.path)

    @property
    def now(self) -> float:
        """The time, in seconds since 1970."""
        return self._clock()

    def keep(self, body: dict[str, Any], items: Sequence[Item], namespace: str, begun: float) -> bool:
        """Keeps a response with the items of its input, and forgets those that are too old or too many.

        Args:
            body: the response.
            items: of its own input.
            namespace: whose it is.
            begun: when its conversation was read. Where the namespace was erased since, nothing is kept, and the result
                is false.
        """
        now = self.now
        rows = [(0, {**body, "output": []}), *((0, item) for item in items), *((1, item) for item in body["output"])]
        lines = [(body["id"], place, of, one["id"], json.dumps(one)) for place, (of, one) in enumerate(rows, -1)]
        with self._file.used("BEGIN IMMEDIATE") as connection:
            if _is_erased(connection, namespace, begun):
                return False
            connection.execute(
                "INSERT INTO responses VALUES (?, ?, ?, ?, ?, ?)",
                (body["id"], namespace, body["previous_response_id"], now, begun, sum(len(text) for *_, text in lines)),
            )
            connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?)", lines)
            if (previous := body["previous_response_id"]) is not None:
                about = {"id": previous, "own": namespace, "since": now - self._seconds, "now": now}
                connection.execute(
                    f"{_CHAIN} UPDATE responses SET used = :now WHERE id IN (SELECT id FROM chain)", about
                )
            for forgotten in ("responses WHERE used", "erasures WHERE at"):
                connection.execute(f"DELETE FROM {forgotten} < ?", (now - self._seconds,))
            connection.execute(
                "DELETE FROM responses WHERE id IN (SELECT id FROM responses WHERE namespace = ? "
                "ORDER BY used DESC, rowid DESC LIMIT -1 OFFSET ?)",
                (namespace, self._most),
            )
            self._bound_bytes(connection, namespace, body["id"])
        return True

    def _bound_bytes(self, connection: sqlite3.Connection, namespace: str, newest: str) -> None:
        """Forgets what is used least of a namespace until the rest has no more bytes than are kept."""
        (total,) = connection.execute("SELECT sum(bytes) FROM responses WHERE namespace = ?", (namespace,)).fetchone()
        if total > self._most_bytes:
            connection.execute(
                "DELETE FROM responses WHERE id IN (SELECT id FROM (SELECT id, sum(bytes) OVER (ORDER BY used DESC, "
                "rowid DESC) AS with_newer FROM responses WHERE namespace = ?) WHERE with_newer > ? AND id != ?)",
                (namespace, self._most_bytes, newest),
            )

    def find(self, id: str, namespace: str) -> Kept | None:
        """A response of a namespace, or of one of its users; None where there is none."""
        about = {"id": id, "own": namespace, "since": self._since}
        with self._file.used() as connection:
            rows = connection.execute(
                "SELECT namespace, output, body FROM responses JOIN items ON response = responses.id "
                f"WHERE responses.id = :id AND used >= :since AND {_MINE} ORDER BY place",
                about,
            ).fetchall()
        if not rows:
            return None
        (whose, _, body), *items = rows
        read = [(output, json.loads(one)) for _, output, one in items]
        return Kept(
            {**json.loads(body), "output": [item for output, item in read if output]},
            tuple(item for output, item in read if not output),
            whose,
        )

    def conversation(self, id: str, namespace: str, most_bytes: int = 2**24) -> tuple[Item, ...] | None:
        """All items up to the end of a response of a namespace, with those that it continues.

        None where the response, or one that it continues, is not there.

        Raises:
            ConversationTooLong: they have more bytes than are taken.
        """
        about = {"id": id, "own": namespace, "since": self._since}
        with self._file.used() as connection:
            chain = connection.execute(
                f"{_CHAIN} SELECT previous, sum(bytes) OVER () FROM chain ORDER BY depth DESC LIMIT 1", about
            ).fetchone()
            if chain is None or chain[0] is not None:
                return None
            if chain[1] > most_bytes:
                raise ConversationTooLong(
                    f"the conversation has {chain[1]} bytes, and at most {most_bytes} are taken: begin a new one"
                )
            rows = connection.execute(
                f"{_CHAIN} SELECT items.body FROM items JOIN chain ON response = chain.id "
                "WHERE place >= 0 ORDER BY depth DESC, place",
                about,
            ).fetchall()
        return tuple(json.loads(body) for (body,) in rows)

    def item(self, id: str, namespace: str) -> Item | None:
        """An item of a response of a namespace; None where there is none."""
        with self._file.used() as connection:
            row = connection.execute(
                "SELECT items.body FROM items JOIN responses ON responses.id = response "
                "WHERE items.id = ? AND place >= 0 AND namespace = ? AND used >= ? ORDER BY used DESC LIMIT 1",
                (id, namespace, self._since),
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def delete(self, id: str, namespace: str) -> bool:
        """Deletes a response of a namespace, or of one of its users; whether there was one."""
        with self._file.used("BEGIN IMMEDIATE") as connection:
            about = {"id": id, "own": namespace}
            return connection.execute(f"DELETE FROM responses WHERE id = :id AND {_MINE}", about).rowcount > 0

    def count(self, namespace: str, *, below: bool = True) -> int:
        """How many responses there are of a namespace, with its users' `below` it."""
        with self._file.used() as connection:
            (count,) = connection.execute(
                f"SELECT count(*) FROM responses WHERE {_MINE if below else _ALONE}", {"own": namespace}
            ).fetchone()
        return int(count)

    def erase(self, namespace: str, *, below: bool = True) -> Erasure:
        """Deletes all responses of a namespace, with its users' `below` it, and overwrites what they took.

        What is under way brings nothing back.
        """
        from pilotage.memory.edits.erase import Erasure

        about, at, mine = {"own": namespace}, self.now, _MINE if below else _ALONE
        with self._file.used("BEGIN IMMEDIATE") as connection:
            listed = connection.execute(f"SELECT namespace, count(*) FROM responses WHERE {mine} GROUP BY 1", about)
            gone = dict(listed.fetchall())
            connection.execute(f"DELETE FROM responses WHERE {mine}", about)
            _note_erasure(connection, digest(namespace), at, below=below)
        counts = {"responses": sum(gone.values())} if gone else {}
        names = (namespace, *sorted(gone.keys() - {namespace}))
        stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
        return Erasure(digest(namespace), stamp, counts, names, self._file.clear_log())

    def follow(self, erased: Sequence[Erased]) -> None:
        """Deletes what was begun before its namespace was erased elsewhere: by another process, or on another host.

        Each erasure is followed once, so that what was begun after it stays. What clocks of two hosts differ by is not
        looked through.
        """
        stones: dict[str, list[Erased]] = {}
        for one in erased:
            stones.setdefault(one.digest, []).append(one)
        if not stones:
            return
        with self._file.used("BEGIN IMMEDIATE") as connection:
            gone = 0
            for (name,) in connection.execute("SELECT DISTINCT namespace FROM responses").fetchall():
                own, *above = lineage(name)
                covering = [*stones.get(own, ()), *(one for each in above for one in stones.get(each, ()) if one.below)]
                at = max((one.at for one in covering), default=None)
                if at is None or _is_erased(connection, name, at):
                    continue
                deleted = connection.execute("DELETE FROM responses WHERE namespace = ? AND begun <= ?", (name, at))
                gone += deleted.rowcount
            for one in erased:  # also of a namespace that has none yet: one may be under way
                _note_erasure(connection, one.digest, one.at, below=one.below)
        if gone:
            for sentence in self._file.clear_log():
                log.warning("%s", sentence)

    def check(self) -> None:
        """Opens the file, so that what it has to say is said before a response is paid for."""
        with self._file.used():
            pass

    def close(self) -> None:
        """Closes the file; a later use opens it again."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _since(self) -> float:
        return self._clock() - self._seconds


def _is_erased(connection: sqlite3.Connection, namespace: str, since: float) -> bool:
    """Whether a namespace was erased at a time or later, by itself or with one that it lies below."""
    own, *above = lineage(namespace)
    query = (
        f"SELECT 1 FROM erasures WHERE at >= ? AND (digest = ? OR below AND digest IN ({','.join('?' * len(above))}))"
    )
    return connection.execute(query, (since, own, *above)).fetchone() is not None


def _note_erasure(connection: sqlite3.Connection, digest: str, at: float, *, below: bool) -> None:
    """Says that a namespace was erased, by the hash of its name, so that nothing begun before is kept."""
    connection.execute(
        "INSERT INTO erasures VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
        (digest, below, at),
    )
