"""Pool: values that are costly to make, of which those in use are kept, and the last used of the others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Lease(Generic[K, V]):
    """A value while somebody uses it. It is closed neither before the last lease has ended, nor by ending that.

    Attributes:
        key: of the value.
        value: it is there from the first `Pool.take` on.
    """

    def __init__(self, entry: _Entry[K, V], pool: Pool[K, V]) -> None:
        self.key, self.value = entry.key, entry.value
        self._entry: _Entry[K, V] | None = entry
        self._pool = pool

    def end(self) -> None:
        """The value is not used any more; `Pool.trim` may close it. A second call does nothing."""
        entry, self._entry = self._entry, None
        if entry is not None:
            self._pool._give_back(entry)


class _Entry(Generic[K, V]):
    value: V

    def __init__(self, key: K) -> None:
        self.key, self.users = key, 0
        self.making, self.made = Lock(), False


class Pool(Generic[K, V]):
    """Values by key, each made once however many ask for it at once. Safe to use from several threads.

    Args:
        most: values that are kept; those in use may be more.
        make: makes the value of a key; what it raises is raised to everybody who waits for it.
        close: releases a value, outside of every lock of the pool.
    """

    def __init__(self, most: int, make: Callable[[K], V], close: Callable[[V], None]) -> None:
        self._most, self._make, self._close = most, make, close
        self._entries: OrderedDict[K, _Entry[K, V]] = OrderedDict()
        self._leaving: list[_Entry[K, V]] = []
        self._lock = Lock()

    def __len__(self) -> int:
        """How many values are open, those among them that leave with their last user."""
        return len(self._entries) + len(self._leaving)

    def take(self, key: K) -> Lease[K, V]:
        """The value of a key, to be used until the lease ends. It may take as long as making it does."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry(key)
            self._entries.move_to_end(key)
            entry.users += 1
        try:
            with entry.making:
                if not entry.made:
                    entry.value, entry.made = self._make(key), True
        except BaseException:
            self._give_back(entry)
            raise
        finally:
            self.trim()
        return Lease(entry, self)

    @contextmanager
    def every(self) -> Iterator[list[Lease[K, V]]]:
        """All that is open, in use until this ends."""
        with self._lock:
            entries = [entry for entry in self._entries.values() if entry.made]
            for entry in entries:
                entry.users += 1
        leases = [Lease(entry, self) for entry in entries]
        try:
            yield leases
        finally:
            for lease in leases:
                lease.end()
            self.trim()

    def drop(self, key: K, value: V | None = None) -> None:
        """Lets go of a value, if it is still the one of this key: who uses it may finish, and nobody else gets it."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and (value is None or (entry.made and entry.value is value)):
                self._leaving.append(self._entries.pop(key))
        self.trim()

    @property
    def has_surplus(self) -> bool:
        """Whether `trim` would close something."""
        with self._lock:
            return bool(self._surplus())

    def trim(self) -> None:
        """Closes what is beyond the bound and in use by nobody, the longest unused first."""
        with self._lock:
            surplus = self._surplus()
            for entry in surplus:
                self._forget(entry)
        for entry in surplus:
            self._close(entry.value)

    def close(self) -> None:
        """Closes everything, in use or not."""
        with self._lock:
            entries = [entry for entry in (*self._entries.values(), *self._leaving) if entry.made]
            self._entries.clear()
            self._leaving.clear()
        for entry in entries:
            self._close(entry.value)

    def _surplus(self) -> list[_Entry[K, V]]:
        over = len(self._entries) - self._most
        idle = [entry for entry in self._entries.values() if entry.made and not entry.users] if over > 0 else []
        return [*(entry for entry in self._leaving if entry.made and not entry.users), *idle[: max(0, over)]]

    def _give_back(self, entry: _Entry[K, V]) -> None:
        with self._lock:
            entry.users -= 1
            if not entry.made and not entry.users:
                self._forget(entry)

    def _forget(self, entry: _Entry[K, V]) -> None:
        if self._entries.get(entry.key) is entry:
            del self._entries[entry.key]
        elif entry in self._leaving:
            self._leaving.remove(entry)
