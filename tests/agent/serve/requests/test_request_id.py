"""Every reply has an id, and whatever the log says of its request names it."""

import asyncio
import json
import logging
import re
import socket

import httpx
import openai
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse, StreamingResponse

from pilotage.agent.serve.app import create_app
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.metrics import Metrics
from pilotage.agent.serve.requests.middleware import RequestMiddleware
from pilotage.agent.serve.service import Service
from pilotage.agent.serve.stopping.drain import Drain
from pilotage.agent.settings import settings_from
from tests.agent.serve.tenants import ask, error_of
from tests.agent.serve.test_over_an_upstream import HELLO, client_of, working
from tests.agent.serve.upstream import Line

NEW = re.compile(r"req_[0-9a-f]{32}")
OWN = {"X-Request-ID": "mine-1"}


def id_of(reply):
    """The id of a reply, which has one alone."""
    (id,) = reply.headers.get_list("X-Request-ID")
    return id


@pytest.mark.parametrize("model", ["pilotage", "passthrough"])
def test_openais_client_shows_it(over, model):
    _, http = over(working)
    completions, asked = client_of(http).chat.completions, {"model": model, "messages": HELLO}
    first, second = completions.create(**asked), completions.create(**asked)
    assert NEW.fullmatch(first._request_id) and NEW.fullmatch(second._request_id)
    assert first._request_id != second._request_id
    assert completions.create(**asked, extra_headers=OWN)._request_id == "mine-1"
    with completions.create(**asked, stream=True, extra_headers=OWN) as stream:
        assert stream.response.headers["x-request-id"] == "mine-1" and list(stream)
    with pytest.raises(openai.NotFoundError) as failed:
        completions.create(**asked | {"model": "nothing"}, extra_headers=OWN)
    assert failed.value.request_id == "mine-1"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/page/main.js", 200),
        ("GET", "/health", 200),
        ("GET", "/page/none", 404),
        ("PUT", "/health", 405),
        ("GET", "/v1/models", 401),
        ("POST", "/v1/chat/completions", 401),
        ("OPTIONS", "/v1/models", 200),
    ],
)
def test_every_reply_has_one_also_to_nobody(house, method, path, status):
    nobody = house(config={"cors": ["https://mine.example"]}).nobody
    asked = {"Origin": "https://mine.example", "Access-Control-Request-Method": "GET"} if method == "OPTIONS" else {}
    reply = nobody.request(method, path, headers=asked)
    assert reply.status_code == status and NEW.fullmatch(id_of(reply))
    assert id_of(nobody.request(method, path, headers=asked | OWN)) == "mine-1"


def test_refusals_have_one(house):
    client = house().key("a", scopes=["chat"])
    for reply, status in (
        (client.get("/v1/concepts", headers=OWN), 403),
        (client.get("/v1/none", headers=OWN), 404),
        (client.post("/v1/chat/completions", content=b"{", headers=OWN), 400),
    ):
        assert error_of(reply, status) and id_of(reply) == "mine-1"


@pytest.mark.parametrize(
    "id", [b"", b"a b", b"a\tb", b"x" * 129, "\N{LATIN SMALL LETTER E WITH ACUTE}".encode(), b"\xff"]
)
def test_an_id_that_is_not_sane_is_replaced(over, id):
    _, http = over(working)
    assert NEW.fullmatch(id_of(http.get("/health", headers=[(b"X-Request-ID", id)])))


@pytest.mark.parametrize("id", ["!", "x" * 128, "%s%(x)d", 'a="b",c'])
def test_a_sane_id_is_taken_as_it_is(over, id):
    _, http = over(working)
    assert id_of(http.get("/health", headers={"X-Request-ID": id})) == id


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("theirs", "told"), [("up-7", "up-7"), ("two words", None)])
def test_the_upstreams_own_id_goes_on_under_another_name(serve, running, stream, theirs, told):
    upstream = FastAPI()

    @upstream.post("/v1/chat/completions")
    async def completions():
        headers = {"X-Request-ID": theirs}
        choice = {"index": 0, "delta": {"content": "hi"}, "message": {"content": "hi"}, "finish_reason": "stop"}
        if not stream:
            return JSONResponse({"choices": [choice]}, headers=headers)
        events = iter(['data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'])
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    http = serve(None, model="up", base_url=running(upstream) + "/v1")
    reply = ask(http, "hi", model="passthrough", stream=stream)
    assert reply.status_code == 200 and NEW.fullmatch(id_of(reply))
    assert reply.headers.get("X-Upstream-Request-ID") == told


@pytest.mark.parametrize(("model", "stream", "fault"), [("passthrough", False, 500), ("pilotage", True, 401)])
def test_a_warning_names_the_request_that_it_is_about(over, caplog, model, stream, fault):
    _, http = over(lambda body: Line(fault=fault))
    said = {}
    for id in ("first", "%s-%d"):
        caplog.clear()
        body = {"model": model, "stream": stream, "messages": HELLO}
        http.post("/v1/chat/completions", json=body, headers={"X-Request-ID": id})
        said[id] = [one.getMessage() for one in caplog.records if one.name == "pilotage.serve"]
    assert all(lines for lines in said.values())
    assert all(line.endswith(f" (request {id})") for id, lines in said.items() for line in lines)


@pytest.fixture
def broken(running, tmp_path):
    """A server two of whose routes fail as nobody foresaw."""
    flags = {"model": "up", "base_url": "http://127.0.0.1:9/v1", "memory": "none", "policy": "rules"}
    config = ServeConfig(responses_file=tmp_path / "responses.sqlite")
    app = create_app(Service(settings_from(flags), config))

    @app.get("/broken")
    async def at_once():
        raise ZeroDivisionError("gooseberry")

    @app.get("/breaks")
    async def later():
        async def pieces():
            yield b"half"
            raise ZeroDivisionError("gooseberry")

        return StreamingResponse(pieces())

    with httpx.Client(base_url=running(app), timeout=60) as client:
        yield client


def failures(caplog):
    return [one for one in caplog.records if one.name == "pilotage.serve" and one.levelno == logging.ERROR]


def test_what_nobody_foresaw_is_found_in_the_log_by_its_id(broken, caplog):
    reply = broken.get("/broken", headers=OWN)
    assert error_of(reply, 500)["code"] == "internal_error" and "gooseberry" not in reply.text
    assert id_of(reply) == "mine-1"
    (record,) = failures(caplog)
    assert record.getMessage() == "a request failed (request mine-1)" and record.exc_info[0] is ZeroDivisionError


def test_what_breaks_in_the_midst_is_cut_and_found_too(broken, caplog):
    with pytest.raises(httpx.RemoteProtocolError), broken.stream("GET", "/breaks", headers=OWN) as reply:
        assert reply.status_code == 200 and id_of(reply) == "mine-1"
        reply.read()
    (record,) = failures(caplog)
    assert record.getMessage() == "a request failed (request mine-1)"
    assert id_of(broken.get("/health")) != "mine-1"


def test_requests_of_one_connection_have_each_their_own(over):
    _, http = over(working)
    with socket.create_connection((http.base_url.host, http.base_url.port)) as connection:
        for _ in range(3):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 2)
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        said = b""
        while piece := connection.recv(65536):
            said += piece
    ids = re.findall(rb"(?i)x-request-id: (\S+)", said)
    assert len(ids) == len(set(ids)) == 7


def test_a_page_that_may_ask_may_read_the_ids_and_the_limits(house):
    nobody = house(config={"cors": ["https://mine.example"]}).nobody
    seen = nobody.get("/v1/models", headers={"Origin": "https://mine.example"}).headers
    exposed = {name.strip().lower() for name in seen["Access-Control-Expose-Headers"].split(",")}
    limits = {f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")}
    assert exposed >= {"x-request-id", "x-upstream-request-id"} | limits


async def test_work_that_heeds_no_cut_is_told_so_when_it_is_cancelled():
    drain, begun, sent = Drain(), asyncio.Event(), []

    async def deaf(scope, receive, send):
        begun.set()
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    app = RequestMiddleware(deaf, Metrics(), drain, None)
    scope = {"type": "http", "method": "GET", "headers": [(b"x-request-id", b"mine")]}
    work = asyncio.ensure_future(app(scope, None, send))
    await begun.wait()
    drain.cut()
    work.cancel()
    await work
    start, body = sent
    assert start["status"] == 503 and (b"x-request-id", b"mine") in start["headers"]
    assert json.loads(body["body"])["error"]["code"] == "server_stopping"
