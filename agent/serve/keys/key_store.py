"""KeyStore: the keys of the server."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from pilotage.agent.errors import KeyStoreUnusable, UnknownKey, UsageError
from pilotage.agent.serve.keys.key import Key, NewKey, checked_name, checked_namespace, checked_scopes
from pilotage.agent.serve.keys.key_file import COLUMNS, LIMITS, SELECT, KeyFile
from pilotage.agent.serve.keys.limits import Limits
from pilotage.common.faults import first_fault
from pilotage.common.paths import data_dir, expanded
from pilotage.common.text import carriable, one_line

FILE = "serve.sqlite"
TOUCH_SECONDS = 60
"""Between two times that the use of a key is written down."""


class KeyStore:
    """Keys by the hash of their secret, in one file that processes and threads share.

    What was acknowledged is on disk; nothing is cached. The file is opened at first use. `create` makes it where it is
    not there, for its owner alone, and so the folder; a folder that is there is left as it is. By default it is
    `serve.sqlite` in the user's data folder. Where the file is removed or replaced while it is open, nothing is found
    in it any more.

    Args:
        path: the file.
        clock: the time, in seconds since 1970.

    Raises:
        KeyStoreUnusable: by every method, where the file cannot be used; the text names it and says what to do.
    """

    def __init__(self, path: Path | str | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.path = (data_dir() / FILE if path is None else expanded(path)).absolute()
        self._clock = clock
        self._file = KeyFile(self.path)

    def create(
        self,
        name: str,
        *,
        namespace: str | None = None,
        scopes: Iterable[str] = ("chat", "feedback"),
        learn: bool = False,
        per_user: bool = False,
        limits: Limits | None = None,
    ) -> NewKey:
        """Makes a key; see `Key` for what the arguments are. Its secret cannot be had again.

        Without a `namespace` it has one of its own, which its id names: two tenants share one where that is said alone.

        Raises:
            UsageError: a name, namespace or scope that no key may have.
        """
        secret = f"pk-{secrets.token_urlsafe(32)}"
        row: dict[str, Any] = {
            "hash": _hash(secret),
            "name": checked_name(name),
            "namespace": None if namespace is None else checked_namespace(namespace),
            "scopes": " ".join(checked_scopes(scopes)),
            "learn": learn,
            "per_user": per_user,
            **(limits or Limits()).model_dump(),
            "created": self._clock(),
        }
        with self._file.write(makes_file=True) as connection:
            row["id"] = _free_id(connection)
            row["namespace"] = row["namespace"] or row["id"]
            places = ", ".join(f":{column}" for column in row)
            connection.execute(f"INSERT INTO keys ({', '.join(row)}) VALUES ({places})", row)
            key = self._one(connection, row["id"])
        return NewKey(key, secret)

    def list(self) -> tuple[Key, ...]:
        """Every key, revoked ones too, oldest first."""
        with self._file.read() as connection:
            return tuple(map(self._key, connection.execute(f"{SELECT} ORDER BY created, rowid").fetchall()))

    def edit(
        self,
        id: str,
        *,
        name: str | None = None,
        scopes: Iterable[str] | None = None,
        learn: bool | None = None,
        limits: Mapping[str, int | None] | None = None,
    ) -> Key:
        """Changes what a key may do, from its next request on and in every process; what is None stays as it is.

        Its secret and namespace stay: who has the one is not moved into another tenant's memory.

        Args:
            id: of the key.
            name: what it is for.
            scopes: all that it opens from now on.
            learn: whether its conversations may teach the memory.
            limits: the ones to change by their names in `Limits`; None takes a limit away.

        Raises:
            UnknownKey: there is none of this id.
            UsageError: a name or scope that no key may have, or the key was revoked.
        """
        id, changes = carriable(id), dict[str, Any](limits or {})
        if name is not None:
            changes["name"] = checked_name(name)
        if scopes is not None:
            changes["scopes"] = " ".join(checked_scopes(scopes))
        if learn is not None:
            changes["learn"] = learn
        if not changes:
            raise UsageError("nothing was named that would change: give the key another name, scope or limit")
        Limits(**{limit: most for limit, most in changes.items() if limit in LIMITS})
        with self._file.write() as connection:
            if self._one(connection, id).revoked is not None:
                raise UsageError(f"the key '{one_line(id)}' was revoked, for good: make a new one")
            values = ", ".join(f"{column} = :{column}" for column in changes)
            connection.execute(f"UPDATE keys SET {values} WHERE id = :id", {**changes, "id": id})
            return self._one(connection, id)

    def namespaces(self) -> frozenset[str]:
        """The namespaces that keys have, revoked ones too; none where there is no store."""
        if not self.path.exists():
            return frozenset()
        with self._file.read() as connection:
            return frozenset(name for (name,) in connection.execute("SELECT DISTINCT namespace FROM keys").fetchall())

    def revoke(self, id: str) -> Key:
        """Makes a key invalid, at once and for good; one that was revoked before stays as it is.

        Raises:
            UnknownKey: there is none of this id.
        """
        id = carriable(id)
        with self._file.write() as connection:
            connection.execute("UPDATE keys SET revoked = ? WHERE id = ? AND revoked IS NULL", (self._clock(), id))
            return self._one(connection, id)

    def find(self, secret: str) -> Key | None:
        """The key of a secret, with its use written down; None where there is none, or it was revoked.

        It reads the file each time, so that a key that another process revoked is refused at once. How long that takes
        tells nothing of any secret: what is compared are hashes, and nobody can make a secret to a given hash.
        """
        with self._file.read() as connection:
            rows = connection.execute(f"{SELECT} WHERE hash = ?", (_hash(secret),)).fetchall()
            key = self._key(rows[0]) if rows else None
        if key is None or key.revoked is not None:
            return None
        now = self._clock()
        if key.last_used is None or abs(now - key.last_used.timestamp()) >= TOUCH_SECONDS:  # clocks are also set back
            # What a key may do does not depend on it: where it cannot be written now, the next request tries again.
            self._file.try_write("UPDATE keys SET last_used = ? WHERE id = ?", now, key.id)
        return key

    def close(self) -> None:
        """Closes the file; a later use opens it again."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _one(self, connection: sqlite3.Connection, id: str) -> Key:
        rows = connection.execute(f"{SELECT} WHERE id = ?", (id,)).fetchall()
        if not rows:
            raise UnknownKey(
                f"no key '{one_line(id)}' in {self.path}: `pilotage keys list` shows the ids that there are"
            )
        return self._key(rows[0])

    def _key(self, row: tuple[Any, ...]) -> Key:
        values = dict(zip(COLUMNS, row, strict=True))
        limits = {limit: values.pop(limit) for limit in LIMITS}
        try:
            return Key(**{**values, "scopes": tuple(str(values["scopes"]).split()), "limits": limits})
        except ValidationError as error:
            id, field = one_line(str(values["id"])), first_fault(error).place
            raise KeyStoreUnusable(
                f"the key {id} in {self.path} is damaged (its {field}): restore the file from a backup"
            ) from None


def _free_id(connection: sqlite3.Connection) -> str:
    while True:
        id = secrets.token_hex(4)
        if not connection.execute("SELECT 1 FROM keys WHERE :id IN (id, namespace)", {"id": id}).fetchall():
            return id


def _hash(secret: str) -> bytes:
    # A slow hash protects secrets that can be guessed. Nobody guesses 256 random bits, and every request asks for one.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
