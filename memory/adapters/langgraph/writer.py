"""ItemWriter: puts and deletes of items, checked, embedded, and committed, those of many callers together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from langgraph.store.base import PutOp

from pilotage.memory.adapters.langgraph.item_json import to_json
from pilotage.memory.adapters.langgraph.items import ItemDraft, ItemTable, ItemVectors, Writes
from pilotage.memory.adapters.langgraph.search import ItemSearch
from pilotage.memory.errors import InvalidItem
from pilotage.memory.ledger.ledger import Ledger


class ItemWriter:
    """Writes the items of one tenant.

    Args:
        ledger: in which they lie.
        table: of the tenant.
        search: embeds them.
        fields: paths into a value that searches see, where a put names none.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        ledger: Ledger,
        table: ItemTable,
        search: ItemSearch,
        fields: tuple[str, ...],
        clock: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._table = table
        self._search = search
        self._fields = fields
        self._clock = clock

    def read(self, ops: Iterable[PutOp]) -> Writes:
        """What some puts write, the last of each key. Raises InvalidItem."""
        return {(op.namespace, str(op.key)): self._draft(op) if op.value is not None else None for op in ops}

    def embedded(self, writes: Writes) -> ItemVectors | None:
        """The vectors of what is put; None without an embedder."""
        drafts = [draft for draft in writes.values() if draft is not None]
        vectors, embedder = self._search.embed(drafts), self._search.embedder
        return None if embedder is None else ItemVectors(embedder, vectors)

    def commit(self, calls: Sequence[Sequence[PutOp]]) -> list[Exception | None]:
        """Carries calls out in order, in as few transactions as may be; says what each of them raises.

        Raises:
            LedgerError: nothing can be written, and nothing was.
        """
        self._ledger.require_writable()
        outcomes: list[Exception | None] = [None] * len(calls)
        together: dict[int, Writes] = {}
        merged: Writes = {}
        for number, ops in enumerate(calls):
            try:
                writes = self.read(ops)
            except InvalidItem as error:
                outcomes[number] = error
                continue
            # A key that is put after it was deleted is a new item, so the delete is committed first.
            if any(draft is not None and merged.get(place, draft) is None for place, draft in writes.items()):
                self._commit_together(together, merged, outcomes)
                together, merged = {}, {}
            together[number] = writes
            merged.update(writes)
        if together:
            self._commit_together(together, merged, outcomes)
        return outcomes

    def _commit_together(self, calls: Mapping[int, Writes], merged: Writes, outcomes: list[Exception | None]) -> None:
        try:
            vectors = self.embedded(merged)
        except Exception as error:
            if len(calls) > 1:  # it may be the text of one of them
                for number, writes in calls.items():
                    self._commit_together({number: writes}, writes, outcomes)
            else:
                outcomes[next(iter(calls))] = error
            return
        try:
            with self._ledger.write() as connection:
                version = self._table.next_version(connection)
                self._table.write(connection, merged, vectors, self._clock(), version)
        except Exception as error:  # the items were checked: whatever it is, it is the matter of them all
            for number in calls:
                outcomes[number] = error

    def _draft(self, op: PutOp) -> ItemDraft:
        assert op.value is not None
        fields = None if op.index is False else self._fields if op.index is None else tuple(op.index)
        where = f"the value of '{op.key}'"
        return ItemDraft(op.namespace, str(op.key), to_json(op.value, where), fields, op.ttl)
