"""ItemWriter: puts and deletes of items, checked, embedded, and committed, those of many callers together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from langgraph.store.base import PutOp

from pilotage.memory.adapters.langgraph.item_json import to_json
from pilotage.memory.adapters.langgraph.items import ItemDraft, ItemTable, ItemVectors, Writes
from pilotage.memory.adapters.langgraph.search import ItemSearch
from pilotage.memory.errors import (
    InvalidItem,
    LedgerLocked,
    LedgerReadOnly,
    NamespaceErased,
    NewerSchema,
    StoreClosed,
    WriteUnknown,
)
from pilotage.memory.ledger.ledger import Ledger

_OF_ALL = (LedgerLocked, LedgerReadOnly, NamespaceErased, NewerSchema, StoreClosed, WriteUnknown)
"""Errors of the ledger that no item causes. After the last of them nothing is written twice: it may be there."""

_Group = dict[int, Writes]
"""What some calls write, by their numbers."""


@dataclass(frozen=True)
class _Failure:
    """Why a group was not committed.

    Attributes:
        error: that was raised.
        attempt: does the same with nothing of anybody's; raises where it is of no call that it fails.
        concerns: whether it fails for what a call writes, where it is of none.
    """

    error: Exception
    attempt: Callable[[], None]
    concerns: Callable[[Writes], bool]

    def is_of_all(self) -> bool:
        """Whether it is of no call."""
        if isinstance(self.error, _OF_ALL):
            return True
        try:
            self.attempt()
        except Exception:
            return True
        return False


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

        Where a transaction fails, its halves are tried, so that a call that cannot be carried out fails alone. What is
        of no call, such as an embedder that cannot be reached, is found out once, and told to all whom it concerns.

        Raises:
            LedgerError: nothing can be written, and nothing was.
        """
        self._ledger.require_writable()
        outcomes: list[Exception | None] = [None] * len(calls)
        waiting = deque(self._groups(calls, outcomes))
        while waiting:
            group = waiting.popleft()
            failure = self._failure(group)
            if failure is None:
                continue
            if (len(group) > 1 or waiting) and failure.is_of_all():
                concerned = {n for one in (group, *waiting) for n, writes in one.items() if failure.concerns(writes)}
                for number in concerned:
                    outcomes[number] = failure.error
                left = [{n: one[n] for n in one if n not in concerned} for one in (group, *waiting)]
                waiting = deque(one for one in left if one)
            elif len(group) > 1:
                numbers = list(group)
                halves = numbers[len(numbers) // 2 :], numbers[: len(numbers) // 2]
                waiting.extendleft({number: group[number] for number in half} for half in halves)
            else:
                outcomes[next(iter(group))] = failure.error
        return outcomes

    def _groups(self, calls: Sequence[Sequence[PutOp]], outcomes: list[Exception | None]) -> Iterator[_Group]:
        """What can be one transaction; notes what a call that cannot be read raises."""
        group: _Group = {}
        last: Writes = {}
        for number, ops in enumerate(calls):
            try:
                writes = self.read(ops)
            except InvalidItem as error:
                outcomes[number] = error
                continue
            # A key that is put after it was deleted is a new item, so the delete is committed first.
            if any(draft is not None and last.get(place, draft) is None for place, draft in writes.items()):
                yield group
                group, last = {}, {}
            group[number] = writes
            last.update(writes)
        if group:
            yield group

    def _failure(self, group: _Group) -> _Failure | None:
        """Commits a group; why it could not be, None where it was."""
        writes = {place: draft for one in group.values() for place, draft in one.items()}
        try:
            vectors = self.embedded(writes)
        except Exception as error:
            return _Failure(error, self._search.try_embedder, self._search.sees)
        try:
            with self._ledger.write() as connection:
                version = self._table.next_version(connection)
                self._table.write(connection, writes, vectors, self._clock(), version)
        except Exception as error:
            return _Failure(error, self._try_ledger, lambda writes: True)
        return None

    def _try_ledger(self) -> None:
        with self._ledger.write() as connection:
            self._table.next_version(connection)

    def _draft(self, op: PutOp) -> ItemDraft:
        assert op.value is not None
        fields = None if op.index is False else self._fields if op.index is None else tuple(op.index)
        where = f"the value of '{op.key}'"
        return ItemDraft(op.namespace, str(op.key), to_json(op.value, where), fields, op.ttl)
