"""One contract for every backend: the same calls give the same results, wherever concepts and vectors live."""

from contextlib import ExitStack

import pytest

from pilotage.memory.concept import ConceptDraft
from pilotage.memory.embedders.embedder import HashEmbedder
from pilotage.memory.errors import StaleConcept, UnknownConcept
from pilotage.memory.search.chroma import ChromaIndex
from pilotage.memory.search.exact_scan import VectorScan
from pilotage.memory.search.keywords import drift
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL
from tests.together import pool_of

VOWELS = ConceptDraft(title="Count vowels", cues=("how many vowels a word has",), implementation=("print(n)",))
BACKENDS = {
    "sqlite and embedded chroma": ChromaIndex,
    "sqlite beside the owner": VectorScan,
    "sqlite by url": VectorScan,
    "sqlite and a chroma server": ChromaIndex,
    "postgresql": VectorScan,
    "postgresql and a chroma server": ChromaIndex,
    "temporary": ChromaIndex,
}


class Backend:
    """Opens stores on one ledger, each time the same way; all are closed at the end of the test."""

    def __init__(self, name, stack, folder, postgres_url, chroma_url):
        self.name = name
        self._stack = stack
        self._chroma_url = chroma_url if "server" in name else None
        self._where = postgres_url if "postgresql" in name else folder
        if name == "sqlite by url":
            folder.mkdir()
            self._where = f"sqlite:///{folder / 'ledger.sqlite'}"
        if name == "sqlite beside the owner":
            stack.enter_context(ConceptStore.open(folder, embedder="hash"))._vectors.warm()

    def open(self, *, embedder="hash", namespace="default"):
        if self.name == "temporary":
            return self._stack.enter_context(ConceptStore.temporary(embedder=embedder))
        return self._stack.enter_context(
            ConceptStore.open(self._where, embedder=embedder, namespace=namespace, index=self._chroma_url)
        )

    @property
    def keeps(self):
        return self.name != "temporary"


@pytest.fixture(params=list(BACKENDS))
def backend(request, folder):
    postgres_url = request.getfixturevalue("postgres_url") if "postgresql" in request.param else None
    chroma_url = request.getfixturevalue("chroma_url") if "server" in request.param else None
    with ExitStack() as stack:
        yield Backend(request.param, stack, folder, postgres_url, chroma_url)


def names(store, ids):
    titles = {concept.id: concept.title for concept in store.all(retired=True)}
    return [titles[id] for id in ids]


def best(store, query):
    return store.search(query, limit=1)[0].concept.title


def session(store):
    """A long use of a store, told without ids, times and keyword scores: those differ, and nothing else may."""
    told = []

    def tell(*words):
        told.append(words)

    ids = store.add_many([COST, SPELL, GRID], actor="anna", cause="t1", run="r1")
    tell("duplicate", store.add(COST) == ids[0], store.get(ids[0]).seen)
    tell("near", store.add(COST.model_copy(update={"title": COST.title + "."})) == ids[0])
    ids.append(store.add(VOWELS, run="r2", status="trusted"))
    for query in ("total cost of a purchase", "rotate a square matrix", "spell words backwards", "vowels in a word"):
        hits = store.search(query, limit=10)
        tell(query, hits[0].concept.title, {hit.concept.title: round(hit.similarity, 4) for hit in hits})
        tell("recall", names(store, store.recall(query, limit=1).ids))
    tell("nothing", store.recall("zyx qwv").abstained, store.search("zyx qwv", limit=0))
    store.revise(ids[2], {"title": "Mirror a table", "cues": ["a table has to be mirrored"]}, run="r2")
    tell("revised", best(store, "mirror the table"), store.get(ids[2]).version)
    store.record_outcome(ids[:2], "recalled", run="r2")
    store.record_outcome(ids[:1], "helped", run="r2")
    tell("outcomes", [concept.outcomes.model_dump() for concept in store.all()])
    store.forget(ids[1])
    tell("forgotten", store.count(), best(store, "spell each word of the sentence backwards") != SPELL.title)
    store.restore(ids[1])
    tell("restored", best(store, "spell each word of the sentence backwards"))
    store.merge(ids[0], [ids[3]], run="r3")
    tell("merged", [(concept.title, concept.status) for concept in store.all(retired=True)])
    store.undo_run("r3")
    store.undo_run("r2")
    tell("undone", [(concept.title, concept.status, concept.version) for concept in store.all(retired=True)])
    tell("found again", best(store, "rotate a square matrix clockwise"), store.get(ids[0]).outcomes.model_dump())
    tell("at", [(concept.title, concept.seen) for concept in store.at(store.events(1, since=3)[0].seq)])
    tell("events", [(event.action, event.actor, event.cause, event.run) for event in store.events(None)])
    tell("changes", [{k: v for k, v in event.changes.items() if k != "replaced_by"} for event in store.events(None)])
    tell("history", [event.action for event in store.history(ids[2])])
    tell("reindexed", store.reindex(HashEmbedder(64)), best(store, "rotate a square matrix clockwise"))
    return told


@pytest.fixture(scope="module")
def reference():
    with ConceptStore.temporary() as store:
        return session(store)


class TestEveryBackend:
    def test_a_long_session_goes_as_on_any_other_backend(self, backend, reference):
        store = backend.open()
        for mine, theirs in zip(session(store), reference, strict=True):
            assert mine == theirs
        assert isinstance(store._vectors._open_view(), BACKENDS[backend.name])
        with store._ledger.read() as connection:
            assert drift(connection) == drift(connection).__class__((), ())

    def test_what_was_written_is_there_after_reopening(self, backend):
        if not backend.keeps:
            pytest.skip("a temporary store is gone when it is closed")
        store = backend.open()
        ids = store.add_many([COST, SPELL])
        store.record_outcome(ids, "helped")
        before = store.all()
        store.close()
        again = backend.open()
        assert again.all() == before
        assert best(again, "total cost of a purchase") == COST.title

    def test_a_second_store_sees_what_the_first_writes_and_the_other_way_round(self, backend):
        if not backend.keeps:
            pytest.skip("a temporary store belongs to one owner")
        first, second = backend.open(), backend.open()
        id = first.add(COST)
        assert best(second, "total cost of a purchase") == COST.title
        second.add(GRID)
        assert best(first, "rotate a square matrix") == GRID.title
        second.revise(id, VOWELS.model_dump())
        assert best(first, "how many vowels") == VOWELS.title
        first.undo(first.events(1)[0].seq)
        assert best(second, "total cost of a purchase") == COST.title
        with pytest.raises(StaleConcept):
            second.revise(id, {"title": "x"}, expected_version=2)

    def test_namespaces_do_not_see_each_other(self, backend):
        if not backend.keeps:
            pytest.skip("a temporary store has one namespace")
        mine, theirs = backend.open(), backend.open(namespace="theirs")
        id = mine.add(COST)
        other = theirs.add(COST)
        assert other != id
        theirs.forget(other)
        assert mine.search("cost")[0].concept.id == id and theirs.search("cost") == []
        assert [event.concept_id for event in theirs.events()] == [other, other]
        for act in (theirs.get, theirs.forget, theirs.history):
            with pytest.raises(UnknownConcept):
                act(id)

    def test_odd_texts_are_stored_and_searched_as_text(self, backend):
        store = backend.open()
        odd = ["it's 50% 'quoted' \\ & | ! <-> :* ()", "Größe in Metern — 東京 🗼", "x AND y OR NOT z NEAR w"]
        drafts = [ConceptDraft(title=title, description="a_b") for title in odd]
        ids = store.add_many(drafts)
        assert [store.get(id).draft for id in ids] == drafts
        for id, title in zip(ids, odd, strict=True):
            assert store.search(title, limit=1)[0].concept.id == id
        for query in ("'", "a & | b", "\\", "", "%", "foo:*", "a_b _ __", '"'):
            assert len(store.search(query)) == 3

    def test_a_failed_write_leaves_nothing_behind(self, backend):
        store = backend.open()
        id = store.add(COST)
        before = store.all(), store.events(None)
        with pytest.raises(UnknownConcept):
            store.record_outcome([id, "nobody"], "helped")
        assert (store.all(), store.events(None)) == before

    def test_threads_that_write_and_search_at_once_lose_nothing(self, backend):
        store = backend.open()

        def work(number):
            ids = [store.add(ConceptDraft(title=f"Method {number} part {part}")) for part in range(5)]
            ids.append(store.add(ConceptDraft(title="A shared method")))
            store.record_outcome([ids[-1]], "recalled")
            assert store.search(f"method {number} part 0")
            return ids

        with pool_of(4) as pool:
            ids = [id for found in pool.map(work, range(4)) for id in found]
        assert len(set(ids)) == 21 == store.count()
        shared = store.get(ids[-1])
        assert (shared.seen, shared.outcomes.recalled) == (4, 4)
        numbers = [event.seq for event in store.events(None)]
        assert numbers == sorted(set(numbers))
        assert len(store.search("method", limit=50)) == 21

    def test_a_large_batch_finds_what_is_stored_already(self, backend):
        store = backend.open()
        titles = [f"Method number{n} of {n % 7} kinds" for n in range(70)]
        first = store.add_many([ConceptDraft(title=title) for title in titles])
        store.forget(first[0])
        again = store.add_many([ConceptDraft(title=f"{title}.") for title in titles])
        assert again[1:] == first[1:] and again[0] != first[0]
        assert [concept.seen for concept in store.all()] == [2] * 69 + [1]
