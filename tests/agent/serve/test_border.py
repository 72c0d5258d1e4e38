"""The border between two tenants: through no endpoint, and by no id, does anything of one reach the other."""

import pytest

from pilotage.agent.models import ModelClient
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.model_names import ModelName
from pilotage.agent.serve.service import Caller, Service
from pilotage.agent.settings import settings_from
from tests.agent.serve.tenants import TAUGHT, ask, seller, taught

MARK = "Zanzibar"


@pytest.fixture
def both(house):
    """The server's model, a tenant who has taught the memory something, and another one."""
    model = seller()
    started = house(model)
    mine, other = started.key("mine"), started.key("other")
    completion = taught(mine)
    concept = mine.post("/v1/concepts", json={"title": f"Profit in {MARK}", "cues": ["goods sold with a cost"]}).json()
    (event,) = mine.get(f"/v1/concepts/{concept['id']}/history").json()["data"]
    return model, mine, other, completion["id"], concept["id"], event["seq"]


def state(client):
    listed = client.get("/v1/concepts").json()["data"]
    return listed, [client.get(f"/v1/concepts/{one['id']}/history").json() for one in listed]


def test_every_endpoint_gives_nothing_of_another_tenant(both):
    _, mine, other, completion, concept, seq = both
    before = state(mine)
    own = other.post("/v1/concepts", json={"title": "Own"}).json()["id"]
    asked = [
        ("GET", f"/v1/concepts/{concept}", None),
        ("GET", f"/v1/concepts/{concept[:8]}", None),
        ("GET", f"/v1/concepts/{concept}/history", None),
        ("PATCH", f"/v1/concepts/{concept}", {"title": "taken"}),
        ("DELETE", f"/v1/concepts/{concept}", None),
        ("POST", f"/v1/concepts/{concept}/undo", {"event": seq}),
        ("POST", f"/v1/concepts/{own}/undo", {"event": seq}),
        ("POST", "/v1/feedback", {"completion_id": completion, "helped": True}),
        ("POST", "/v1/feedback", {"completion_id": completion, "helped": False, "correction": "Wrong."}),
        ("DELETE", "/v1/namespaces/mine", None),
        ("GET", "/v1/namespaces/mine", None),
    ]
    for method, path, body in asked:
        reply = other.request(method, path, json=body)
        assert reply.status_code in (403, 404), (method, path, reply.text)
        assert MARK not in reply.text and TAUGHT not in reply.text
    for path in ("/v1/concepts", f"/v1/concepts?query={MARK}", "/v1/concepts?status=retired", "/v1/concepts?user=mine"):
        assert not {MARK, TAUGHT} & set(other.get(path).text.split('"')) and MARK not in other.get(path).text
    assert state(mine) == before
    assert mine.post("/v1/feedback", json={"completion_id": completion, "helped": True}).json()["changed"]


def test_an_id_of_another_tenant_and_one_that_there_is_not_are_told_apart_by_nothing(both):
    _, _, other, completion, concept, _ = both

    def told(path_of, id, body=None):
        reply = other.request("GET" if body is None else "POST", path_of(id), json=body and body(id))
        return reply.status_code, reply.text.replace(id, "ID"), sorted(reply.headers)

    guessed = "0" * len(concept)
    for path in ("/v1/concepts/{}", "/v1/concepts/{}/history"):
        assert told(path.format, concept) == told(path.format, guessed)

    def feedback(id):
        return {"completion_id": id, "helped": True}

    unknown = "chatcmpl-" + "0" * (len(completion) - 9)
    assert told("/v1/feedback".format, completion, feedback) == told("/v1/feedback".format, unknown, feedback)


def test_what_one_has_taught_is_in_no_prompt_of_another(both):
    model, mine, other, *_ = both
    calls = len(model.calls)
    taught(other)
    assert not any(TAUGHT in call.text or MARK in call.text for call in model.calls[calls:])
    calls = len(model.calls)
    taught(mine)
    assert any(TAUGHT in call.text or MARK in call.text for call in model.calls[calls:])  # it can fail
    listed = other.get("/v1/concepts").json()["data"]
    assert [one["title"] for one in listed] == [TAUGHT] and listed[0]["seen"] == 1


def test_users_of_a_key_are_tenants_too(house):
    model = seller()
    client = house(model).key("a", per_user=True)
    taught(client, user="ada")
    for user in ("bob", "ada/../bob", "ADA", ""):
        calls = len(model.calls)
        assert ask(client, model="pilotage:program", user=user).status_code == 200
        assert not any(TAUGHT in call.text for call in model.calls[calls:])


def test_open_turns_are_not_shared_where_there_is_no_memory():
    """The same messages of two tenants are two turns: what one found is not found by the other."""
    settings = settings_from({"model": "scripted", "memory": "none", "policy": "rules"})
    service = Service(settings, ServeConfig(), model=ModelClient(seller()))
    name = ModelName("pilotage")
    one, two = (service.agent(name, Caller(key, key)) for key in ("a", "b"))
    assert one is not two and service.agent(name, Caller("a", "a")) is one
