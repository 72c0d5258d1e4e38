"""Erasing a namespace: nothing is left in a table, index or file, nobody brings it back, and it can be shown."""

import hashlib
import threading

import chromadb
import pytest
from sqlalchemy import text

from pilotage.memory.adapters.langgraph.store import PilotageStore
from pilotage.memory.errors import IndexUnreachable, NamespaceErased
from pilotage.memory.search.chroma import collection_name
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL

MARK = "Zanzibar"
SECRET = COST.model_copy(update={"title": f"Total cost in {MARK}", "description": f"Known only in {MARK}."})


def opened(place, namespace, **more):
    return ConceptStore.open(place, **{"embedder": "hash", "namespace": namespace} | more)


@pytest.fixture
def filled(place):
    """Two tenants with a history, items and vectors each; the second is left as it was."""
    with opened(place, "a") as a, opened(place, "b") as b:
        id = a.add(SECRET, run="a's run")
        a.revise(id, {"description": f"Longer, and still of {MARK}."})
        a.forget(a.add(GRID))
        PilotageStore(a).put(("users",), MARK, {"text": f"{MARK} again"})
        PilotageStore(b).put(("users",), "key", {"text": "stays"})
        b.add(SPELL)
        assert a.search(MARK) and b.search("spell")
    return place


def every_row(store):
    with store._ledger.read() as connection:
        tables = ("concepts", "events", "items", "vectors", "item_vectors", "concept_words")
        return {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in tables}


def test_nothing_of_it_is_left_in_any_table_and_the_others_keep_everything(filled):
    with opened(filled, "b") as b:
        before = [one.model_dump() for one in b.all(retired=True)], b.events(None)
        with opened(filled, "a") as a:
            erased = a.erase()
        assert erased.namespaces == ("a",)
        assert erased.counts["concepts"] == 2
        assert erased.counts["events"] == 4
        assert erased.counts["items"] == 1
        assert every_row(b) == {
            **{"concepts": 1, "events": 1, "items": 1, "vectors": 1, "item_vectors": 1, "concept_words": 1}
        }
        assert ([one.model_dump() for one in b.all(retired=True)], b.events(None)) == before
        assert [hit.concept.title for hit in b.search("spell")] == [SPELL.title]
        assert PilotageStore(b).get(("users",), "key").value == {"text": "stays"}
    with opened(filled, "a") as again:
        assert not again.all(retired=True) and not again.events(None) and not again.search(MARK)
        assert PilotageStore(again).search((), query=MARK) == []
        id = again.add(SECRET)
        assert [hit.concept.id for hit in again.search(MARK)] == [id]


def test_a_tombstone_tells_what_was_erased_and_not_its_name(filled):
    with opened(filled, "a") as a:
        assert not a.tombstones()
        erased = a.erase()
        (stone,) = a.tombstones()
        assert stone.digest == erased.digest == hashlib.sha256(b"a").hexdigest()
        assert stone.counts == erased.counts and stone.at == erased.at
        assert "concept_words" in stone.counts
    with opened(filled, "b") as b:
        assert not b.tombstones()


def test_no_byte_of_its_words_or_vectors_is_left_in_the_files(filled, folder):
    if filled != folder:
        pytest.skip("what PostgreSQL does with its pages is its own")
    with opened(filled, "a") as a:
        vector = a._vectors.embed([SECRET.search_text])[0].tobytes()
        assert any(MARK.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())
        assert not a.erase().left
    for file in folder.rglob("*"):
        if file.is_file():
            held = file.read_bytes().lower()
            assert MARK.lower().encode() not in held, file
            assert vector.lower()[:64] not in held, file


@pytest.mark.parametrize("write", ["add", "revise", "record_outcome", "promote", "item"])
def test_what_is_under_way_brings_nothing_back(filled, write):
    with opened(filled, "a") as slow, opened(filled, "a") as a:
        id = slow.all()[0].id
        a.erase()
        assert slow.is_erased() and a.is_erased()
        with pytest.raises((NamespaceErased, KeyError)):
            match write:
                case "add":
                    slow.add(SECRET)
                case "revise":
                    slow.revise(id, {"title": "x"})
                case "record_outcome":
                    slow.record_outcome([id], "helped")
                case "promote":
                    slow.promote([id])
                case "item":
                    PilotageStore(slow).put(("users",), MARK, {"text": "back"})
        assert not a.all(retired=True) and not slow.search(MARK)
    with opened(filled, "a") as again:
        assert not again.is_erased() and not again.all(retired=True)


def test_writers_beside_it_leave_nothing_whenever_it_comes(place):
    """Several threads write all the time; after the erasure nothing of theirs is there, and each was told."""
    with opened(place, "a") as store, opened(place, "a") as eraser:
        told, started = [], threading.Barrier(4)

        def work(number):
            started.wait()
            try:
                for count in range(10_000):
                    store.add(COST.model_copy(update={"title": f"{MARK} {number} {count}"}))
            except NamespaceErased as error:
                told.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        started.wait()
        while store.count() < 5:
            pass
        eraser.erase()
        for thread in threads:
            thread.join()
        assert len(told) == 3
    with opened(place, "a") as again:
        assert not again.all(retired=True) and not again.events(None)


def test_what_lies_below_goes_too_also_what_is_not_there_yet(filled):
    with opened(filled, "a/ada") as ada, opened(filled, "A/ada") as other, opened(filled, "a/bob") as bob:
        ada.add(SECRET)
        other.add(SPELL)
        with opened(filled, "a") as a:
            assert a.erase().namespaces == ("a",)
            assert ada.count() == 1 and not ada.is_erased()
        with opened(filled, "a") as a:
            assert a.erase(below=True).namespaces == ("a", "a/ada")
        assert other.count() == 1 and not other.is_erased()
        with pytest.raises(NamespaceErased):
            bob.add(SECRET)  # who has just begun
    with opened(filled, "a/bob") as bob:
        bob.add(SECRET)
        assert bob.count() == 1


def test_who_holds_the_index_removes_the_vectors_at_its_next_search(filled, folder):
    if filled != folder:
        pytest.skip("only a folder has an index of its own")
    with opened(folder, "b") as owner:
        assert owner.search("spell") and owner._vectors.owns_index
        with opened(folder, "a") as a:
            (left,) = a.erase().left
            assert "at its next search" in left
        assert owner.search("spell")
        assert [one.name for one in owner._vectors._view._client.list_collections()] == [collection_name("b")]


def test_a_chroma_server_holds_nothing_of_it(filled, chroma_url):
    with opened(filled, "a", index=chroma_url) as a, opened(filled, "b", index=chroma_url) as b:
        assert a.search(MARK) and b.search("spell")
        client = chromadb.HttpClient("127.0.0.1", port=int(chroma_url.rpartition(":")[2]))
        names = [collection_name(a._ledger.id, one, a._vectors.identity.key) for one in "ab"]
        assert set(names) <= {one.name for one in client.list_collections()}
        a.erase()
        left = {one.name for one in client.list_collections()} & set(names)
        assert left == {names[1]}
        assert not a.search(MARK) and b.search("spell")


def test_a_server_that_does_not_answer_is_told_and_the_rows_are_gone(filled):
    with opened(filled, "a", embedder=None, index="http://127.0.0.1:9") as a:
        with pytest.raises(IndexUnreachable):
            a.erase()
        assert not a.all(retired=True) and len(a.tombstones()) == 1
