"""Names of models: what is listed can be asked for, and nobody fills the server with names."""

import sys

import pytest

from tests.agent.chat.test_conversations import ASKED, scripted
from tests.agent.serve.tenants import error_of
from tests.agent.serve.test_over_an_upstream import HELLO
from tests.agent.serve.upstream import Upstream

QUESTION = [{"role": "user", "content": ASKED}]


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


def test_a_strategy_is_a_model_name_and_a_policy_of_a_request(serve):
    model = scripted()
    http = serve(model)

    def ask(**body):
        return http.post("/v1/chat/completions", json={"messages": QUESTION, **body})

    told = ask(model="strategy:self-consistency;n=3", pilotage={"trace": True}).json()
    (run,) = told["pilotage"]["runs"]
    assert run["route"] == ["strategy.self-consistency+n=3", "answer"] and told["model"].startswith("strategy:")
    told = ask(model="pilotage", pilotage={"trace": True, "policy": "strategy:best-of-n;scorer=agreement"}).json()
    assert told["pilotage"]["runs"][0]["policy"] == "strategy:best-of-n;scorer=agreement"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("strategy:self-consistncy", "did you mean self-consistency?"),
        ("strategy:self-consistency;n=many", "n=many"),
        ("strategy:" + "x" * 10**6, "there is no strategy"),
    ],
)
def test_a_strategy_that_there_is_not_is_no_model(serve, name, why):
    model = scripted()
    http = serve(model)
    reply = http.post("/v1/chat/completions", json={"model": name, "messages": QUESTION})
    assert why in error_of(reply, 404)["message"] and len(reply.content) < 1000
    asked = {"model": "pilotage", "messages": QUESTION, "pilotage": {"policy": name}}
    reply = http.post("/v1/chat/completions", json=asked)
    assert why in error_of(reply, 400)["message"] and len(reply.content) < 1000
    assert not model.calls


def test_more_draws_than_a_run_has_calls_are_refused_before_any(serve):
    model = scripted()
    body = {"model": "strategy:self-consistency;n=900", "messages": QUESTION}
    reply = serve(model).post("/v1/chat/completions", json=body)
    assert "needs 900 calls" in error_of(reply, 400)["message"]
    assert not model.calls


@pytest.mark.parametrize(
    "spec",
    [
        "cascade;large=openai:gpt-4o",
        "retrieve;retriever=tests.agent.serve.imported:here",
        "archon;file=/dev/zero",
        "best-of-n;scorer=remote:http://127.0.0.1:9/score",
        "difficulty-adaptive;hard=retrieve,retriever=tests.agent.serve.imported:here",
        "difficulty-adaptive;easy=archon,file=/dev/zero",
        "plangen;arms=best-of-n|archon,file=/dev/zero",
    ],
)
def test_a_strategy_that_reaches_beyond_the_run_is_not_for_a_client_to_choose(serve, spec):
    """No file is read and nothing imported before it is refused."""
    reply = serve(scripted()).post("/v1/chat/completions", json={"model": f"strategy:{spec}", "messages": QUESTION})
    assert "for whoever starts the server to choose" in error_of(reply, 404)["message"]
    assert "tests.agent.serve.imported" not in sys.modules
