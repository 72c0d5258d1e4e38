"""Tenants: what is kept for one is not there for another, whatever is asked for."""

import httpx
import pytest
from fastapi import FastAPI, Request

from pilotage.agent.models import ModelClient
from pilotage.agent.models.scripted import ScriptedChatModel
from pilotage.agent.serve.app import _tell_errors
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.memory.records import Records
from pilotage.agent.serve.passing.passthrough import Passthrough
from pilotage.agent.serve.responses.routes import responses_router
from pilotage.agent.serve.responses.store import ResponseStore
from pilotage.agent.serve.service import Caller, Service
from pilotage.agent.settings import settings_from


def caller(request: Request, user: str | None, namespace: str | None) -> Caller:
    return Caller(namespace=request.headers["x-tenant"])


@pytest.fixture
def served(running, tmp_path):
    """A client of a server whose callers say who they are, and its store."""

    def line(messages):
        if "erase me" in messages[-1].text:
            store.erase("mine")
        return "Hello!"

    settings = settings_from({"policy": "rules", "model": "scripted", "memory": "none"})
    service = Service(settings, ServeConfig(), model=ModelClient(ScriptedChatModel(line)))
    app = FastAPI()
    _tell_errors(app)
    with ResponseStore(tmp_path / "responses.sqlite") as store:
        app.include_router(
            responses_router(
                service,
                Passthrough(service),
                store,
                caller,
                lambda request: request.json(),
                lambda runs: None,
                Records(30, 100),
                lambda: None,
            )
        )
        with httpx.Client(base_url=running(app), timeout=60) as client:
            yield client, store


def test_no_route_gives_one_tenant_what_is_anothers(served):
    client, store = served
    mine, theirs = {"x-tenant": "mine"}, {"x-tenant": "theirs"}
    asked = {"model": "pilotage", "input": "my secret"}
    kept = client.post("/v1/responses", json=asked, headers=mine).json()
    id, item = kept["id"], kept["output"][0]["id"]
    path = f"/v1/responses/{id}"
    replies = [
        client.get(path, headers=theirs),
        client.get(f"{path}/input_items", headers=theirs),
        client.post(f"{path}/cancel", headers=theirs),
        client.delete(path, headers=theirs),
        client.post("/v1/responses", json=asked | {"previous_response_id": id}, headers=theirs),
        client.post("/v1/responses", json=asked | {"input": [{"id": item}]}, headers=theirs),
    ]
    assert [reply.status_code for reply in replies] == [404] * 6
    unknown = client.get("/v1/responses/resp_unknown", headers=theirs)
    assert replies[0].json()["error"]["message"].replace(id, "resp_unknown") == unknown.json()["error"]["message"]
    assert client.get(path, headers=mine).json() == kept
    store.erase("mine")
    assert client.get(path, headers=mine).status_code == 404


def test_a_request_under_way_keeps_nothing_in_a_namespace_that_was_erased(served):
    client, store = served
    asked = {"model": "pilotage", "input": "Please erase me."}
    reply = client.post("/v1/responses", json=asked, headers={"x-tenant": "mine/bob"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "namespace_erased")
    events = client.post("/v1/responses", json=asked | {"stream": True}, headers={"x-tenant": "mine"}).text
    assert "response.failed" in events and "response.completed" not in events
    with store._file.used() as connection:
        assert connection.execute("SELECT count(*) FROM items").fetchone() == (0,)


def test_a_tenant_manages_the_responses_of_its_users(served):
    client, _ = served
    asked = {"model": "pilotage", "input": "hi"}
    kept = client.post("/v1/responses", json=asked, headers={"x-tenant": "app/bob"}).json()
    path = f"/v1/responses/{kept['id']}"
    assert client.get(path, headers={"x-tenant": "app/eve"}).status_code == 404
    assert client.get(path, headers={"x-tenant": "app"}).json() == kept
    assert (
        client.get(f"{path}/input_items", headers={"x-tenant": "app"}).json()["data"][0]["content"][0]["text"] == "hi"
    )
    assert client.delete(path, headers={"x-tenant": "app"}).json() == {
        "id": kept["id"],
        "object": "response",
        "deleted": True,
    }
    assert client.get(path, headers={"x-tenant": "app/bob"}).status_code == 404
