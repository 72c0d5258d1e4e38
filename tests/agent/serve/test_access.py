"""Who is let in, what a key opens, and that it pays for what was truly used, however its request ended."""

import json
import re
import time
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from pilotage.agent.errors import LimitReached, UsageError
from pilotage.agent.models.scripted import Fault
from pilotage.agent.serve.config import serve_config
from pilotage.agent.serve.keys.key import SCOPES
from pilotage.agent.serve.keys.key_store import KeyStore
from pilotage.agent.serve.keys.limits import Limiter, Limits
from tests.agent.serve.tenants import Slow, ask, error_of, seller

PATHS = [
    ("GET", "/v1/models"),
    ("GET", "/v1/models/pilotage"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/feedback"),
    ("GET", "/v1/concepts"),
    ("DELETE", "/v1/namespaces/default"),
    ("GET", "/v1/whatever/comes"),
    ("GET", "/openapi.json"),
    ("GET", "/metrics"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_without_a_key_nothing_answers_but_health_and_the_page(house, method, path):
    nobody = house().nobody
    assert nobody.get("/health").json() == {"status": "ok"}
    said = [{"Authorization": one} for one in ("Bearer pk-wrong", "Basic eDp5", "Bearer")]
    for headers in ({}, *said, {"x-api-key": "x" * 9999}):
        reply = nobody.request(method, path, headers=headers)
        error = error_of(reply, 401)
        assert error["code"] == "invalid_api_key" and error["type"] == "authentication_error"
        assert reply.headers["WWW-Authenticate"].startswith('Bearer realm="pilotage"')


def test_a_key_is_taken_from_either_header_and_refused_once_it_is_revoked(house):
    started = house()
    made = started.keys.create("app", namespace="a")
    for headers in ({"Authorization": f"bearer  {made.secret}"}, {"x-api-key": made.secret}):
        assert started.nobody.get("/v1/models", headers=headers).status_code == 200
    with KeyStore(started.keys.path) as elsewhere:
        elsewhere.revoke(made.key.id)
    for headers in ({"Authorization": f"Bearer {made.secret}"}, {"x-api-key": made.secret}):
        assert error_of(started.nobody.get("/v1/models", headers=headers), 401)["message"] == "this key is not valid"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/v1/chat/completions", "chat"),
        ("POST", "/v1/responses", "chat"),
        ("GET", "/v1/responses/x", "chat"),
        ("POST", "/v1/feedback", "feedback"),
        ("GET", "/v1/concepts", "concepts:read"),
        ("GET", "/v1/concepts/x/history", "concepts:read"),
        ("POST", "/v1/concepts", "concepts:write"),
        ("PATCH", "/v1/concepts/x", "concepts:write"),
        ("DELETE", "/v1/concepts/x", "concepts:write"),
        ("POST", "/v1/concepts/x/undo", "concepts:write"),
        ("DELETE", "/v1/namespaces/a", "erase"),
        ("GET", "/metrics", "metrics"),
        ("GET", "/openapi.json", "metrics"),
        ("POST", "/v1/whatever/comes", "chat"),
        ("GET", "/v1/conversations/x", "chat"),
    ],
)
def test_a_key_opens_what_its_scopes_say(house, method, path, scope):
    started = house()
    reply = started.key("a", scopes=[one for one in SCOPES if one != scope]).request(method, path)
    assert error_of(reply, 403)["code"] == "insufficient_scope"
    assert f'scope="{scope}"' in reply.headers["WWW-Authenticate"]
    assert started.key("a", scopes=[scope]).request(method, path).status_code not in (401, 403)


def test_on_loopback_no_key_is_needed_but_a_wrong_one_of_ours_is_refused(house):
    nobody = house(config={"keys": None}).nobody
    assert nobody.get("/v1/models", headers={"Authorization": "Bearer sk-none"}).status_code == 200
    assert ask(nobody, "hi").status_code == 200
    error_of(nobody.get("/v1/models", headers={"Authorization": "Bearer pk-none"}), 401)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://[::1]"},
        {"Host": "evil.example:8000"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
    ],
)
def test_without_keys_no_page_of_somebody_elses_asks_through_a_browser(house, headers):
    nobody = house(config={"keys": None, "cors": ["https://mine.example"]}).nobody
    body = b'{"title": "planted"}'
    reply = nobody.post("/v1/concepts", content=body, headers={"Content-Type": "text/plain", **headers})
    assert reply.status_code in (400, 403)
    assert nobody.get("/v1/concepts").json()["data"] == []
    own = str(nobody.base_url).rstrip("/")
    for origin in ("https://mine.example", own):
        assert nobody.get("/v1/concepts", headers={"Origin": origin}).status_code == 200
    host = own.removeprefix("http://").replace("127.0.0.1", "localhost")
    there = {"Host": host, "Origin": f"http://{host}"}
    assert nobody.post("/v1/concepts", json={"title": "mine"}, headers=there).status_code == 201


@pytest.mark.parametrize("path", ["/", "/health", "/page/main.js", "/page/report", "/v1/models", "/metrics"])
def test_without_keys_no_path_answers_to_a_foreign_name(house, path):
    nobody = house(config={"keys": None}).nobody
    assert error_of(nobody.get(path, headers={"Host": "evil.example"}), 403)["code"] == "not_local"
    assert nobody.get(path, headers={"Host": "localhost:1"}).status_code == (404 if path == "/page/report" else 200)


@pytest.mark.parametrize(
    "headers",
    [{"X-Forwarded-For": "8.8.8.8"}, {"Forwarded": "for=8.8.8.8"}, {"Via": "1.1 proxy"}, {"X-Real-IP": "8.8.8.8"}],
)
def test_what_a_proxy_passes_on_needs_a_key_whatever_its_host_says(house, headers):
    started = house(config={"keys": None})
    reply = started.nobody.delete("/v1/namespaces/default", headers=headers)
    assert error_of(reply, 403)["code"] == "not_local" and "keys = true" in reply.json()["error"]["message"]
    assert started.key("a").get("/v1/models", headers=headers).status_code == 200


def test_without_a_store_of_keys_a_secret_of_another_service_is_no_key_of_ours(serve, tmp_path):
    client = serve(seller(), {"key_store": str(tmp_path / "none.sqlite")})
    for headers in ({"Authorization": "Bearer pk-lf-1234"}, {"x-api-key": "pk-test"}):
        assert client.get("/v1/models", headers=headers).status_code == 200
        error_of(client.get("/v1/models", headers={**headers, "Host": "evil.example"}), 403)


def test_what_a_key_may_do_changes_while_the_server_runs(house):
    started = house()
    client = started.key("a", scopes=["feedback"])
    assert error_of(ask(client, "hi"), 403)
    with KeyStore(started.keys.path) as elsewhere:
        elsewhere.edit(client.key.id, scopes=["chat"], limits={"requests_per_minute": 3})
        assert ask(client, "hi").status_code == 200
        assert "concepts:read" in error_of(client.get("/v1/concepts"), 403)["message"]
        elsewhere.edit(client.key.id, limits={"requests_per_minute": 1})
        error_of(client.get("/v1/models"), 429)


def test_openais_own_client_in_a_browser_may_ask(house):
    nobody, origin = house(config={"cors": ["https://mine.example"]}).nobody, {"Origin": "https://mine.example"}
    sent = "authorization,content-type,user-agent,x-stainless-arch,x-stainless-retry-count,x-stainless-timeout"
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": sent}
    reply = nobody.options("/v1/chat/completions", headers={**origin, **asked})
    assert reply.status_code == 200
    assert set(sent.split(",")) <= {name.strip() for name in reply.headers["Access-Control-Allow-Headers"].split(",")}
    seen = nobody.get("/v1/models", headers=origin).headers["Access-Control-Expose-Headers"].lower()
    assert "x-request-id" in seen and "retry-after" in seen


def test_a_page_that_may_ask_is_told_what_is_wrong_with_its_key(house):
    nobody, origin = house(config={"cors": ["https://mine.example"]}).nobody, {"Origin": "https://mine.example"}
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization, if-match"}
    assert nobody.options("/v1/concepts/x", headers={**origin, **asked}).status_code == 200
    reply = nobody.get("/v1/models", headers=origin)
    assert error_of(reply, 401) and reply.headers["Access-Control-Allow-Origin"] == origin["Origin"]


def test_with_a_key_an_origin_changes_nothing(house):
    assert house().key("a").get("/v1/models", headers={"Origin": "https://any.example"}).status_code == 200


def test_keys_that_cannot_be_looked_up_let_nobody_in_and_name_no_file(house, tmp_path):
    nobody = house(config={"key_store": str(tmp_path / "nowhere" / "keys.sqlite")}).nobody
    assert "nowhere" not in error_of(nobody.get("/v1/models", headers={"x-api-key": "pk-x"}), 503)["message"]
    error_of(nobody.get("/v1/models"), 401)


@pytest.mark.parametrize(
    ("host", "keys", "needed"),
    [
        ("127.0.0.1", None, False),
        ("127.8.8.8", None, False),
        ("::1", None, False),
        ("localhost", None, False),
        ("127.0.0.1", True, True),
        ("0.0.0.0", None, True),
        ("::", None, True),
        ("192.168.1.2", True, True),
        ("example.com", None, True),
    ],
)
def test_keys_are_needed_where_the_server_is_reached_from_elsewhere(host, keys, needed):
    assert serve_config(None, {"host": host, "keys": keys}).needs_keys is needed


def test_keys_cannot_be_switched_off_there():
    with pytest.raises(UsageError, match=r"cannot be switched off where 0\.0\.0\.0"):
        serve_config(None, {"host": "0.0.0.0", "keys": False})


def test_a_body_beyond_the_keys_limit_is_refused_while_it_is_read(house):
    client, sent = house().key("a", limits=Limits(request_bytes=5000)), []

    def pieces():
        for number in range(16_000):
            sent.append(number)
            yield b" " * 4096

    assert error_of(client.post("/v1/chat/completions", content=b" " * 5001), 413)["code"] == "request_too_large"
    try:
        reply = client.post("/v1/chat/completions", content=pieces())
        assert error_of(reply, 413)["code"] == "request_too_large"
    except (httpx.WriteError, httpx.ReadError):
        pass  # it was closed while more was being sent
    assert len(sent) < 16_000
    assert ask(client, "x" * 3000).status_code == 200


def test_requests_a_minute_are_counted_by_key(house):
    started = house()
    client, other = (started.key("a", limits=Limits(requests_per_minute=3)) for _ in range(2))
    assert [client.get("/v1/models").status_code for _ in range(3)] == [200] * 3
    reply = client.get("/v1/models")
    assert error_of(reply, 429)["code"] == "rate_limit_exceeded"
    assert 1 <= int(reply.headers["Retry-After"]) <= 61
    assert other.get("/v1/models").status_code == 200


def test_requests_at_once_are_counted_until_the_last_byte(house):
    client = house(seller("word " * 400, kind=Slow)).key("a", limits=Limits(concurrent_requests=1))
    body = {"model": "pilotage", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    with client.stream("POST", "/v1/chat/completions", json=body) as stream:
        pieces = stream.iter_bytes()  # held, since its end is the stream's
        next(pieces)
        reply = client.get("/v1/models")
        assert error_of(reply, 429) and reply.headers["Retry-After"] == "1"
    ended(client)


LONG = "word " * 3000


@pytest.mark.parametrize("stream", [False, True])
def test_an_estimate_that_was_too_high_is_given_back(house, stream):
    client = house().key("a", limits=Limits(tokens_per_minute=5000))
    assert ask(client, "hi", max_tokens=4000, stream=stream).status_code == 200
    assert [ask(client, "hi").status_code for _ in range(3)] == [200] * 3
    error_of(ask(client, "hi", max_tokens=5000), 429)


@pytest.mark.parametrize("more", [{}, {"stream": True}])
def test_what_was_used_beyond_the_estimate_is_a_debt(house, more):
    client = house(seller(LONG)).key("a", limits=Limits(tokens_per_minute=1000))
    assert ask(client, "hi", **more).status_code == 200
    reply = ask(client, "hi")
    assert error_of(reply, 429)["code"] == "rate_limit_exceeded"
    assert int(reply.headers["Retry-After"]) > 100  # 3,000 tokens of 1,000 a minute


def ended(client):
    """Waits until the server has noticed that the only request of a key has ended."""
    while "at once" in client.get("/v1/models").text:
        time.sleep(0.02)


def test_a_stream_that_its_client_leaves_is_paid_for_as_far_as_it_went(house):
    limits = Limits(tokens_per_minute=1000, concurrent_requests=1)
    client = house(seller("word " * 30_000, kind=Slow, rest=0.0005)).key("a", limits=limits)
    body = {"model": "pilotage", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    with client.stream("POST", "/v1/chat/completions", json=body) as stream:
        pieces = stream.iter_bytes()
        read = 0
        while read < 1100:
            read += next(pieces).count(b"data:")
    ended(client)
    for _ in range(100):  # which cost a few tokens each: the run that was cancelled ends in its own time
        reply = ask(client, "hi", max_tokens=1)
        if reply.status_code == 429:
            break
        time.sleep(0.1)
    assert error_of(reply, 429)["message"].startswith("this key is limited to 1000 tokens")


def test_a_reply_that_its_client_does_not_wait_for_is_paid_for_too(house):
    """It is no stream, so nobody knows what the model has written: what it has read is charged."""
    limits = Limits(tokens_per_minute=1500, concurrent_requests=1)
    client = house(seller(latency=600.0)).key("a", limits=limits)
    with pytest.raises(httpx.ReadTimeout):
        body = {"model": "pilotage", "messages": [{"role": "user", "content": "hi " * 1000}]}
        client.post("/v1/chat/completions", json=body, timeout=2)
    ended(client)
    assert error_of(ask(client, "hi", max_tokens=600), 429)["message"].startswith("this key is limited to 1500 tokens")


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_passed_through_is_charged_as_the_upstream_tells(house, running, stream):
    upstream = FastAPI()

    @upstream.post("/v1/chat/completions")
    async def completions():
        usage = {"prompt_tokens": 900, "completion_tokens": 2100, "total_tokens": 3000}
        if not stream:
            return {"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}], "usage": usage}
        lines = [{"choices": [{"delta": {"content": "hi"}}], "usage": None}, {"choices": [], "usage": usage}]
        text = "".join(f"data: {json.dumps(line)}\n\n" for line in lines) + "data: [DONE]\n\n"
        return StreamingResponse(iter([text[:50], text[50:]]), media_type="text/event-stream")

    client = house(base_url=running(upstream) + "/v1").key("a", limits=Limits(tokens_per_minute=1000))
    assert ask(client, "hi", model="passthrough", stream=stream).status_code == 200
    reply = ask(client, "hi", model="passthrough", stream=stream)
    assert error_of(reply, 429) and int(reply.headers["Retry-After"]) > 100


def test_a_request_that_failed_before_any_token_costs_none(house):
    fails = iter([Fault(status=400), Fault(status=400)])
    model = seller()
    script = model.script
    model.script = lambda messages: next(fails, None) or script(messages)
    client = house(model).key("a", limits=Limits(tokens_per_minute=1000))
    assert ask(client, "hi", max_tokens=900).status_code == 400
    assert ask(client, "hi", max_tokens=900, stream=True).status_code == 200
    assert ask(client, "hi", max_tokens=700).status_code == 200


def test_an_estimate_can_grow_and_is_reserved_for_others_to_see():
    limiter, limits = Limiter(lambda: 1000.0), Limits(tokens_per_minute=100)
    first, second = limiter.admit("key", limits), limiter.admit("key", limits)
    first.expect(60)
    with pytest.raises(LimitReached):
        second.expect(41)
    second.expect(40)
    first.settle(10)
    first.close()
    limiter.admit("key", limits, 50)
    with pytest.raises(LimitReached):
        limiter.admit("key", limits, 1)


def test_the_key_that_the_docs_give_prometheus_opens_the_metrics_and_no_chat(house):
    page = (Path(__file__).parents[3] / "docs" / "running-the-server.md").read_text()
    command = re.search(r"`pilotage (keys create prometheus[^`]*)`", page)
    scopes = re.findall(r"--scope (\S+)", command[1])
    started = house()
    key = started.key("prometheus", scopes=scopes)
    assert key.get("/metrics").status_code == 200
    assert error_of(ask(key), 403)["code"] == "insufficient_scope"
