"""A client that does not read its reply: the request ends, and gives back its key's slot and the upstream."""

import asyncio
import contextlib
import json
import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest

from pilotage.agent.serve.app import create_app
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.keys.key_store import KeyStore
from pilotage.agent.serve.keys.limits import Limits
from pilotage.agent.serve.service import Service
from pilotage.agent.serve.stopping.unread import Unread
from pilotage.agent.settings import settings_from
from tests.agent.serve.upstream import Line, Upstream
from tests.agent.serve.upstream_faults import HUGE


@pytest.fixture
def started(running, tmp_path):
    """A server that gives its clients a second, a key for one request at once, and the upstream behind it."""
    replies = {"much": Line(fault="huge"), "long": "word " * 4_000_000}
    upstream = Upstream(lambda body: replies.get(body["messages"][-1]["content"], "Hello!"))
    base = running(upstream.app)
    with KeyStore(tmp_path / "keys.sqlite") as keys:
        made = keys.create("one", scopes=["chat"], limits=Limits(concurrent_requests=1))
    flags = {"model": "up", "base_url": f"{base}/v1", "memory": "none", "policy": "rules"}
    kept = {"responses_file": tmp_path / "responses.sqlite", "key_store": str(tmp_path / "keys.sqlite")}
    app = create_app(Service(settings_from(flags), ServeConfig(keys=True, **kept)))
    return running(Unread(app, seconds=1.0)), made.secret, upstream


def test_a_stream_that_nobody_reads_gives_back_its_slot_and_its_upstream(started):
    url, secret, upstream = started
    address = urlsplit(url)

    def body(text, stream):
        return {"model": "passthrough", "stream": stream, "messages": [{"role": "user", "content": text}]}

    sent = json.dumps(body("much", True)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n"
    with contextlib.closing(socket.socket()) as client, httpx.Client(base_url=url, timeout=120) as other:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((address.hostname, address.port))
        client.sendall(f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent)
        assert upstream.left.wait(120), "the upstream is still being read"
        deadline, headers = time.monotonic() + 120, {"Authorization": f"Bearer {secret}"}
        while (reply := other.post("/v1/chat/completions", json=body("hi", False), headers=headers)).status_code == 429:
            assert time.monotonic() < deadline, "the slot is still held"
            time.sleep(0.05)
        assert reply.status_code == 200
        client.settimeout(120)
        received = 0
        with contextlib.suppress(ConnectionResetError):  # or an end, as the system likes
            while piece := client.recv(2**20):
                received += len(piece)
        assert received < HUGE


def test_the_log_names_the_request_whose_whole_reply_nobody_reads(started, caplog):
    url, secret, _ = started
    address = urlsplit(url)
    sent = json.dumps({"model": "passthrough", "messages": [{"role": "user", "content": "long"}]}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Request-ID: unread\r\nAuthorization: Bearer {secret}\r\n"
    )
    with contextlib.closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((address.hostname, address.port))
        client.sendall(f"{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent)
        deadline = time.monotonic() + 120
        while not (lines := [one.getMessage() for one in caplog.records if one.name == "pilotage.serve"]):
            assert time.monotonic() < deadline, "it was not cut"
            time.sleep(0.05)
    assert lines == ["a connection is cut whose client took nothing of its reply in 1 s (request unread)"]


class Draining:
    """A connection whose client takes one byte between two looks; `send` waits until it has all."""

    def __init__(self, size):
        self.size, self.aborted = size, False
        self.transport = self

    def get_write_buffer_size(self):
        self.size = max(0, self.size - 1)
        return self.size

    def abort(self):
        self.aborted = True

    async def send(self, message):
        while self.size and not self.aborted:
            await asyncio.sleep(0.001)


def test_a_client_that_reads_slowly_is_not_cut_however_long_it_takes():
    connection = Draining(400)

    async def app(scope, receive, send):
        await send({"type": "http.response.body", "body": b"x"})

    began = time.monotonic()
    asyncio.run(Unread(app, seconds=0.2)({"type": "http"}, None, connection.send))
    assert not connection.aborted and connection.size == 0
    assert time.monotonic() - began > 0.2
