"""What comes before a request is there: heads without end, heads that stop, bodies that stop, clients that leave."""

import socket
import time

import pytest

from pilotage.agent.models import ModelClient
from pilotage.agent.models.scripted import ScriptedChatModel
from pilotage.agent.serve import body
from pilotage.agent.serve.app import create_app
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.service import Service
from pilotage.agent.serve.stopping import connections
from pilotage.agent.settings import settings_from

START = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"


@pytest.fixture
def address(running, tmp_path):
    """Where a server listens that bounds its connections."""
    settings = settings_from({"policy": "rules", "model": "scripted", "memory": "none"})
    config = ServeConfig(responses_file=tmp_path / "responses.sqlite")
    app = create_app(Service(settings, config, model=ModelClient(ScriptedChatModel("Hello!"))))
    host, port = running(app, http=connections.BoundedProtocol, ws="none").removeprefix("http://").split(":")
    return host, int(port)


def answer_to(address, *pieces):
    """What comes back until the server closes."""
    with socket.create_connection(address, timeout=120) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:  # it has closed
                break
        told = b""
        try:
            while got := connection.recv(65536):
                told += got
        except ConnectionResetError:
            pass
        return told


def test_a_head_without_end_is_refused(address):
    lines = [b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(200)]
    assert answer_to(address, START, *lines).startswith(b"HTTP/1.1 431 ")


def test_a_head_that_stops_is_not_waited_for(address, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    assert answer_to(address, START).startswith(b"HTTP/1.1 408 ")
    assert answer_to(address).startswith(b"HTTP/1.1 408 ")


def test_heads_of_requests_one_after_the_other_are_counted_apart(address):
    head = START + b"X-Long: " + b"y" * 40_000 + b"\r\n"
    last = head + b"Connection: close\r\n\r\n"
    told = answer_to(address, head + b"\r\n", head + b"\r\n", last)
    assert told.count(b"HTTP/1.1 200 OK") == 3


def test_a_body_that_stops_is_not_waited_for(address, monkeypatch):
    monkeypatch.setattr(body, "PIECE_SECONDS", 0.2)
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    told = answer_to(address, POST)
    assert told.startswith(b"HTTP/1.1 408 ") and b"request_timeout" in told


def test_a_client_that_leaves_in_its_body_is_no_failure_of_the_server(address, caplog):
    with socket.create_connection(address, timeout=120) as connection:
        connection.sendall(POST)
    end = time.monotonic() + 120
    while not answer_to(address, START + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200"):
        assert time.monotonic() < end
    assert "Traceback" not in caplog.text and "Exception" not in caplog.text


@pytest.mark.parametrize(("path", "status"), [("/health", 200), ("/nowhere", 404)])
def test_who_asks_for_a_websocket_is_answered_as_anybody(address, caplog, path, status):
    head = START.replace(b"/health", path.encode()) + b"Connection: Upgrade, close\r\nUpgrade: websocket\r\n"
    keys = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Request-ID: mine\r\n\r\n"
    told = answer_to(address, head + keys)
    assert told.startswith(b"HTTP/1.1 %d " % status) and b"x-request-id: mine" in told.lower()
    assert "pgrade" not in caplog.text
