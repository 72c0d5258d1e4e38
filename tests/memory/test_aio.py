"""The asynchronous store: the same methods as the synchronous one, without blocking the loop."""

import asyncio
import inspect
import threading

import pytest

from pilotage.memory import AsyncConceptStore, ConceptStore
from pilotage.memory.embedders.embedder import HashEmbedder
from pilotage.memory.errors import InvalidConcept, LedgerError, UnknownConcept
from tests.memory.conftest import COST, GRID, SPELL

SYNC = {name: member for name, member in inspect.getmembers(ConceptStore) if not name.startswith("_")}
MADE_ASYNC_BY_HAND = {"open", "temporary", "close"}


class Gate(HashEmbedder):
    """Embeds only when the test lets it."""

    def __init__(self):
        super().__init__()
        self.open = threading.Event()
        self.inside = 0
        self.most = 0
        self._lock = threading.Lock()

    def embed(self, texts):
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        assert self.open.wait(300)
        with self._lock:
            self.inside -= 1
        return super().embed(texts)


@pytest.mark.parametrize("name", sorted(SYNC))
def test_both_stores_have_the_same_methods_with_the_same_signatures(name):
    mirrored = getattr(AsyncConceptStore, name)
    if name in MADE_ASYNC_BY_HAND:
        theirs, ours = (inspect.signature(one).parameters for one in (SYNC[name], mirrored))
        assert set(ours) - set(theirs) <= {"threads"} and set(theirs) <= set(ours)
        assert all(ours[key].default == theirs[key].default for key in theirs)
    else:
        assert inspect.iscoroutinefunction(mirrored)
        assert inspect.signature(mirrored) == inspect.signature(SYNC[name])
        assert mirrored.__doc__ == SYNC[name].__doc__


def test_it_has_no_method_of_its_own():
    assert {name for name in vars(AsyncConceptStore) if not name.startswith("_")} <= set(SYNC) | {"namespace"}


async def test_what_is_written_is_found_and_read_back_by_the_other_store(folder):
    async with AsyncConceptStore.open(folder, embedder="hash", namespace="mine") as store:
        assert store.namespace == "mine"
        ids = await asyncio.gather(*(store.add(draft, actor="test") for draft in (COST, SPELL, GRID)))
        hits = await store.search("rotate a matrix", limit=1)
        assert hits[0].concept.id == ids[2]
        await store.forget(ids[0])
        assert await store.count() == 2
    with ConceptStore.open(folder, embedder="hash", namespace="mine") as store:
        assert store.get(ids[0]).status == "retired"


async def test_errors_are_those_of_the_store(folder, tmp_path):
    async with AsyncConceptStore.temporary() as store:
        with pytest.raises(UnknownConcept, match="nowhere"):
            await store.get("nowhere")
        id = await store.add(COST)
        with pytest.raises(InvalidConcept, match="title"):
            await store.revise(id, {"title": ""})
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError):
        async with AsyncConceptStore.open(tmp_path / "file", embedder="hash"):
            pass


async def test_the_loop_stays_free_and_no_more_calls_run_at_once_than_asked(folder):
    gate = Gate()
    async with AsyncConceptStore.open(folder, embedder=gate, threads=2) as store:
        waiting = [asyncio.create_task(store.add(draft)) for draft in (COST, SPELL, GRID)]
        while gate.inside < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        gate.open.set()
        assert len(set(await asyncio.gather(*waiting))) == 3
        assert gate.most == 2


async def test_closing_waits_for_a_write_whose_task_was_cancelled(folder):
    gate = Gate()
    async with AsyncConceptStore.open(folder, embedder=gate) as store:
        write = asyncio.create_task(store.add(COST))
        while not gate.inside:
            await asyncio.sleep(0.01)
        write.cancel()
        with pytest.raises(asyncio.CancelledError):
            await write
        gate.open.set()
    with ConceptStore.open(folder, embedder="hash") as store:
        assert [concept.title for concept in store.all()] == [COST.title]
