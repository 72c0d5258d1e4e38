"""Spans of requests to the server: who asked, for which route, how it ended, and nothing of what was asked."""

import time

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from pilotage.agent import ScriptedChatModel
from tests.agent.serve.conftest import over, running, serve  # noqa: F401  (fixtures)
from tests.agent.serve.upstream import Line, left_in_the_midst

CHAT = "POST /v1/chat/completions"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HELLO = {"model": "pilotage", "messages": [{"role": "user", "content": "hi there, gooseberry"}]}


def scripted():
    return ScriptedChatModel(lambda messages: "Hello there!")


def ended(told, name, seconds=120):
    """The one span of a name, once it has ended: the last byte of a reply comes before that."""
    until = time.monotonic() + seconds
    while not told.named(name) and time.monotonic() < until:
        time.sleep(0.01)
    return told.one(name)


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_goes_on_with_its_callers_trace(told, serve, stream):  # noqa: F811
    http = serve(scripted())
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "mine-1"}
    http.post("/v1/chat/completions", json={**HELLO, "stream": stream}, headers=headers).raise_for_status()
    request = ended(told, CHAT)
    assert request.kind is SpanKind.SERVER and request.status.status_code is StatusCode.UNSET
    assert (f"{request.context.trace_id:032x}", f"{request.parent.span_id:016x}") == (TRACE, PARENT)
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.route": "/v1/chat/completions",
        "url.path": "/v1/chat/completions",
        "http.response.header.x-request-id": ("mine-1",),
        "http.response.status_code": 200,
    }
    names = [span.name for span in told.spans]
    assert names == [CHAT, "invoke_agent pilotage", "block answer", "chat scripted"]
    assert {span.context.trace_id for span in told.spans} == {request.context.trace_id}
    assert told.parent(told.one("invoke_agent pilotage")).name == CHAT
    assert "gooseberry" not in told.everything


def test_an_unreadable_parent_is_none(told, serve):  # noqa: F811
    http = serve(scripted())
    http.post("/v1/chat/completions", json=HELLO, headers={"traceparent": "00-<script>-1-zz"}).raise_for_status()
    assert ended(told, CHAT).parent is None


def test_names_and_searches_are_not_told(told, serve, tmp_path):  # noqa: F811
    http = serve(scripted(), place=str(tmp_path), memory=str(tmp_path))
    http.get("/v1/concepts", params={"query": "gooseberry"}).raise_for_status()
    http.get("/v1/models/pilotage:low").raise_for_status()
    assert http.get("/gooseberry").status_code == 404
    assert ended(told, "GET /v1/models/{name:path}").attributes["url.path"] == "/v1/models/{name:path}"
    missing = ended(told, "GET")
    assert missing.attributes["http.response.status_code"] == 404
    assert missing.status.status_code is StatusCode.UNSET  # a client's mistake is no error of a server
    ended(told, "GET /v1/concepts")
    assert "gooseberry" not in told.everything and "pilotage:low" not in told.everything


def test_what_machines_ask_all_day_is_not_told(told, serve):  # noqa: F811
    http = serve(scripted())
    http.get("/health").raise_for_status()
    http.get("/metrics").raise_for_status()
    http.get("/v1/models").raise_for_status()
    ended(told, "GET /v1/models")
    assert len(told.spans) == 1


def test_a_passed_request_is_a_call_of_the_model(told, over):  # noqa: F811
    upstream, http = over(lambda body: "Hello there!")
    for stream in (False, True):
        body = {**HELLO, "model": "passthrough", "stream": stream}
        http.post("/v1/chat/completions", json=body).raise_for_status()
        request, call = ended(told, CHAT), told.one("chat up")
        assert told.parent(call) is not None and call.parent.span_id == request.context.span_id
        assert call.kind is SpanKind.CLIENT and call.attributes["server.address"] == "127.0.0.1"
        told.forget()


@pytest.mark.parametrize("model", ["pilotage", "passthrough"])
def test_a_failing_upstream_is_an_error_of_the_call(told, over, model):  # noqa: F811
    upstream, http = over(lambda body: Line(fault=400))
    assert http.post("/v1/chat/completions", json={**HELLO, "model": model}).status_code == 400
    ended(told, CHAT)
    call = told.one("chat up")
    assert call.attributes["error.type"] == "400" and call.status.status_code is StatusCode.ERROR
    assert "upstream says" not in told.everything


@pytest.mark.parametrize("model", ["pilotage", "passthrough"])
def test_an_upstream_that_is_not_there_is_an_error_of_the_call_and_the_request(told, serve, model):  # noqa: F811
    http = serve(None, model="up", base_url="http://127.0.0.1:9/v1")
    assert http.post("/v1/chat/completions", json={**HELLO, "model": model}).status_code == 502
    request = ended(told, CHAT)
    assert request.attributes["error.type"] == "502" and request.status.status_code is StatusCode.ERROR
    assert told.one("chat up").status.status_code is StatusCode.ERROR
    assert told.one("chat up").attributes["error.type"] in ("ClientConnectorError", "ModelUnavailable")


@pytest.mark.parametrize("stream", ["false", "true"])
def test_a_client_that_leaves_ends_every_span(told, over, stream):  # noqa: F811
    upstream, http = over(lambda body: Line(fault="hang"))
    body = b'{"model": "pilotage", "stream": %s, "messages": [{"role": "user", "content": "hi"}]}' % stream.encode()
    with left_in_the_midst(http, upstream, body):
        pass
    request = ended(told, CHAT)
    assert upstream.left.wait(120)
    names = [span.name for span in told.spans]
    assert names == [CHAT, "invoke_agent pilotage", "block answer", "chat up"]
    inner = {span.attributes["error.type"] for span in told.spans if span is not request}
    assert inner == {"cancelled"}
    assert request.status.status_code is StatusCode.ERROR or request.attributes["http.response.status_code"] == 499
