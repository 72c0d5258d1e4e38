"""`DELETE /v1/namespaces/NAME`: all of a tenant goes, in every process, and nothing under way brings it back."""

import threading

import chromadb
import pytest

from pilotage.memory.errors import NamespaceErased
from pilotage.memory.search.chroma import collection_name
from tests.agent.serve.tenants import PROGRAM, ask, error_of, seller, taught
from tests.agent.serve.test_feedback import give, processes  # noqa: F401  (fixture)
from tests.servers import chroma_url, postgres, postgres_url  # noqa: F401  (fixtures)

MARK = "Zanzibar"


def files_with(folder, word):
    return [file.name for file in folder.rglob("*") if file.is_file() and word.encode() in file.read_bytes()]


def test_everything_of_a_tenant_goes_and_nothing_of_the_other(house, tmp_path):
    started = house()
    mine, other = started.key("a"), started.key("b")
    completion, kept = taught(mine), taught(other)
    mine.post("/v1/concepts", json={"title": f"Trade in {MARK}"})
    assert files_with(tmp_path / "memory", MARK)
    erased = mine.delete("/v1/namespaces/a").json()
    assert erased["deleted"] and erased["namespaces"] == ["a"] and not erased["left"]
    assert erased["counts"]["concepts"] == 2 and erased["counts"]["completions"] == 1
    assert not mine.get("/v1/concepts").json()["data"]
    assert error_of(give(mine, completion), 404)
    assert not files_with(tmp_path / "memory", MARK)
    assert len(other.get("/v1/concepts").json()["data"]) == 1
    assert give(other, kept).json()["changed"]
    (stone,) = mine.get("/v1/namespaces/a").json()["data"]
    assert stone["digest"] == erased["digest"] and stone["counts"] == erased["counts"]
    assert not other.get("/v1/namespaces/b").json()["data"]
    assert taught(mine)["choices"][0]["message"]["content"] == "It is 59."  # and it begins anew
    assert len(mine.get("/v1/concepts").json()["data"]) == 1


def test_users_are_erased_alone_and_with_their_key(house):
    client = house().key("a", per_user=True)
    for user in ("ada", "bob"):
        taught(client, user=user)

    def left():
        return [len(client.get("/v1/concepts", params={"user": user}).json()["data"]) for user in ("ada", "bob")]

    assert client.delete("/v1/namespaces/a/ada").json()["namespaces"] == ["a/ada"]
    assert left() == [0, 1]
    assert client.delete("/v1/namespaces/a").json()["namespaces"] == ["a", "a/bob"]
    assert left() == [0, 0]


@pytest.mark.parametrize("name", ["b", "b/ada", "A", "a ", "ab", "", "default", "%", "a%00", "../b", "b%2Fada"])
def test_a_key_erases_no_namespace_but_its_own(house, name):
    started = house()
    mine, other = started.key("a"), started.key("b", per_user=True)
    taught(other), taught(other, user="ada")
    for method in ("DELETE", "GET"):
        assert mine.request(method, f"/v1/namespaces/{name}").status_code in (404, 405)
    assert other.get("/v1/concepts").json()["data"]
    assert other.get("/v1/concepts", params={"user": "ada"}).json()["data"]


def test_a_run_under_way_writes_nothing_back(house):
    """The erasure comes while the program is being written: what the run would teach is refused."""
    writing, erased = threading.Event(), threading.Event()
    model = seller()
    script = model.script

    def line(messages):
        if "Python program" in str(messages[-1].text):
            writing.set()
            assert erased.wait(60)
        return script(messages)

    model.script = line
    started = house(model)
    client, replies = started.key("a"), []
    thread = threading.Thread(target=lambda: replies.append(ask(client, model="pilotage:program")))
    thread.start()
    assert writing.wait(60)
    with started.store("a") as elsewhere:
        elsewhere.erase(below=True)
        with pytest.raises(NamespaceErased):
            elsewhere.promote([])
    erased.set()
    thread.join()
    assert error_of(replies[0], 409)["code"] == "namespace_erased"
    assert not client.get("/v1/concepts").json()["data"]
    assert PROGRAM and taught(client)
    assert len(client.get("/v1/concepts").json()["data"]) == 1


def test_another_process_lets_go_of_what_was_erased(processes):  # noqa: F811
    (_, one), (_, two) = processes(), processes()
    completion = taught(one)
    taught(two)
    assert len(two.get("/v1/concepts").json()["data"]) == 1
    assert one.delete("/v1/namespaces/default").json()["counts"]["concepts"] == 1
    assert not two.get("/v1/concepts").json()["data"]
    assert error_of(give(two, completion), 404)
    assert taught(two)
    assert len(one.get("/v1/concepts").json()["data"]) == 1


def test_on_postgresql_and_a_chroma_server_nothing_is_left_either(house, postgres_url, chroma_url):  # noqa: F811
    started = house(config={"index": chroma_url}, place=postgres_url)
    mine, other = started.key("a"), started.key("b")
    for client in (mine, other):
        taught(client)
        assert client.get("/v1/concepts", params={"query": "profit"}).json()["data"]
    server = chromadb.HttpClient("127.0.0.1", port=int(chroma_url.rpartition(":")[2]))
    with started.store("a") as store, store.ledger.read() as connection:
        key = store.ledger.embedder(connection).key
        names = [collection_name(store.ledger.id, space, key) for space in "ab"]
    assert set(names) <= {one.name for one in server.list_collections()}
    erased = mine.delete("/v1/namespaces/a").json()
    assert erased["counts"]["concepts"] == 1 and erased["counts"]["completions"] == 1 and not erased["left"]
    assert {one.name for one in server.list_collections()} & set(names) == {names[1]}
    assert not mine.get("/v1/concepts", params={"query": "profit"}).json()["data"]
    assert other.get("/v1/concepts", params={"query": "profit"}).json()["data"]
