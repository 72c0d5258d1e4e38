"""Keys of upstreams: each is sent to its own upstream alone; clients are told neither it nor the server's inside."""

import json

import pytest

from pilotage.agent.errors import ModelUnavailable, UsageError
from pilotage.agent.models import load_model
from pilotage.agent.serve.config import ServeConfig, serve_config
from pilotage.agent.serve.service import Service
from pilotage.agent.settings import settings_from
from tests.agent.serve.tenants import error_of
from tests.agent.serve.test_over_an_upstream import HELLO
from tests.agent.serve.test_upstreams import unused_port
from tests.agent.serve.upstream import Line, Upstream

OWNERS = "sk-owner-SECRET-1234567890"
OTHERS = "team-b-SECRET-0987654321"
MODELS = ("pilotage", "passthrough")


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", OWNERS)
    monkeypatch.setenv("WHAT_B_TAKES", OTHERS)


def service_of(upstreams=None, **settings):
    config = ServeConfig(upstreams=upstreams or {})
    return Service(settings_from({"model": "scripted:no", "memory": "none"} | settings), config)


def sent(up):
    return [headers["authorization"] for headers in up.headers]


def ask(http, model, **more):
    return http.post("/v1/chat/completions", json={"model": model, "messages": HELLO, **more})


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("upstream", "key"), [("a", "none"), ("b", OTHERS), ("default", "none")], ids=["unnamed", "named", "first"]
)
def test_an_upstream_of_the_configuration_gets_the_key_that_it_names_or_none(running, serve, model, upstream, key):
    up = Upstream(lambda body: "Hello!")
    to = {"model": "m", "base_url": f"{running(up.app)}/v1"} | (
        {"api_key_env": "WHAT_B_TAKES"} if key == OTHERS else {}
    )
    http = serve(None, {"upstreams": {upstream: to}}, model="scripted:no")
    name = model if upstream == "default" else f"{model}@{upstream}"
    assert ask(http, name).status_code == 200
    assert sent(up) == [f"Bearer {key}"]


@pytest.mark.parametrize("model", MODELS)
def test_the_address_of_the_command_line_gets_the_owners_key(over, model):
    up, http = over(lambda body: "Hello!")
    assert ask(http, model).status_code == 200
    assert sent(up) == [f"Bearer {OWNERS}"]


@pytest.mark.parametrize(
    ("upstream", "key"),
    [({"model": "openai:gpt-4o", "api_key_env": "WHAT_B_TAKES"}, OTHERS), ({"model": "openai:gpt-4o"}, OWNERS)],
    ids=["named", "the package's own"],
)
@pytest.mark.parametrize("name", ["b", "default"])
async def test_a_provider_is_asked_with_the_key_that_is_named(upstream, key, name):
    link = service_of({name: upstream}).links(name)[0]
    assert link.client.main.openai_api_key.get_secret_value() == key
    assert await link.address() == ("https://api.openai.com/v1", key, "gpt-4o")


@pytest.mark.parametrize("provider", ["anthropic:m", "mistralai:m", "groq:m", "google_genai:m"])
def test_other_providers_take_the_key_too(provider):
    load_model(provider, api_key=OTHERS)  # raises where the model holds another


@pytest.mark.parametrize("spec", ["ollama:qwen2.5", "embedded", "scripted:file", "model.gguf"])
def test_what_takes_no_key_is_given_none(spec):
    with pytest.raises(UsageError, match="takes no key"):
        load_model(spec, api_key=OTHERS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'model = "m"\nbase_url = "http://127.0.0.1:1/v1"\napi_key_env = "NOT_SET_HERE"',
            "NOT_SET_HERE, which is not set",
        ),
        ('model = "embedded"\napi_key_env = "WHAT_B_TAKES"', "takes no key"),
    ],
)
def test_a_key_that_is_not_there_or_of_no_use_is_refused_at_the_start(tmp_path, text, said):
    file = tmp_path / "serve.toml"
    file.write_text(f"[upstreams.b]\n{text}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="the server's configuration") as refused:
        serve_config(file, {})
    assert said in str(refused.value) and OTHERS not in str(refused.value)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["echo 400", "echo 403", "echo 500", "echo 200"])
def test_an_echoed_key_is_hidden_from_clients(running, serve, model, fault, stream):
    """Under a name that does not tell that it is a key."""
    up = Upstream(lambda body: Line(fault=fault if body.get("stream") or fault != "echo 200" else 400))
    to = {"model": "m", "base_url": f"{running(up.app)}/v1", "api_key_env": "WHAT_B_TAKES", "retries": 0}
    http = serve(None, {"upstreams": {"b": to}}, model="scripted:no")
    reply = ask(http, f"{model}@b", stream=stream)
    assert sent(up) and set(sent(up)) == {f"Bearer {OTHERS}"}
    assert OTHERS not in reply.text and "SECRET" not in reply.text
    if fault != "echo 200" or stream:
        assert "***" in reply.text


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_that_the_servers_key_is_refused_is_no_fault_of_the_clients(over, caplog, model, path):
    _, http = over(lambda body: Line(fault="echo 401"))
    body = (
        {"model": model, "messages": HELLO} if path.endswith("completions") else {"model": model, "input": "hi there"}
    )
    reply = http.post(path, json=body)
    error = error_of(reply, 502)
    assert error["code"] == "upstream_refused_its_key"
    assert "the upstream default refused" in error["message"] and "HTTP 401" in error["message"]
    assert "Incorrect" not in error["message"]
    assert "Incorrect API key provided" in caplog.text and OWNERS not in caplog.text


def inside(http):
    """What no client is to read: addresses, flags of commands, files, packages."""
    return [str(http.base_url), "127.0.0.1", "base URL", "--", "Budget.", ".gguf", "pip install", "/v1/chat"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [None, 400, 404, 500, 429, "garbage", "other type", "nothing", "torn", "unheard"])
def test_errors_tell_which_upstream_and_nothing_of_the_inside(running, serve, model, fault, stream):
    up = Upstream(lambda body: Line("", thinking="well", finish="length") if fault is None else Line(fault=fault))
    address = f"http://127.0.0.1:{unused_port()}" if fault == "unheard" else running(up.app)
    http = serve(
        None, {"upstreams": {"b": {"model": "m", "base_url": f"{address}/v1", "retries": 0}}}, model="scripted:no"
    )
    reply = ask(http, f"{model}@b", stream=stream)
    if model == "passthrough" and fault is None:
        return  # a reply of the upstream's, whatever it is
    events = [json.loads(one[6:]) for one in reply.text.split("\n\n") if one.startswith("data: {")] if stream else []
    (error,) = [one["error"] for one in events or [reply.json()] if "error" in one]
    assert not [word for word in inside(http) if word in error["message"]], error["message"]
    if fault == "unheard":
        assert "the upstream b" in error["message"]


def test_notes_of_blocks_tell_nothing_of_the_inside(over):
    """A block that fails is told as progress and in the trace."""

    def line(body):
        return Line(fault=400) if "Python program" in str(body["messages"][-1]["content"]) else "It is 391."

    up, http = over(line)
    reply = http.post(
        "/v1/chat/completions",
        json={"model": "pilotage:program", "messages": HELLO, "pilotage": {"trace": True}},
    )
    steps = reply.json()["pilotage"]["runs"][0]["steps"]
    (note,) = [step["evidence"]["note"] for step in steps if step["block"] == "program"]
    assert "the upstream default refused with HTTP 400" in note
    assert not [word for word in inside(http) if word in reply.text]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_a_model_that_cannot_be_set_up_is_told_without_its_place(serve, caplog, path):
    http = serve(None, {"upstreams": {"b": {"model": "/no/such/place/model.gguf"}}}, model="scripted:no")
    for model in MODELS:
        reply = http.post(path, json={"model": f"{model}@b", "messages": HELLO} | {"input": "hi"})
        if reply.status_code == 400:  # the field of the other endpoint
            field = "input" if path.endswith("completions") else "messages"
            body = {"model": f"{model}@b", "messages": HELLO, "input": "hi"}
            del body[field]
            reply = http.post(path, json=body)
        error = error_of(reply, 502)
        assert "the upstream b" in error["message"] and "/no/such" not in error["message"]
    assert "/no/such/place/model.gguf" in caplog.text


def test_what_cannot_be_set_up_is_an_error_of_the_models(caplog):
    link = service_of({"b": {"model": "ollama:qwen2.5", "api_key_env": "WHAT_B_TAKES"}}).links("b")[0]
    with pytest.raises(ModelUnavailable, match="the upstream b cannot be asked"):
        _ = link.client
    assert "'ollama:qwen2.5' takes no key" in caplog.text
