"""The vector and keyword indexes are views: deleted, outdated or damaged, they lose nothing."""

import errno
import logging
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from pilotage.memory.concept import ConceptDraft
from pilotage.memory.embedders.embedder import HashEmbedder
from pilotage.memory.errors import EmbedderError, EmbedderMismatch, IndexCorrupt
from pilotage.memory.search.chroma import ChromaIndex
from pilotage.memory.search.exact_scan import VectorScan
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL


@pytest.fixture
def filled(folder):
    with ConceptStore.open(folder, embedder="hash") as store:
        store.add_many([COST, SPELL, GRID])
        store.search("cost")
    return folder


def best(folder, query, **options):
    with ConceptStore.open(folder, embedder="hash", **options) as store:
        return store.search(query, limit=1)[0].concept.title


def test_a_deleted_index_folder_is_built_anew(filled):
    shutil.rmtree(filled / "index")
    assert best(filled, "rotate a square matrix clockwise") == GRID.title
    assert (filled / "index").is_dir()


def test_an_index_that_lost_entries_is_built_anew(filled):
    import chromadb

    client = chromadb.PersistentClient(str(filled / "index"))
    collection = client.list_collections()[0]
    collection.delete(ids=collection.get()["ids"][:2])
    client.close()
    with ConceptStore.open(filled, embedder="hash") as store:
        view = store._vectors._open_view()
        assert len(view.nearest(HashEmbedder().embed(["x"])[0], 9, 3)) == 3
        assert view._collection.count() == 3


def test_an_index_of_another_ledger_is_not_believed(filled, tmp_path):
    with ConceptStore.open(tmp_path / "other", embedder="hash") as other:
        other.add(SPELL)
    shutil.copytree(filled / "index", tmp_path / "other" / "index")
    with ConceptStore.open(tmp_path / "other", embedder="hash") as other:
        assert [hit.concept.title for hit in other.search("rotate a square matrix")] == [SPELL.title]


def test_a_damaged_index_is_built_anew_and_the_log_says_so(filled, caplog):
    (filled / "index" / "chroma.sqlite3").write_bytes(b"this is no database" * 99)
    with caplog.at_level(logging.WARNING, logger="pilotage.memory"):
        assert best(filled, "rotate a square matrix clockwise") == GRID.title
    assert "nothing is lost" in caplog.text
    with ConceptStore.open(filled, embedder="hash") as store:
        assert store.count() == 3
        assert not store._vectors.check_index()


def test_an_index_damaged_while_it_is_open_is_built_anew(filled):
    with ConceptStore.open(filled, embedder="hash") as store:
        store.search("matrix")
        store._vectors._view._collection = None  # stands for whatever makes Chroma fail from now on
        assert store.search("rotate a square matrix clockwise", limit=1)[0].concept.title == GRID.title


def test_an_index_that_cannot_be_built_anew_is_a_sentence(filled, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    shutil.rmtree(filled / "index")
    (filled / "index").write_text("a file where the folder should be")
    monkeypatch.setattr(Path, "unlink", refuse)
    with ConceptStore.open(filled, embedder="hash") as store:
        with pytest.raises(IndexCorrupt, match="delete it; nothing is lost"):
            store.search("matrix")
        assert store.count() == 3


def test_what_an_index_has_too_much_or_wrong_is_found_and_repaired(filled):
    with ConceptStore.open(filled, embedder="hash") as store:
        store.search("matrix")
        index = store._vectors._view
        ids = sorted(index._collection.get()["ids"])
        index._collection.upsert(ids=["stranger", ids[0]], embeddings=HashEmbedder().embed(["a", "b"]))
        index._collection.delete(ids=[ids[1]])
        found = store._vectors.check_index()
        assert (found.missing, found.surplus, found.different) == ((ids[1],), ("stranger",), (ids[0],))
        store._vectors.check_index(repair=True)
        assert not store._vectors.check_index()
        assert sorted(index._collection.get()["ids"]) == ids


def test_a_lost_keyword_index_is_built_anew(filled):
    with sqlite3.connect(filled / "ledger.sqlite") as ledger:
        ledger.execute("DROP TABLE concept_words")
    ledger.close()
    with ConceptStore.open(filled, embedder="hash") as store, store._ledger.read() as connection:
        found = store._space.keywords.search(connection, "default", "a matrix, please", 5)
        assert [store.get(id).title for id in found] == [GRID.title]


@pytest.mark.parametrize("query", ['"', "AND OR NOT", "a* NEAR(b c)", "col:x -y ^z", "", "the of a", "日本語 ☃"])
def test_no_query_is_a_syntax_error_of_the_keyword_index(store, query):
    store.add(COST)
    assert len(store.search(query)) == 1


def test_another_embedder_is_refused_with_the_way_out(filled):
    with pytest.raises(EmbedderMismatch, match="hash/256/v1.*hash/64/v1.*pilotage memory reindex"):
        ConceptStore.open(filled, embedder=HashEmbedder(64))
    assert best(filled, "rotate a square matrix clockwise") == GRID.title


def test_reindex_moves_a_store_to_another_embedder(filled):
    with ConceptStore.open(filled, embedder=None) as store:
        assert store.reindex(HashEmbedder(64)) == 3
        assert store.search("rotate a square matrix clockwise")[0].concept.title == GRID.title
    with pytest.raises(EmbedderMismatch):
        ConceptStore.open(filled, embedder="hash")
    with ConceptStore.open(filled, embedder=HashEmbedder(64)) as store:
        assert store.add(COST) == store.search("total cost of a purchase")[0].concept.id


def test_an_open_store_notices_that_another_process_moved_the_ledger(filled):
    with ConceptStore.open(filled, embedder="hash") as old, ConceptStore.open(filled, embedder=None) as mover:
        mover.reindex(HashEmbedder(64))
        with pytest.raises(EmbedderMismatch):
            old.search("matrix")
        with pytest.raises(EmbedderMismatch):
            old.add(COST.model_copy(update={"title": "new"}))
        assert old.count() == 3


def test_an_embedder_whose_vectors_are_not_what_it_says_writes_nothing(folder):
    class Liar(HashEmbedder):
        def embed(self, texts):
            return super().embed(texts)[:, :10]

    class Broken(HashEmbedder):
        def embed(self, texts):
            return super().embed(texts) * np.nan

    for embedder, words in ((Liar(), "shape"), (Broken(), "not finite")):
        with ConceptStore.open(folder, embedder=embedder) as store:
            with pytest.raises(EmbedderError, match=words):
                store.add(COST)
            assert store.is_empty()


def test_scan_and_chroma_agree(filled):
    embedder = HashEmbedder()
    with ConceptStore.open(filled, embedder=embedder) as store:
        index = store._vectors._open_view()
        scan = VectorScan(store._ledger, "default", embedder.identity)
        assert isinstance(index, ChromaIndex)
        queries = embedder.embed(["total cost", "matrix", "letters of a word"])
        with store._ledger.read() as connection:
            last = store._vectors.index_version(connection)
        for query in queries:
            exact, found = scan.nearest(query, 3, last), index.nearest(query, 3, last)
            assert [one.id for one in exact] == [one.id for one in found]
            assert [one.similarity for one in exact] == pytest.approx([one.similarity for one in found], abs=1e-5)


def test_an_index_that_is_far_behind_catches_up_a_page_at_a_time(filled):
    with ConceptStore.open(filled, embedder="hash") as store:
        index = store._vectors._open_view()
        put, pages = index._put, []
        index._client.get_max_batch_size = lambda: 2
        index._put = lambda rows: pages.append([row.id for row in rows]) or put(rows)
        ids = store.add_many([ConceptDraft(title=f"Method number{n}") for n in range(5)])
        store.forget(ids[0])
        store.revise(ids[1], {"title": "Colour a map"})
        assert {hit.concept.id for hit in store.search("method", limit=9)} >= set(ids[1:])
        assert pages == [[ids[2], ids[3]], [ids[4], ids[0]], [ids[1]]]
        assert not store._vectors.check_index()


@pytest.mark.parametrize(("enough_up_to", "ef_search"), [(3, 250), (2, 500), (1, 750)])
def test_the_larger_a_store_is_when_it_is_opened_the_wider_its_graph_is_searched(
    filled, monkeypatch, enough_up_to, ef_search
):
    monkeypatch.setattr("pilotage.memory.search.chroma._ENOUGH_UP_TO", enough_up_to)
    for _ in range(2):  # once for the index as it was, once for one built anew
        with ConceptStore.open(filled, embedder="hash") as store:
            found = store._vectors._open_view()._collection
            configuration = store._vectors._view._client.get_collection(found.name).configuration_json
            assert (configuration["hnsw"]["ef_search"], configuration["hnsw"]["space"]) == (ef_search, "cosine")
            assert store.search("rotate a square matrix clockwise", limit=1)[0].concept.title == GRID.title
        shutil.rmtree(filled / "index")
