"""`DELETE /v1/namespaces/NAME`: all of a tenant goes, in every process, and nothing under way brings it back."""

import threading
from functools import partial

import chromadb
import httpx
import pytest

from pilotage.agent.serve.responses.store import ResponseStore
from pilotage.memory import ConceptStore
from pilotage.memory.errors import LedgerError, NamespaceErased
from pilotage.memory.search.chroma import collection_name
from tests.agent.serve.tenants import PROGRAM, ask, error_of, respond, seller, taught
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


def test_the_responses_of_a_tenant_go_with_it(house, tmp_path):
    started = house()
    mine, other = started.key("a", per_user=True), started.key("b")
    responses = [respond(mine, f"I live in {MARK}."), respond(mine, f"{MARK}?", user="ada")]
    theirs = respond(other, "hi")
    assert files_with(tmp_path, MARK)
    erased = mine.delete("/v1/namespaces/a").json()
    assert erased["counts"]["responses"] == 2 and erased["namespaces"] == ["a", "a/ada"] and not erased["left"]
    assert [mine.get(f"/v1/responses/{one['id']}").status_code for one in responses] == [404, 404]
    assert other.get(f"/v1/responses/{theirs['id']}").status_code == 200
    assert not files_with(tmp_path, MARK)
    again = respond(mine, "hi")
    assert mine.get(f"/v1/responses/{again['id']}").status_code == 200


def test_a_server_without_a_memory_erases_too(serve, tmp_path):
    client = serve(seller())
    kept = respond(client, f"I live in {MARK}.")
    erased = client.delete("/v1/namespaces/default").json()
    assert erased["deleted"] and erased["counts"] == {"responses": 1} and len(erased["digest"]) == 64
    error_of(client.get(f"/v1/responses/{kept['id']}"), 404)
    assert not files_with(tmp_path, MARK)


def test_a_memory_that_cannot_be_erased_now_is_told_and_what_was_said_is_gone(house, monkeypatch):
    started = house()
    client = started.key("a")
    taught(client)
    kept = respond(client, "hi")

    def locked(self, **how):
        raise LedgerError("the ledger is locked")

    monkeypatch.setattr(ConceptStore, "erase", locked)
    assert error_of(client.delete("/v1/namespaces/a"), 503)["code"] == "memory_unavailable"
    error_of(client.get(f"/v1/responses/{kept['id']}"), 404)


def test_the_responses_of_another_host_go_with_what_was_erased(house, tmp_path):
    """Two servers over one memory, each with responses of its own: as on two hosts."""
    started = house()
    far = ResponseStore(tmp_path / "far.sqlite")
    with far:
        one = started.key("a", per_user=True)
        two = house(config={"responses_file": str(far.path)})
        headers = dict(one.headers)
        with httpx.Client(base_url=two.nobody.base_url, headers=headers, timeout=60) as elsewhere:
            taught(one)
            gone = [respond(elsewhere, f"I live in {MARK}."), respond(elsewhere, MARK, user="ada")]
            stays = respond(two.key("b"), "hi")
            assert one.delete("/v1/namespaces/a").json()["deleted"]
            for kept in gone:
                error_of(elsewhere.get(f"/v1/responses/{kept['id']}"), 404)
            assert far.count("b") == 1 and far.find(stays["id"], "b")
            again = respond(elsewhere, "hi")
            assert elsewhere.get(f"/v1/responses/{again['id']}").status_code == 200
            assert far.count("a") == 1
    assert not any(MARK.encode() in file.read_bytes() for file in tmp_path.glob("far.sqlite*"))


def test_a_server_that_starts_lets_go_of_what_was_erased_meanwhile(house, tmp_path):
    started = house()
    taught(started.key("a"))
    with ResponseStore(tmp_path / "far.sqlite") as far:
        item = {"type": "message", "id": "m", "role": "user", "content": [{"type": "input_text", "text": MARK}]}
        for id, namespace in (("1", "a"), ("2", "a/ada"), ("3", "b")):
            body = {"id": id, "previous_response_id": None, "output": []}
            assert far.keep(body, [item], namespace, far.now)
        with started.store("a") as store:
            store.erase(below=True)
        house(config={"responses_file": str(far.path)})
        assert [far.count(namespace) for namespace in "ab"] == [0, 1]


def test_what_is_under_way_on_another_host_is_not_kept(house, tmp_path):
    erasing = []
    model = seller()
    script = model.script

    def line(messages):
        if MARK in messages[-1].text:
            with started.store("a") as store:
                erasing.append(store.erase(below=True))
        return script(messages)

    model.script = line
    started = house(model)
    client = started.key("a")
    taught(client)
    reply = client.post("/v1/responses", json={"model": "pilotage", "input": f"{MARK}!"})
    assert erasing and error_of(reply, 409)["code"] == "namespace_erased"
    assert not files_with(tmp_path, MARK)


def test_the_command_line_erases_what_the_server_erases(command_line, tmp_path):
    home = tmp_path / "home"
    item = {"type": "message", "id": "m", "role": "user", "content": [{"type": "input_text", "text": MARK}]}
    with ResponseStore(home / "responses.sqlite") as kept:
        for id, namespace in (("1", "acme"), ("2", "acme/ada"), ("3", "other")):
            kept.keep({"id": id, "previous_response_id": None, "output": []}, [item], namespace, kept.now)
        erase = partial(command_line, "memory", "erase", "--namespace", "acme")
        refused = erase()
        assert refused.code == 2 and "with 2 responses: say --yes" in refused.err
        assert erase("--no-below").err.count("with 1 responses") == 1
        for words in (("--memory", tmp_path / "nowhere", "--yes"), ("--responses", tmp_path / "none", "--yes")):
            assert erase(*words).code == 2
        assert kept.count("acme") == 2
        for namespace in ("acme", "acme/ada", "other"):
            added = command_line("memory", "add", "--title", MARK, "--embedder", "hash", "--namespace", namespace)
            assert added.code == 0, added.err
        told = erase("--yes", "--json").json
        assert told["namespaces"] == ["acme", "acme/ada"]
        assert told["counts"]["responses"] == 2 and told["counts"]["concepts"] == 2
        assert kept.count("acme") == 0 and kept.count("other") == 1
        assert "1 responses" in command_line("memory", "erase", "--memory", "none", "--namespace", "other", "--yes").out
        assert not any(MARK.encode() in file.read_bytes() for file in home.glob("responses.sqlite*"))
