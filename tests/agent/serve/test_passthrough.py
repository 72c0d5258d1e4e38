"""What is passed through: bodies as JSON can say them, what it costs whoever leaves, and a stream that is silent."""

import json
import threading

import httpx
import pytest

from pilotage.agent.serve.keys.key_store import KeyStore
from pilotage.agent.serve.keys.limits import Limits
from tests.agent.serve.tenants import error_of
from tests.agent.serve.test_metrics import told
from tests.agent.serve.test_over_an_upstream import HELLO
from tests.agent.serve.test_upstreams import read_until, wait_for
from tests.agent.serve.upstream import Line, Upstream

PATHS = ("/v1/chat/completions", "/v1/responses")
LONG = "word " * 4000


@pytest.fixture
def limited(over, tmp_path):
    """Serves an upstream for a key of 5,000 tokens a minute; gives it, a client that sees metrics, and that key."""

    def start(script):
        store = tmp_path / "keys.sqlite"
        with KeyStore(store) as keys:
            _, secret = keys.create("a", scopes=("chat",), limits=Limits(tokens_per_minute=5000))
            _, watching = keys.create("b", scopes=("metrics",))
        up, http = over(script, {"keys": True, "key_store": str(store)})
        http.headers["Authorization"] = f"Bearer {watching}"
        return up, http, {"Authorization": f"Bearer {secret}"}

    return start


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("said", ['"\\ud800"', "NaN", "-Infinity", "1e999"])
def test_what_no_other_reader_of_json_reads_is_refused_in_a_sentence(over, path, said):
    up, http = over(lambda body: "Hello!")
    body = f'{{"model": "passthrough", "messages": [], "input": "a", "stray": {said}}}'
    error = error_of(http.post(path, content=body, headers={"Content-Type": "application/json"}), 400)
    assert error["code"] == "invalid_json"
    assert up.bodies == []


def test_long_bodies_are_read_and_those_of_too_many_parts_are_not(over):
    up, http = over(lambda body: "Hello!")
    said = [{"role": "user", "content": "[{" * 2**18 + "\N{SNOWMAN}" * 2**19}]
    http.post("/v1/chat/completions", json={"model": "passthrough", "messages": said}).raise_for_status()
    assert up.bodies == [{"model": "up", "messages": said}]
    parts = f'{{"model": "passthrough", "messages": [{"[]," * 2**20}[]]}}'
    error = error_of(http.post("/v1/chat/completions", content=parts), 400)
    assert "brackets" in error["message"] and len(up.bodies) == 1


@pytest.mark.parametrize("number", [2**63, 2**70, -(10**40)])
def test_numbers_of_any_size_are_passed_on(over, number):
    up, http = over(lambda body: "Hello!")
    body = {"model": "passthrough", "messages": HELLO, "seed": number, "stray": ["\N{SNOWMAN}"]}
    http.post("/v1/chat/completions", content=json.dumps(body)).raise_for_status()
    assert up.bodies == [body | {"model": "up"}]


def test_a_client_that_leaves_a_whole_reply_is_charged_its_prompt(limited):
    """Again and again would be for nothing otherwise."""
    gate = threading.Event()
    up, http, key = limited(lambda body: Line("Hello!", gate=gate))
    body = {"model": "passthrough", "messages": [{"role": "user", "content": LONG}]}
    with pytest.raises(httpx.ReadTimeout):
        http.post("/v1/chat/completions", json=body, headers=key, timeout=httpx.Timeout(120, read=2))
    assert len(up.bodies) == 1
    wait_for(lambda: told(http, "pilotage_upstream_calls_total") == {'upstream="default"': 1})
    assert told(http, "pilotage_tokens_total")['kind="prompt",upstream="default"'] >= len(LONG) // 5
    gate.set()
    reply = http.post("/v1/chat/completions", json=body, headers=key)
    assert error_of(reply, 429)["code"] == "rate_limit_exceeded" and len(up.bodies) == 1


@pytest.mark.parametrize("path", PATHS)
def test_a_reply_that_breaks_off_is_an_error_and_charged_its_prompt(over, path):
    up, http = over(lambda body: Line("Hello!", fault="torn"))
    body = {"model": "passthrough", "messages": [{"role": "user", "content": LONG}], "input": LONG}
    error = error_of(http.post(path, json=body), 502)
    assert error["code"] == "upstream_unavailable" and "broke off" in error["message"]
    assert told(http, "pilotage_tokens_total")['kind="prompt",upstream="default"'] >= len(LONG) // 5


def test_one_that_never_came_costs_nothing(serve):
    http = serve(None, {}, model="up", base_url="http://127.0.0.1:9/v1")
    error_of(http.post("/v1/chat/completions", json={"model": "passthrough", "messages": HELLO}), 502)
    assert told(http, "pilotage_tokens_total") in ({}, {f'kind="{kind}",upstream="default"': 0 for kind in KINDS})


KINDS = ("prompt", "cached", "completion")


@pytest.mark.parametrize("path", PATHS)
def test_silence_in_what_is_passed_through_is_filled_with_comments(over, path):
    gate, seen = threading.Event(), []
    _, http = over(lambda body: Line("one two three", gate=gate), {"keep_alive": 0.05})
    body = {"model": "passthrough", "messages": HELLO, "input": "hi", "stream": True}
    with http.stream("POST", path, json=body) as reply:
        for line in reply.iter_lines():
            seen.append(line)
            if line == ": keep-alive":
                gate.set()
    assert ": keep-alive" in seen
    assert all(line.startswith(("data: ", "event: ", ": ")) for line in seen if line)
    assert sum("three" in line for line in seen) >= 1


@pytest.mark.parametrize("path", PATHS)
def test_a_client_that_leaves_in_silence_closes_the_upstream_and_is_charged(over, path):
    up, http = over(lambda body: Line("word " * 10_000, delay=0.01), {"keep_alive": 0.05})
    body = {"model": "passthrough", "messages": HELLO, "input": "hi", "stream": True}
    with http.stream("POST", path, json=body) as reply:
        read_until(reply, "data: ")
    wait_for(lambda: told(http, "pilotage_upstream_calls_total") == {'upstream="default"': 1})
    assert told(http, "pilotage_tokens_total")['kind="completion",upstream="default"'] > 0


def passed(http):
    return http.post("/v1/chat/completions", json={"model": "passthrough", "messages": HELLO})


@pytest.mark.parametrize("scheme", ["http://", ""], ids=["address", "host and port"])
def test_the_proxy_of_the_environment_is_asked(running, serve, monkeypatch, scheme):
    proxy = Upstream(lambda body: "Hello!")
    place = running(proxy.app).removeprefix("http://")
    host = f"up{len(scheme)}.invalid"
    http = serve(None, {}, model="up", base_url=f"http://{host}/v1")
    monkeypatch.setenv("http_proxy", scheme + place)
    assert passed(http).json()["choices"][0]["message"]["content"] == "Hello!"
    assert proxy.headers[0]["host"] == host


def test_an_address_that_takes_no_proxy_is_asked_itself(running, serve, monkeypatch):
    up = Upstream(lambda body: "Hello!")
    http = serve(None, {}, model="up", base_url=f"{running(up.app)}/v1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
    assert passed(http).status_code == 200


def test_credentials_in_an_address_are_those_that_it_is_shown(running, serve):
    up = Upstream(lambda body: "Hello!")
    place = running(up.app).replace("://", "://me:battery-8@")
    assert passed(serve(None, {}, model="up", base_url=f"{place}/v1")).status_code == 200
    assert up.headers[0]["authorization"] == "Basic bWU6YmF0dGVyeS04"
