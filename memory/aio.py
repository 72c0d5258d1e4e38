"""AsyncConceptStore: `ConceptStore` for asyncio. Each method is the synchronous one, run in a thread.

async with AsyncConceptStore.open("memory") as store:
    id = await store.add(ConceptDraft(title="Total cost"))
    await store.search("what do they pay in all?")
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, Unpack

from pilotage.memory.embedders.embedder import Embedder
from pilotage.memory.errors import StoreClosed
from pilotage.memory.store import ConceptStore, Opening

_P = ParamSpec("_P")
_T = TypeVar("_T")

THREADS = 4


def _in_thread(
    method: Callable[Concatenate[ConceptStore, _P], _T],
) -> Callable[Concatenate[AsyncConceptStore, _P], Coroutine[Any, Any, _T]]:
    @functools.wraps(method)
    async def mirrored(self: AsyncConceptStore, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await self._run(functools.partial(method, self.store, *args, **kwargs))

    return mirrored


class AsyncConceptStore:
    """Safe to use from many tasks at once. A task that is cancelled stops waiting; what it began is still done.

    Open it with `AsyncConceptStore.open` or `AsyncConceptStore.temporary`, or wrap a store that is open and stays the
    caller's to close.

    Args:
        store: the store.
        threads: how many calls run at once; further ones wait their turn.
    """

    def __init__(self, store: ConceptStore, *, threads: int = THREADS) -> None:
        self.store = store
        self._closed = False
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="memory")

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path_or_url: str | Path, *, threads: int = THREADS, **how: Unpack[Opening]
    ) -> AsyncIterator[Self]:
        """`ConceptStore.open` for `async with`, with what that takes: opened and closed in a thread."""
        async with cls._opened(functools.partial(ConceptStore.open, path_or_url, **how), threads) as store:
            yield store

    @classmethod
    @asynccontextmanager
    async def temporary(cls, *, embedder: str | Embedder = "hash", threads: int = THREADS) -> AsyncIterator[Self]:
        """`ConceptStore.temporary` for `async with`."""
        async with cls._opened(functools.partial(ConceptStore.temporary, embedder=embedder), threads) as store:
            yield store

    @property
    def namespace(self) -> str:
        """Whose concepts."""
        return self.store.namespace

    warm = _in_thread(ConceptStore.warm)
    count = _in_thread(ConceptStore.count)
    is_empty = _in_thread(ConceptStore.is_empty)
    get = _in_thread(ConceptStore.get)
    find_id = _in_thread(ConceptStore.find_id)
    all = _in_thread(ConceptStore.all)
    browse = _in_thread(ConceptStore.browse)
    search = _in_thread(ConceptStore.search)
    recall = _in_thread(ConceptStore.recall)
    render = _in_thread(ConceptStore.render)
    add = _in_thread(ConceptStore.add)
    add_many = _in_thread(ConceptStore.add_many)
    propose = _in_thread(ConceptStore.propose)
    revise = _in_thread(ConceptStore.revise)
    vouch = _in_thread(ConceptStore.vouch)
    forget = _in_thread(ConceptStore.forget)
    restore = _in_thread(ConceptStore.restore)
    history = _in_thread(ConceptStore.history)
    titles = _in_thread(ConceptStore.titles)
    events = _in_thread(ConceptStore.events)
    at = _in_thread(ConceptStore.at)
    undo = _in_thread(ConceptStore.undo)
    undo_run = _in_thread(ConceptStore.undo_run)
    namespaces = _in_thread(ConceptStore.namespaces)
    types_of = _in_thread(ConceptStore.types_of)
    repeat = _in_thread(ConceptStore.repeat)
    dispute = _in_thread(ConceptStore.dispute)
    promote = _in_thread(ConceptStore.promote)
    merge = _in_thread(ConceptStore.merge)
    record_outcome = _in_thread(ConceptStore.record_outcome)
    record_outcomes = _in_thread(ConceptStore.record_outcomes)
    credit = _in_thread(ConceptStore.credit)
    prune = _in_thread(ConceptStore.prune)
    export = _in_thread(ConceptStore.export)
    import_ = _in_thread(ConceptStore.import_)
    reindex = _in_thread(ConceptStore.reindex)
    erase = _in_thread(ConceptStore.erase)
    tombstones = _in_thread(ConceptStore.tombstones)
    is_erased = _in_thread(ConceptStore.is_erased)
    is_known = _in_thread(ConceptStore.is_known)
    finish_erasures = _in_thread(ConceptStore.finish_erasures)
    stats = _in_thread(ConceptStore.stats)
    doctor = _in_thread(ConceptStore.doctor)

    async def close(self) -> None:
        """Wait for the calls under way, then close the store."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)
        await asyncio.to_thread(self.store.close)

    async def _run(self, call: Callable[[], _T]) -> _T:
        self.store._ledger.database.require_own_process()  # the pool's threads stayed with the parent
        if self._closed:
            raise StoreClosed("this memory was closed: open it again to use it")
        context = contextvars.copy_context()  # as asyncio.to_thread does, for tracing
        return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, call)

    @classmethod
    @asynccontextmanager
    async def _opened(cls, make: Callable[[], ConceptStore], threads: int) -> AsyncIterator[Self]:
        store = cls(await asyncio.to_thread(make), threads=threads)
        try:
            yield store
        finally:
            await store.close()
