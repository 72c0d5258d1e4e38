"""A raw upstream: what a test says goes over the wire, byte by byte, whether it is HTTP or not."""

import json
import socketserver
import threading

import pytest

REPLY = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
}
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(data):
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def said(text, reason=None):
    """An event of a chat completion."""
    choices = [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]
    return event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices})


HELLO_STREAM = STREAM + said("Hello!", "stop") + b"data: [DONE]\n\n"


def whole(data=None, status="200 OK", head=b"Content-Type: application/json\r\n"):
    """A whole reply."""
    body = json.dumps(REPLY if data is None else data).encode()
    return b"HTTP/1.1 %s\r\n%bContent-Length: %d\r\n\r\n" % (status.encode(), head, len(body)) + body


@pytest.fixture
def raw():
    """Starts an upstream; `script` gives the bytes, or pieces of bytes, that answer a body and the head before it.

    Gives its address. The connection is closed behind each reply.
    """
    servers = []

    def start(script):
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                head = b""
                while (line := self.rfile.readline()) not in (b"\r\n", b""):
                    head += line
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                said = script(body, head) if script.__code__.co_argcount == 2 else script(body)
                try:
                    for piece in [said] if isinstance(said, bytes) else said:
                        self.wfile.write(piece)
                except OSError:  # the server wants no more
                    pass

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/v1"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def before_b(raw, serve):
    """Serves an upstream `a` that a script answers for, with `b` standing in for it; gives a client."""

    def start(script, config=None, **first):
        b = raw(lambda body: HELLO_STREAM if body.get("stream") else whole())
        upstreams = {
            "a": {"model": "m", "base_url": raw(script), "fallback": ["b"], **first},
            "b": {"model": "m", "base_url": b},
        }
        return serve(None, {"upstreams": upstreams, **(config or {})}, model="scripted:no")

    return start


@pytest.fixture
def alone(raw, serve):
    """Serves an upstream that a script answers for; gives a client."""

    def start(script, config=None, **first):
        upstreams = {"a": {"model": "m", "base_url": raw(script), **first}}
        return serve(None, {"upstreams": upstreams, **(config or {})}, model="scripted:no")

    return start


def ask(http, stream=False, text="hi there", model="passthrough@a", **more):
    body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream, **more}
    return http.post("/v1/chat/completions", json=body)


def errors_of(reply):
    """The errors among the events of a stream."""
    events = [json.loads(one[6:]) for one in reply.text.split("\n\n") if one.startswith("data: {")]
    return [one["error"] for one in events if "error" in one]
