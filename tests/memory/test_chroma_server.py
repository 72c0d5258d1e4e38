"""The index on a real Chroma server: shared, identified, rebuilt, and a sentence where it does not answer."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.memory.embedders.embedder import HashEmbedder
from pilotage.memory.errors import EmbedderMismatch, IndexUnreachable
from pilotage.memory.search import chroma_server
from pilotage.memory.search.chroma import ChromaIndex
from pilotage.memory.search.chroma_server import _connect
from pilotage.memory.store import ConceptStore
from tests.memory.conftest import COST, GRID, SPELL
from tests.servers import free_port, started

WRITER = """
import sys
from pilotage.memory.concept import ConceptDraft
from pilotage.memory.store import ConceptStore
with ConceptStore.open(sys.argv[1], embedder="hash", index=sys.argv[2]) as store:
    for n in range(12):
        id = store.add(ConceptDraft(title=f"Method number{n} of writer{sys.argv[3]}"))
        assert store.search(f"Method number{n} of writer{sys.argv[3]}", limit=1)[0].concept.id == id
        if n % 3 == 0:
            store.forget(id)
"""


@pytest.fixture
def shared(folder, chroma_url):
    def open_(**options):
        return ConceptStore.open(folder, **{"embedder": "hash", "index": chroma_url} | options)

    return open_


def names(chroma_url):
    client = _connect(chroma_url)
    found = {collection.name for collection in client.list_collections()}
    client.close()
    return found


def test_two_stores_search_one_server_index_and_see_each_others_writes(shared):
    with shared() as one, shared() as two:
        cost = one.add(COST)
        assert two.search("total cost of a purchase")[0].concept.id == cost
        spell, grid = two.add_many([SPELL, GRID])
        assert one.search("rotate a square matrix clockwise", limit=1)[0].concept.id == grid
        one.forget(grid)
        assert {hit.concept.id for hit in two.search("matrix", limit=9)} == {cost, spell}
        assert isinstance(one._vectors._view, ChromaIndex) and isinstance(two._vectors._view, ChromaIndex)


def test_a_postgresql_ledger_uses_the_server_too(postgres_url, chroma_url):
    with ConceptStore.open(postgres_url, embedder="hash", index=chroma_url) as store:
        _, _, grid = store.add_many([COST, SPELL, GRID])
        assert store.search("rotate a square matrix clockwise", limit=1)[0].concept.id == grid
        assert store._vectors.owns_index and not store._vectors.check_index()


def test_processes_that_write_at_once_leave_an_index_that_agrees(shared, folder, chroma_url):
    with shared() as store:
        store.add(COST)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(folder), chroma_url, str(n)], stderr=subprocess.PIPE)
        for n in range(2)
    ]
    for writer in writers:
        assert writer.communicate(timeout=120)[1] == b"" and writer.returncode == 0
    with shared() as store:
        assert store.count() == 17
        assert not store._vectors.check_index()
        assert store._vectors._view._collection.count() == 17


def test_ledgers_and_namespaces_on_one_server_do_not_see_each_other(shared, tmp_path, chroma_url):
    with shared() as mine, shared(namespace="other") as theirs:
        with ConceptStore.open(tmp_path / "second", embedder="hash", index=chroma_url) as elsewhere:
            for store, concept in ((mine, COST), (theirs, GRID), (elsewhere, SPELL)):
                store.add(concept)
            for store, concept in ((mine, COST), (theirs, GRID), (elsewhere, SPELL)):
                assert [hit.concept.title for hit in store.search("anything", limit=9)] == [concept.title]


def test_a_server_that_lost_its_data_is_filled_again(shared, chroma_url):
    with shared() as store:
        store.add_many([COST, SPELL, GRID])
        store.search("cost")
        client = _connect(chroma_url)
        client.delete_collection(store._vectors._view._name)
        client.close()
        assert store.search("rotate a square matrix clockwise", limit=1)[0].concept.title == GRID.title


def test_reindex_builds_a_new_collection_and_drops_the_old_one(shared, chroma_url):
    with shared() as old, shared(embedder=None) as mover:
        old.add_many([COST, SPELL])
        old.search("cost")
        before = old._vectors._view._name
        assert mover.reindex(HashEmbedder(64)) == 2
        with pytest.raises(EmbedderMismatch):
            old.search("cost")
        assert before not in names(chroma_url)
        assert mover._vectors._view._name in names(chroma_url)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x:1", "http://", "http://x:port", "http://x:1/path"])
def test_what_is_no_address_is_a_sentence(folder, url):
    with pytest.raises(IndexUnreachable, match="address of a Chroma server"):
        ConceptStore.open(folder, embedder="hash", index=url)


def test_a_server_that_does_not_answer_is_a_sentence_and_loses_nothing(folder):
    with ConceptStore.open(folder, embedder="hash", index=f"http://127.0.0.1:{free_port()}") as store:
        store.add(COST)
        with pytest.raises(IndexUnreachable, match="does not answer.*chroma run.*nothing is lost"):
            store.search("cost")
        store.add(GRID)  # the ledger has it; the index follows when it can be reached
    with ConceptStore.open(folder, embedder="hash") as store:
        assert {concept.title for concept in store.all()} == {COST.title, GRID.title}


def test_a_server_that_accepts_and_never_answers_is_given_up(folder, monkeypatch):
    monkeypatch.setattr(chroma_server, "_LONGEST", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with ConceptStore.open(folder, embedder="hash", index=url) as store:
            id = store.add(COST)
            with pytest.raises(IndexUnreachable, match="Timeout"):
                store.search("cost")
            assert store.get(id)


def test_so_is_one_that_stops_answering(folder, tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    command = [Path(sys.executable).parent / "chroma", "run", "--path", tmp_path / "chroma", "--host", "127.0.0.1"]
    command += ["--port", url.rpartition(":")[2]]
    with started(command, f"{url}/api/v2/heartbeat", stdout=subprocess.DEVNULL) as server:
        with ConceptStore.open(folder, embedder="hash", index=url) as store:
            id = store.add(COST)
            assert [hit.concept.id for hit in store.search("cost")] == [id]
            session = store._vectors._view._client._server._session
            assert session.timeout.read == chroma_server._LONGEST
            session.timeout = 0.2
            server.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, server.pid, os.WSTOPPED | os.WNOWAIT)  # until then it may still answer
            with pytest.raises(IndexUnreachable, match="Timeout"):
                store.search("cost")
