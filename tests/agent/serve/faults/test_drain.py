"""A server that is stopped: accepted requests end, new ones go elsewhere, and what takes too long is told so."""

import itertools
import json
import signal
import socket
import threading
from contextlib import ExitStack

import httpx
import pytest

from tests.agent.serve.faults.conftest import HELLO, LONG, wait_for
from tests.agent.serve.tenants import error_of
from tests.agent.serve.upstream import Line
from tests.servers import free_port
from tests.together import pool_of

WORDS = 20


class Valve:
    """A script whose replies wait until it is opened."""

    def __init__(self, text="one two three", **more):
        self.came, self._open = threading.Semaphore(0), threading.Event()
        self._line = Line(text, gate=self._open, **more)

    def __call__(self, body):
        self.came.release()
        return self._line

    def open(self):
        self._open.set()


def chat(process, path="/v1/chat/completions", **more):
    body = {"model": "pilotage", "messages": HELLO} | more
    if path == "/v1/responses":
        body["input"] = body.pop("messages")[0]["content"]
    return process.client.post(path, json=body)


PATHS, MODELS = ("/v1/chat/completions", "/v1/responses"), ("pilotage", "passthrough")
WAYS = [*itertools.product(PATHS, MODELS, (False, True))]
"""Path, model, and whether it is streamed."""


def ask_all(process, valve, pool):
    """Requests of every way, all of which the upstream is working on."""
    asked = [pool.submit(chat, process, path, model=model, stream=stream) for path, model, stream in WAYS]
    for _ in asked:
        assert valve.came.acquire(timeout=LONG)
    return asked


def test_what_was_accepted_ends_and_new_connections_are_refused(upstream, serving):
    valve = Valve()
    process = serving(upstream(valve)[1], drain_seconds=LONG)
    with pool_of(len(WAYS)) as pool:
        asked = ask_all(process, valve, pool)
        process.signal()
        wait_for(lambda: refused(process))
        assert process.process.poll() is None
        valve.open()
        replies = [one.result(LONG) for one in asked]
    for reply in replies:
        assert reply.status_code == 200 and "three" in reply.text
    assert process.ended() == 0


def refused(process):
    url = httpx.URL(process.url)
    try:
        socket.create_connection((url.host, url.port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_what_takes_longer_than_the_drain_is_told_so(upstream, serving):
    valve = Valve()
    process = serving(upstream(valve)[1], drain_seconds=0.5)
    with pool_of(len(WAYS)) as pool:
        asked = ask_all(process, valve, pool)
        process.signal()
        replies = [one.result(LONG) for one in asked]
    assert process.ended() == 0
    valve.open()
    for (_, _, stream), reply in zip(WAYS, replies, strict=True):
        if not stream:
            assert error_of(reply, 503)["code"] == "server_stopping"
            assert reply.headers["retry-after"] == "1" and reply.headers["connection"] == "close"
            continue
        *_, last, done, rest = reply.text.split("\n\n")
        assert (reply.status_code, done, rest) == (200, "data: [DONE]", "")
        event = json.loads(last.rpartition("data: ")[2])
        told = event.get("error") or event["response"]["error"]
        assert "the server is stopping" in told["message"]


def test_a_request_whose_body_has_not_come_is_told_so(upstream, serving):
    process = serving(upstream(lambda body: "Hello!")[1], drain_seconds=0.5)
    url = httpx.URL(process.url)
    head = b"POST /v1/%b HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-ID: half\r\nContent-Length: 100\r\n\r\n{"
    with ExitStack() as stack:
        connections = []
        for path in (b"chat/completions", b"responses", b"feedback"):
            connections.append(stack.enter_context(socket.create_connection((url.host, url.port), LONG)))
            connections[-1].sendall(head % path)
        count = "pilotage_requests_in_flight 4.0"  # and the one that asks for it
        wait_for(lambda: count in process.client.get("/metrics").text)
        process.signal()
        for connection in connections:
            told = b""
            while got := connection.recv(65536):
                told += got
            assert told.startswith(b"HTTP/1.1 503 ") and b"x-request-id: half" in told.lower()
            assert json.loads(told.rpartition(b"\r\n\r\n")[2])["error"]["code"] == "server_stopping"
    assert process.ended() == 0
    assert "Traceback" not in process.log.read_text()


def test_a_client_that_takes_nothing_of_its_reply_does_not_keep_the_server(upstream, serving):
    process = serving(upstream(lambda body: "word " * 2_000_000)[1], drain_seconds=0.5)
    url = httpx.URL(process.url)
    body = json.dumps({"model": "passthrough", "messages": HELLO}).encode()
    with socket.create_connection((url.host, url.port), LONG) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body))
        connection.sendall(body)
        assert connection.recv(1) == b"H"
        process.signal()
        assert process.ended() == 0
    assert "Traceback" not in process.log.read_text()


def test_a_second_signal_ends_at_once(upstream, serving):
    valve = Valve()
    process = serving(upstream(valve)[1], drain_seconds=100 * LONG)
    with pool_of(1) as pool:
        asked = pool.submit(chat, process)
        assert valve.came.acquire(timeout=LONG)
        process.signal()
        wait_for(lambda: refused(process))
        process.signal()
        assert process.ended() == -signal.SIGTERM
        with pytest.raises(httpx.TransportError):
            asked.result(LONG)
    valve.open()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_without_requests_ends_without_waiting(upstream, serving, number):
    process = serving(upstream(lambda body: "Hello!")[1], drain_seconds=100 * LONG)
    assert process.client.get("/health").json() == {"status": "ok"}  # over a connection that stays open
    process.signal(number)
    assert process.ended() == 0


def test_health_says_that_the_server_stops_while_it_still_accepts(upstream, serving):
    process = serving(upstream(lambda body: "Hello!")[1], notice_seconds=100 * LONG)
    assert "connection" not in process.client.get("/health").headers
    process.signal()
    health = wait_for(lambda: (said := process.client.get("/health")).status_code == 503 and said)
    assert error_of(health, 503)["code"] == "server_stopping"
    assert health.headers["connection"] == "close"
    reply = chat(process)
    assert reply.status_code == 200 and reply.headers["connection"] == "close"
    process.signal()
    assert process.ended() == -signal.SIGTERM


def test_an_address_that_is_taken_is_one_sentence(upstream, serving, tmp_path):
    url = upstream(lambda body: "Hello!")[1]
    taken = httpx.URL(serving(url).url).port
    with pytest.raises(AssertionError, match=rf"error: cannot listen at 127.0.0.1, port {taken} \(.*--port"):
        serving(url, port=taken)


def test_a_rolling_restart_under_load_loses_no_request(upstream, serving):
    """Two processes on one port, one after the other replaced; each request is answered whole, and asked for once."""
    asked, lock = [], threading.Lock()

    def script(body):
        with lock:
            asked.append(body["messages"][-1]["content"])
        return Line("word " * WORDS, delay=0.002)

    _, url = upstream(script)
    options = {"port": free_port(), "reuse_port": True, "drain_seconds": LONG}
    processes = [serving(url, **options) for _ in range(2)]
    numbers, stopped, answered = itertools.count(), threading.Event(), []

    def client(kept):
        with httpx.Client(base_url=processes[0].url, timeout=LONG) as own:
            while not stopped.is_set():
                number = next(numbers)
                if (reply := complete(own if kept else None, number)) is not None:
                    answered.append((number, reply))

    def complete(own, number):
        model, stream = ("pilotage", "passthrough")[number % 2], number % 3 > 0
        body = {"model": model, "messages": [{"role": "user", "content": f"hi there {number}"}], "stream": stream}
        while not stopped.is_set():
            try:
                with open_client(own) as http:
                    reply = http.post("/v1/chat/completions", json=body)
            except httpx.TransportError:
                with lock:
                    assert f"hi there {number}" not in asked, "a request was dropped that had been accepted"
                continue
            return reply.status_code, reply.text.count("word") >= WORDS
        return None

    def open_client(own):
        return Kept(own) if own else httpx.Client(base_url=processes[0].url, timeout=LONG)

    with pool_of(4) as pool, ExitStack() as ending:
        clients = [pool.submit(client, kept) for kept in (True, False) * 2]
        ending.callback(stopped.set)
        for old in list(processes):
            before = len(answered)
            wait_for(lambda before=before: len(answered) > before + 20)
            old.signal()
            assert old.ended() == 0, old.log.read_text()
            if old is processes[0]:
                processes.append(serving(url, **options))
        before = len(answered)
        wait_for(lambda: len(answered) > before + 20)
    for one in clients:
        one.result()
    assert {how for _, how in answered} == {(200, True)}
    assert sorted(asked) == sorted(f"hi there {number}" for number, _ in answered)


class Kept:
    """A client that is not closed."""

    def __init__(self, client):
        self._client = client

    def __enter__(self):
        return self._client

    def __exit__(self, *error):
        pass
