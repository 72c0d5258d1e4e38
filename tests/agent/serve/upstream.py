"""A real upstream on loopback: OpenAI's chat completions over HTTP, which keeps its own ledger of what it served."""

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from tests.agent.serve.upstream_faults import faulty


@dataclass
class Line:
    """What the upstream answers: a text in words, thinking before it, or calls of tools.

    `fault` stands in for all of it: `cut` (the stream ends after its first word), or what `upstream_faults.py` has. A
    `gate` is waited for: by a stream behind its first word, by a whole reply before it.
    """

    text: str = ""
    thinking: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    fault: int | str | None = None
    delay: float = 0.0
    finish: str = ""
    gate: threading.Event | None = None

    async def wait(self):
        while self.gate is not None and not self.gate.is_set():
            await asyncio.sleep(0.01)

    @property
    def words(self):
        return re.findall(r"\s*\S+", self.text)

    @property
    def reason(self):
        return self.finish or ("tool_calls" if self.calls else "stop")


class Upstream:
    """The upstream; `script` answers a body, the ledger adds up what was billed."""

    def __init__(self, script: Callable[[dict], Line | str]) -> None:
        self.script = script
        self.bodies: list[dict] = []
        self.headers: list[dict] = []
        self.prompt_tokens = self.cached_tokens = self.completion_tokens = 0
        self.left = threading.Event()
        routes = {"/v1/chat/completions": self._complete, "/v1/responses": self._respond}
        self.app = Starlette(routes=[Route(path, to, methods=["POST"]) for path, to in routes.items()])

    def _bill(self, body, line, written):
        read = sum(len(str(message.get("content")).split()) for message in body["messages"])
        self.prompt_tokens += read
        self.cached_tokens += read // 2
        self.completion_tokens += written
        thought = len(line.thinking.split())
        return {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": read // 2},
            "completion_tokens_details": {"reasoning_tokens": thought},
        }

    async def _complete(self, request):
        body = json.loads(await request.body())
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        line = self.script(body)
        line = Line(line) if isinstance(line, str) else line
        if (broken := await faulty(line.fault, body, request, self.left)) is not None:
            return broken
        if body.get("stream"):
            return StreamingResponse(self._stream(body, line), media_type="text/event-stream")
        await asyncio.sleep(line.delay)
        await line.wait()
        limit = body.get("max_tokens") or body.get("max_completion_tokens")
        words, reason = line.words, line.reason
        if limit is not None and len(words) > limit:
            words, reason = words[:limit], "length"
        message = {"role": "assistant", "content": "".join(words) or None}
        if line.thinking:
            message["reasoning_content"] = line.thinking
        if line.calls:
            message["tool_calls"] = [_call(place, *call) for place, call in enumerate(line.calls)]
        written = len(words) + len(line.thinking.split()) + len(line.calls)
        choice = {"index": 0, "message": message, "finish_reason": reason}
        head = {"id": "up", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice]}
        return JSONResponse({**head, "usage": self._bill(body, line, written)})

    async def _respond(self, request):
        """The Responses API, as far as a passthrough needs it."""
        body = json.loads(await request.body())
        self.bodies.append(body)
        line = self.script(body)
        line = Line(line) if isinstance(line, str) else line
        if (broken := await faulty(line.fault, body, request, self.left)) is not None:
            return broken
        content = [{"type": "output_text", "text": line.text, "annotations": []}]
        message = {"id": "msg_up", "type": "message", "role": "assistant", "status": "completed", "content": content}
        usage = {"input_tokens": 3, "output_tokens": len(line.words), "total_tokens": 3 + len(line.words)}
        whole = {"id": "resp_up", "object": "response", "status": "completed", "output": [message], "usage": usage}
        if not body.get("stream"):
            await line.wait()
            return JSONResponse(whole)

        async def events():
            yield _named("response.created", response={**whole, "status": "in_progress", "output": []})
            for word in line.words:
                await asyncio.sleep(line.delay)
                yield _named("response.output_text.delta", item_id="msg_up", delta=word)
                await line.wait()
                if line.fault == "cut":
                    return
            yield _named("response.completed", response=whole)

        return StreamingResponse(events(), media_type="text/event-stream")

    async def _stream(self, body, line):
        def chunk(delta, reason=None, **more):
            choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
            head = {"id": "up", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
            return b"data: " + json.dumps({**head, "choices": choices, **more}).encode() + b"\n\n"

        limit = body.get("max_tokens") or body.get("max_completion_tokens")
        words, reason, written = line.words, line.reason, 0
        if limit is not None and len(words) > limit:
            words, reason = words[:limit], "length"
        try:
            yield chunk({"role": "assistant", "content": ""})
            for word in line.thinking.split():
                await asyncio.sleep(line.delay)
                written += 1
                yield chunk({"reasoning_content": f"{word} "})
            for word in words:
                await asyncio.sleep(line.delay)
                written += 1
                yield chunk({"content": word})
                await line.wait()
                if line.fault == "cut":
                    return
            for place, call in enumerate(line.calls):
                written += 1
                whole = _call(place, *call)
                yield chunk({"tool_calls": [{**whole, "index": place}]})
            yield chunk({}, reason)
            if (body.get("stream_options") or {}).get("include_usage"):
                usage = self._bill(body, line, written)
                yield chunk({}, choices=[], usage=usage)
            yield b"data: [DONE]\n\n"
        except asyncio.CancelledError:
            self.left.set()
            raise


def _named(kind, **data):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


def _call(place, name, arguments):
    return {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": arguments}}


@contextmanager
def left_in_the_midst(http, upstream, body):
    """A chat completion that the upstream is working on within; its client goes away at the end."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection((http.base_url.host, http.base_url.port)) as connection:
        connection.sendall(head % len(body) + body)
        until = time.monotonic() + 120
        while not upstream.bodies and time.monotonic() < until:
            time.sleep(0.01)
        yield
