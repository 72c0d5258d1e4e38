"""`/v1/concepts`: what a tenant sees and changes of its own memory."""

import pytest

from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.memory import concepts
from pilotage.memory import ConceptStore
from tests.agent.serve.tenants import error_of, taught

DRAFT = {"title": "Profit of a sale", "cues": ["goods are sold"], "implementation": ["subtract the cost"]}


@pytest.fixture
def client(house):
    return house().key("a")


def add(client, **more):
    reply = client.post("/v1/concepts", json=DRAFT | more)
    assert reply.status_code == 201, reply.text
    return reply.json()


def test_what_is_added_is_read_listed_and_found(client):
    one, two = add(client), add(client, title="Speed of a train", kind="lesson", cues=["a journey by train"])
    assert one["object"] == "concept" and one["status"] == "provisional" and "namespace" not in one
    assert client.get(f"/v1/concepts/{one['id']}").json() == one
    listed = client.get("/v1/concepts").json()
    assert [each["id"] for each in listed["data"]] == [one["id"], two["id"]] and not listed["has_more"]
    first = client.get("/v1/concepts", params={"limit": 1}).json()
    assert [each["id"] for each in first["data"]] == [one["id"]] and first["has_more"]
    assert client.get("/v1/concepts", params={"limit": 1, "offset": 1}).json()["data"] == [two]
    assert client.get("/v1/concepts", params={"kind": "lesson"}).json()["data"] == [two]
    found = client.get("/v1/concepts", params={"query": "train journey"}).json()["data"]
    assert found[0]["id"] == two["id"] and found[0]["similarity"] > 0
    assert client.get("/v1/concepts", params={"query": "train", "kind": "routine"}).json()["data"][0]["id"] == one["id"]
    again = client.post("/v1/concepts", json=DRAFT)
    assert again.status_code == 200 and again.json()["id"] == one["id"]


def test_an_edit_is_made_at_the_version_that_was_read(client):
    one = add(client)
    path = f"/v1/concepts/{one['id']}"
    tag = client.get(path).headers["ETag"]
    edited = client.patch(path, json={"title": "Profit"}, headers={"If-Match": tag})
    assert edited.json()["title"] == "Profit" and edited.headers["ETag"] != tag
    stale = client.patch(path, json={"title": "Other"}, headers={"If-Match": tag})
    assert error_of(stale, 412)["code"] == "precondition_failed"
    assert client.get(path).json()["title"] == "Profit"
    assert client.patch(path, json={"title": "Any"}, headers={"If-Match": "*"}).json()["title"] == "Any"
    assert client.patch(path, json={"title": "None"}).json()["title"] == "None"


def test_the_history_tells_it_and_undo_takes_it_back(client):
    one = add(client)
    path = f"/v1/concepts/{one['id']}"
    client.patch(path, json={"title": "Profit"})
    history = client.get(f"{path}/history").json()["data"]
    assert [event["action"] for event in history] == ["added", "revised"]
    assert client.post(f"{path}/undo", json={"event": history[1]["seq"]}).json()["title"] == DRAFT["title"]
    assert error_of(client.post(f"{path}/undo", json={"event": history[1]["seq"]}), 409)["code"] == "conflict"
    assert client.delete(path).json() == {"object": "concept.forgotten", "id": one["id"], "forgotten": True}
    assert not client.get("/v1/concepts").json()["data"]
    assert client.get("/v1/concepts", params={"status": "retired"}).json()["data"][0]["id"] == one["id"]
    assert client.post(f"{path}/undo").json()["status"] == "provisional"
    other = add(client, title="Speed")
    for event in (10**6, history[0]["seq"]):
        assert error_of(client.post(f"/v1/concepts/{other['id']}/undo", json={"event": event}), 404)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/concepts?limit=0", None, 400),
        ("GET", "/v1/concepts?limit=201", None, 400),
        ("GET", "/v1/concepts?offset=-1", None, 400),
        ("GET", "/v1/concepts?offset=99999999999999999999", None, 400),
        ("GET", "/v1/concepts?status=gone", None, 400),
        ("GET", "/v1/concepts?kind=x", None, 400),
        ("GET", "/v1/concepts?namespace=b", None, 404),
        ("GET", "/v1/concepts?query=x&status=retired", None, 400),
        ("POST", "/v1/concepts", {"title": ""}, 400),
        ("POST", "/v1/concepts", {"title": "x", "namespace": "b"}, 400),
        ("POST", "/v1/concepts", {"title": "x", "status": "trusted"}, 400),
        ("POST", "/v1/concepts", [], 400),
        ("PATCH", "/v1/concepts/ID", {}, 400),
        ("PATCH", "/v1/concepts/ID", {"namespace": "b"}, 400),
        ("PATCH", "/v1/concepts/ID", {"title": 5}, 400),
        ("PATCH", "/v1/concepts/none", {"title": "x"}, 404),
        ("GET", "/v1/concepts/none", None, 404),
        ("GET", "/v1/concepts/%00", None, 404),
        ("GET", "/v1/concepts/none/history", None, 404),
        ("DELETE", "/v1/concepts/none", None, 404),
        ("POST", "/v1/concepts/none/undo", {}, 404),
        ("POST", "/v1/concepts/ID/undo", {"event": "last"}, 400),
        ("PUT", "/v1/concepts/ID", {}, 405),
    ],
)
def test_what_cannot_be_is_one_error(client, method, path, body, status):
    path = path.replace("ID", add(client)["id"])
    error_of(client.request(method, path, json=body), status)


def test_each_user_of_a_key_has_concepts_of_their_own(house):
    client = house().key("a", per_user=True)
    taught(client, user="ada")
    assert client.get("/v1/concepts", params={"user": "ada"}).json()["data"]
    assert not client.get("/v1/concepts", params={"user": "bob"}).json()["data"]
    assert not client.get("/v1/concepts").json()["data"]


def test_if_match_holds_for_every_change_and_an_old_version_is_412(client):
    path = f"/v1/concepts/{add(client)['id']}"
    weak = {"If-Match": 'W/"1"'}  # as a proxy that compresses the reply makes it
    assert client.patch(path, json={"title": "Profit"}, headers=weak).status_code == 200
    for method, where in (("DELETE", path), ("POST", f"{path}/undo"), ("PATCH", path)):
        body = {"title": "x"} if method == "PATCH" else None
        reply = client.request(method, where, json=body, headers={"If-Match": '"1"'})
        assert error_of(reply, 412)["code"] == "precondition_failed"
        assert error_of(client.request(method, where, json=body, headers={"If-Match": "last"}), 400)
    assert client.get(path).json()["title"] == "Profit"
    assert client.delete(path, headers={"If-Match": '"1", "2"'}).status_code == 200


def test_who_comes_second_in_a_race_is_told_412(tmp_path):
    with ConceptStore.open(tmp_path / "memory", embedder="hash") as store:
        concept, _ = concepts.add(store, DRAFT)

        class Overtaken:
            """The store, in which another edit comes between the look at the version and the change."""

            def revise(self, *given, **more):
                store.revise(concept.id, {"title": "Theirs"})
                return store.revise(*given, **more)

            def __getattr__(self, name):
                return getattr(store, name)

        with pytest.raises(ApiError) as refused:
            concepts.edit(Overtaken(), concept.id, {"title": "Mine"}, concepts.etag(concept))
        assert refused.value.status == 412
        assert store.get(concept.id).title == "Theirs"
