"""PilotageStore: a LangGraph `BaseStore` on a concept store, so that any LangGraph agent can use it.

    with PilotageStore.open("memory", fields=["text"]) as store:
        store.put(("users", "ada"), "likes", {"text": "short proofs"})
        store.search(("users", "ada"), query="what does she like?")

Items are durable and lie in the ledger's database, SQLite or PostgreSQL. Several processes may use it. The path
("concepts", NAMESPACE) shows the store's concepts as items; see `pilotage.memory.adapters.langgraph.concept_items`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, Self, Unpack

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    validate_op_namespace,
)

from pilotage.memory.adapters.langgraph.concept_items import ConceptItems
from pilotage.memory.adapters.langgraph.filter import check_filter, passes, path_matches
from pilotage.memory.adapters.langgraph.group_commit import GroupCommit
from pilotage.memory.adapters.langgraph.items import CONCEPTS, ItemTable, Path, StoredItem
from pilotage.memory.adapters.langgraph.search import ItemSearch
from pilotage.memory.adapters.langgraph.writer import ItemWriter
from pilotage.memory.errors import InvalidItem, LedgerError, LedgerReadOnly
from pilotage.memory.ledger.bounds import rows
from pilotage.memory.store import ConceptStore, Opening

_log = logging.getLogger(__name__)
_LONGEST_TTL = 1e12  # minutes, two million years; None is for ever


class PilotageStore(BaseStore):
    """Behaves as LangGraph's `InMemoryStore` does, except where that loses data or repeats items.

    In one batch all reads see the state before its writes, and of two writes to one key the last counts. Everything is
    checked before anything is written, and all writes are one transaction.

    Args:
        store: the concept store; closing this closes it.
        fields: paths into an item's value that searches see, unless `put` names others; "$" is the whole value.
        ttl: LangGraph's time-to-live settings, in minutes. Expired items are never returned, unless `omit_expired` is
            False; they are deleted by `sweep_ttl`, which `start_ttl_sweeper` calls regularly.
        actor: who is recorded to have changed concepts.
        clock: seconds since 1970.
    """

    supports_ttl = True

    def __init__(
        self,
        store: ConceptStore,
        *,
        fields: Sequence[str] = ("$",),
        ttl: TTLConfig | None = None,
        actor: str = "langgraph",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.concepts = store
        self.ttl_config = ttl
        self._ledger, vectors = store._ledger, store._vectors  # another door of the same house
        self._fields = tuple(fields)
        self._clock = clock
        self._table = ItemTable(store.namespace)
        self._search = ItemSearch(self._ledger, vectors, self._table)
        self._view = ConceptItems(store, self._table, actor)
        self._writer = ItemWriter(self._ledger, self._table, self._search, self._fields, clock)
        self._puts = GroupCommit(self._writer.commit)
        self._sweeper: threading.Thread | None = None
        self._sweeper_stopped = threading.Event()

    @classmethod
    def open(
        cls,
        path_or_url: str | FilePath,
        *,
        fields: Sequence[str] = ("$",),
        ttl: TTLConfig | None = None,
        **how: Unpack[Opening],
    ) -> Self:
        """Open the store in a folder or database, with what `ConceptStore.open` takes.

        Without an embedder queries only list.
        """
        return cls(ConceptStore.open(path_or_url, **how), fields=fields, ttl=ttl)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the sweeper and close the concept store."""
        self.stop_ttl_sweeper()
        self.concepts.close()

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out some operations; see `BaseStore`.

        Raises:
            InvalidItem: an operation cannot be carried out; then none was.
            InvalidConcept: what is put among the concepts is not one; then nothing was written.
        """
        ops = [_checked(op) for op in ops]
        writes = {(op.namespace, str(op.key)): op for op in ops if isinstance(op, PutOp)}
        write = self._prepare(list(writes.values()))
        results = [None if isinstance(op, PutOp) else self._read(op) for op in ops]
        write()
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """`batch`, in a thread; calls at the same time that only write items are one transaction.

        Each returns after its commit. Of writes to one key the one that was called last counts. One that cannot be
        carried out fails alone.
        """
        ops = [_checked(op) for op in ops]
        puts = [op for op in ops if isinstance(op, PutOp) and op.namespace[:1] != (CONCEPTS,)]
        if not puts or len(puts) < len(ops):  # what reads sees no write of others that is not committed yet
            return await asyncio.to_thread(self.batch, ops)
        await self._puts(puts)
        return [None] * len(puts)

    def sweep_ttl(self) -> int:
        """Delete expired items; returns how many."""
        with self._ledger.write() as connection:
            gone = self._table.sweep(connection, self._clock())
            if gone:
                self._table.next_version(connection)
        return gone

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> None:
        """Sweep every so many minutes in a thread, until the store is closed; nothing where one runs already.

        Args:
            sweep_interval_minutes: taken from the settings when it is not given, else 5.

        Raises:
            StoreClosed: the store was closed.
        """
        with self._ledger.read():
            pass  # a store that was closed raises now, and not in the thread
        if self._sweeper is None:
            minutes = sweep_interval_minutes or (self.ttl_config or {}).get("sweep_interval_minutes") or 5
            self._sweeper_stopped.clear()
            self._sweeper = threading.Thread(
                target=self._sweep_every, args=(minutes * 60,), name="ttl-sweeper", daemon=True
            )
            self._sweeper.start()

    def stop_ttl_sweeper(self) -> None:
        """Stop the thread and wait for its end."""
        self._sweeper_stopped.set()
        if self._sweeper is not None:
            self._sweeper.join()
            self._sweeper = None

    def _sweep_every(self, seconds: float) -> None:
        while not self._sweeper_stopped.wait(seconds):
            try:
                self.sweep_ttl()
            except LedgerError as error:  # the ledger is busy, for example: the next turn comes
                _log.warning("expired items were not deleted this time: %s", error)

    def _alive_at(self) -> float | None:
        return self._clock() if (self.ttl_config or {}).get("omit_expired", True) else None

    def _read(self, op: Op) -> Result:
        if isinstance(op, GetOp):
            return self._get(op)
        return self._find(op) if isinstance(op, SearchOp) else self._list(op)

    def _get(self, op: GetOp) -> Item | None:
        if op.namespace[:1] == (CONCEPTS,):
            item = self._view.get(op.namespace, str(op.key))
        else:
            with self._ledger.read() as connection:
                item = self._table.get(connection, op.namespace, str(op.key), self._alive_at())
            if item is not None and op.refresh_ttl:
                self._refresh([item.id])
        return Item(**_fields_of(item)) if item is not None else None

    def _find(self, op: SearchOp) -> list[SearchItem]:
        if op.namespace_prefix[:1] == (CONCEPTS,):
            pairs = self._view.search(op.namespace_prefix, op.query, op.filter, op.limit, op.offset)
            return [SearchItem(**_fields_of(item), score=score) for item, score in pairs]
        alive_at = self._alive_at()
        if op.query and self._search.embedder is not None:
            wide = slice(op.offset, op.offset + op.limit)
            page = self._search.rank(op.query, op.namespace_prefix, op.filter, alive_at, wide)
            with self._ledger.read() as connection:
                items = self._table.load(connection, list(page))
        else:
            with self._ledger.read() as connection:
                items = {item.id: item for item in self._matching(connection, op, alive_at)}
            page = dict.fromkeys(items)
        if op.refresh_ttl:
            self._refresh(list(items))
        return [SearchItem(**_fields_of(items[id_]), score=score) for id_, score in page.items() if id_ in items]

    def _matching(self, connection: Any, op: SearchOp, alive_at: float | None) -> list[StoredItem]:
        if not op.filter:
            return self._table.page(connection, op.namespace_prefix, alive_at, op.limit, op.offset)
        values = self._table.values(connection, op.namespace_prefix, alive_at)
        page = [id_ for id_, value in values if passes(value, op.filter)][op.offset : op.offset + op.limit]
        items = self._table.load(connection, page)
        return [items[id_] for id_ in page]

    def _list(self, op: Op) -> list[Path]:
        assert isinstance(op, ListNamespacesOp), "checked before"
        with self._ledger.read() as connection:
            paths = self._table.paths(connection, self._alive_at())
        listed = {
            path[: op.max_depth]
            for path in paths + self._view.paths()
            if all(path_matches(path, one.match_type, one.path) for one in op.match_conditions or ())
        }
        return sorted(listed)[op.offset : op.offset + op.limit]

    def _refresh(self, ids: list[int]) -> None:
        with self._ledger.read() as connection:
            if not self._table.any_expiring(connection, ids):
                return
        try:
            with self._ledger.write() as connection:
                self._table.touch(connection, ids, self._clock(), self._table.next_version(connection))
        except LedgerReadOnly:
            return  # who may only read is no reason for an item to live longer, and may read it all the same

    def _prepare(self, ops: list[PutOp]) -> Callable[[], None]:
        """Check and embed what is to be written; the result writes it."""
        if ops:
            self._ledger.require_writable()
        changes = self._view.prepare(
            [(op.namespace, str(op.key), op.value) for op in ops if op.namespace[:1] == (CONCEPTS,)]
        )
        writes = self._writer.read(op for op in ops if op.namespace[:1] != (CONCEPTS,))
        vectors = self._writer.embedded(writes)

        def write() -> None:
            if not ops:
                return
            with self._ledger.write() as connection:
                version = self._table.next_version(connection)
                self._view.write(connection, changes, version)
                self._table.write(connection, writes, vectors, self._clock(), version)

        return write


def _checked(op: Op) -> Op:
    """The operation, with a limit and an offset that a database can count to. Raises InvalidItem."""
    if not isinstance(op, GetOp | SearchOp | PutOp | ListNamespacesOp):
        raise InvalidItem(f"unknown operation {type(op).__name__}: use GetOp, SearchOp, PutOp or ListNamespacesOp")
    validate_op_namespace(op)
    if isinstance(op, SearchOp):
        if op.filter is not None and not isinstance(op.filter, Mapping):
            raise InvalidItem(f"a filter is an object of fields and values, not {type(op.filter).__name__}")
        check_filter(op.filter)
    if isinstance(op, SearchOp | ListNamespacesOp):
        for name, number in (("limit", op.limit), ("offset", op.offset)):
            if not isinstance(number, int) or number < 0:
                raise InvalidItem(f"{name} {number!r} must not be negative, and a whole number")
        return op._replace(limit=rows(op.limit), offset=rows(op.offset))
    if isinstance(op, PutOp):
        _check_put(op)
    return op


def _check_put(op: PutOp) -> None:
    if op.ttl is not None and (not isinstance(op.ttl, int | float) or not 0 < op.ttl <= _LONGEST_TTL):
        raise InvalidItem(
            f"a time to live of {op.ttl!r} is no number of minutes above 0 and up to {_LONGEST_TTL:.0e}: "
            "give None for no end"
        )
    index: Any = op.index
    if index not in (None, False) and not (
        isinstance(index, list | tuple) and all(isinstance(field, str) for field in index)
    ):
        raise InvalidItem(f"'index' is a list of paths into the value, False for none or None, not {index!r}")


def _fields_of(item: StoredItem) -> dict[str, Any]:
    fields = {name: value for name, value in vars(item).items() if name not in ("id", "path")}
    return {"namespace": item.path, **fields}
