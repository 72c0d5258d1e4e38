"""Names of models: what is listed can be asked for, and nobody fills the server with names."""

import pytest

from tests.agent.chat.test_conversations import scripted
from tests.agent.serve.tenants import error_of
from tests.agent.serve.test_over_an_upstream import HELLO
from tests.agent.serve.upstream import Upstream


def listed(http):
    return [model["id"] for model in http.get("/v1/models").json()["data"]]


def test_what_is_listed_is_there_and_what_is_not_there_is_not_listed(running, serve):
    up = Upstream(lambda body: "Hello!")
    upstreams = {
        "near": {"model": "m", "base_url": f"{running(up.app)}/v1"},
        "foreign": {"model": "anthropic:claude"},
        "openai": {"model": "openai:gpt-4o"},
        "own": {"model": "embedded"},
    }
    http = serve(scripted(), {"upstreams": upstreams})
    names = listed(http)
    direct = [name for name in names if name.startswith("passthrough")]
    assert direct == ["passthrough@near", "passthrough@openai", "passthrough@own"]
    assert {f"pilotage@{name}" for name in upstreams} <= set(names) and len(names) == len(set(names))
    for name in names:
        assert http.get(f"/v1/models/{name}").json()["id"] == name
    for name in ("passthrough", "passthrough@foreign"):
        assert error_of(http.get(f"/v1/models/{name}"), 404)["code"] == "model_not_found"
        for path in ("/v1/chat/completions", "/v1/responses"):
            body = {"model": name, "messages": HELLO, "input": "hi"}
            assert error_of(http.post(path, json=body), 404)["code"] == "model_not_found"
    assert http.post("/v1/chat/completions", json={"model": direct[0], "messages": HELLO}).status_code == 200


def test_the_first_upstream_is_listed_where_it_can_be_passed_through_to(over):
    assert listed(over(lambda body: "Hello!")[1])[-1] == "passthrough"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_a_name_has_no_more_blocks_than_a_run_has_steps(serve, path):
    http = serve(scripted(), max_steps=3)

    def ask(name):
        return http.post(
            path,
            json={"model": name, "input": "hi"} if path.endswith("responses") else {"model": name, "messages": HELLO},
        )

    assert ask("pilotage:reason,reason,reason").status_code == 200
    for count in (4, 1000, 100_000):
        error = error_of(ask(f"pilotage:{','.join(['reason'] * count)}"), 404)
        assert "at most 3 blocks" in error["message"] and len(error["message"]) < 300


@pytest.mark.parametrize("name", ["x" * 10**6, "pilotage:" + "x" * 10**6, "pilotage@" + "x" * 10**6])
def test_a_name_without_an_end_is_not_said_back(serve, name):
    reply = serve(scripted()).post("/v1/chat/completions", json={"model": name, "messages": HELLO})
    assert error_of(reply, 404) and len(reply.content) < 1000
