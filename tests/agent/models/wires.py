"""One HTTP server that speaks the wire formats of six providers, and a LangChain model of each that talks to it."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_groq import ChatGroq
from langchain_mistralai import ChatMistralAI
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI

PROMPT, COMPLETION, CACHED = 11, 5, 4


@dataclass
class Say:
    """What the server answers."""

    text: str = "fine"
    thinking: str = ""
    cut: bool = False
    broken: bool = False  # it stops without saying why
    endless: bool = False


@dataclass
class Refuse:
    """An error of the server: a status, a body, and when it applies."""

    body: Any
    status: int = 400
    when: Callable[[dict], bool] = lambda body: True


@dataclass
class Wires:
    """The server. `say` is what it answers; `refusals` come first; `bodies` are what it was sent."""

    say: Say = field(default_factory=Say)
    refusals: list[Refuse] = field(default_factory=list)
    bodies: list[dict] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        wires = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                wires.bodies.append(body)
                wires.paths.append(self.path)
                refusal = next((refusal for refusal in wires.refusals if refusal.when(body)), None)
                if refusal is not None:
                    answer(self, refusal.status, json.dumps(refusal.body).encode(), "application/json")
                    return
                pieces, kind = format_of(self.path, body)(wires.say, streams(self.path, body))
                if not wires.say.endless:
                    answer(self, 200, "".join(pieces).encode(), kind)
                    return
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for _ in range(2_000):
                    piece = pieces[min(1, len(pieces) - 1)].encode()
                    try:
                        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                    except OSError:
                        wires.left.set()
                        break
                    time.sleep(0.01)
                self.close_connection = True

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def answer(handler: BaseHTTPRequestHandler, status: int, content: bytes, kind: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def streams(path: str, body: dict) -> bool:
    return "streamGenerateContent" in path or body.get("stream", path.startswith("/api/chat")) is True


def format_of(path: str, body: dict) -> Callable[[Say, bool], tuple[list[str], str]]:
    if "generateContent" in path or "streamGenerateContent" in path:
        return google
    return {"/v1/messages": anthropic, "/api/chat": ollama}.get(path.partition("?")[0], openai)


def events(entries: list[Any], *, named: bool = False, last: str = "") -> list[str]:
    names = [f"event: {entry['type']}\n" if named else "" for entry in entries]
    return [f"{name}data: {json.dumps(entry)}\n\n" for name, entry in zip(names, entries, strict=True)] + (
        [last] if last else []
    )


def openai(say: Say, streaming: bool) -> tuple[list[str], str]:
    usage = {
        "prompt_tokens": PROMPT,
        "completion_tokens": COMPLETION,
        "total_tokens": PROMPT + COMPLETION,
        "prompt_tokens_details": {"cached_tokens": CACHED},
    }
    finish = None if say.broken else "length" if say.cut else "stop"
    common = {"id": "1", "created": 1, "model": "m"}
    if not streaming:
        message = {"role": "assistant", "content": say.text}
        if say.thinking:
            message |= {"reasoning": say.thinking, "reasoning_content": say.thinking}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return [json.dumps(common | {"object": "chat.completion", "choices": [choice], "usage": usage})], JSON
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning": say.thinking, "reasoning_content": say.thinking}] if say.thinking else []
    deltas += [{"content": piece} for piece in (say.text[:2], say.text[2:]) if piece]
    choices: list[dict] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    chunks = [common | {"object": "chat.completion.chunk", "choices": [choice]} for choice in choices]
    ending = {"index": 0, "delta": {"content": ""}, "finish_reason": finish}
    chunks.append(
        common | {"object": "chat.completion.chunk", "choices": [ending], "usage": usage, "x_groq": {"usage": usage}}
    )
    return events(chunks, last="" if say.broken else "data: [DONE]\n\n"), SSE


def anthropic(say: Say, streaming: bool) -> tuple[list[str], str]:
    fresh = {"input_tokens": PROMPT - CACHED, "cache_read_input_tokens": CACHED, "cache_creation_input_tokens": 0}
    reason = None if say.broken else "max_tokens" if say.cut else "end_turn"
    common = {"id": "1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    blocks = [{"type": "thinking", "thinking": say.thinking, "signature": "s"}] if say.thinking else []
    blocks += [{"type": "text", "text": say.text}] if say.text else []
    if not streaming:
        usage = fresh | {"output_tokens": COMPLETION}
        return [json.dumps(common | {"content": blocks, "stop_reason": reason, "usage": usage})], JSON
    message = common | {"content": [], "stop_reason": None, "usage": fresh | {"output_tokens": 1}}
    entries: list[dict] = [{"type": "message_start", "message": message}]
    for index, block in enumerate(blocks):
        key = "thinking" if block["type"] == "thinking" else "text"
        start = {"type": block["type"], key: ""} | ({"signature": ""} if key == "thinking" else {})
        entries.append({"type": "content_block_start", "index": index, "content_block": start})
        delta = {"type": f"{key}_delta", key: block[key]}
        entries.append({"type": "content_block_delta", "index": index, "delta": delta})
        entries.append({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": reason, "stop_sequence": None}
    if say.broken:
        return events(entries, named=True), SSE
    entries.append({"type": "message_delta", "delta": ended, "usage": fresh | {"output_tokens": COMPLETION}})
    return events([*entries, {"type": "message_stop"}], named=True), SSE


def ollama(say: Say, streaming: bool) -> tuple[list[str], str]:
    common = {"model": "m", "created_at": "2026-01-01T00:00:00Z"}
    message = {"role": "assistant", "content": say.text} | ({"thinking": say.thinking} if say.thinking else {})
    ended = {"done": True, "done_reason": "length" if say.cut else "stop"}
    if say.broken:
        return [json.dumps(common | {"done": False, "message": message}) + "\n"], "application/x-ndjson"
    ended |= {"prompt_eval_count": PROMPT, "eval_count": COMPLETION}
    if not streaming:
        return [json.dumps(common | ended | {"message": message})], JSON
    first = common | {"done": False, "message": message}
    last = common | ended | {"message": {"role": "assistant", "content": ""}}
    return [json.dumps(first) + "\n", json.dumps(last) + "\n"], "application/x-ndjson"


def google(say: Say, streaming: bool) -> tuple[list[str], str]:
    parts = [{"text": say.thinking, "thought": True}] if say.thinking else []
    parts += [{"text": say.text}] if say.text else []
    usage = {
        "promptTokenCount": PROMPT,
        "candidatesTokenCount": COMPLETION,
        "totalTokenCount": PROMPT + COMPLETION,
        "cachedContentTokenCount": CACHED,
    }
    content = {"role": "model", "parts": parts}
    candidate = {"index": 0, "content": content, "finishReason": "MAX_TOKENS" if say.cut else "STOP"}
    if say.broken:
        del candidate["finishReason"]
    reply = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m"}
    return (events([reply]), SSE) if streaming else ([json.dumps(reply)], JSON)


JSON, SSE = "application/json", "text/event-stream"


@dataclass(frozen=True)
class Provider:
    """How a provider's class is made for the local server, and what it calls things in a request's body.

    Paths are names joined by dots; None where the provider has no such thing.
    """

    name: str
    make: Callable[..., Any]
    limit: str
    temperature: str = "temperature"
    seed: str | None = None
    stop: str = "stop"
    cached: bool = True

    def get(self, body: dict, path: str | None) -> Any:
        found: Any = body
        for name in (path or "").split("."):
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def __str__(self) -> str:
        return self.name


PROVIDERS = [
    Provider(
        "openai",
        lambda url, **own: ChatOpenAI(
            **{"model": "m", "base_url": f"{url}/v1", "api_key": "k", "max_retries": 0} | own
        ),
        limit="max_tokens",
        seed="seed",
    ),
    Provider(
        "anthropic",
        lambda url, **own: ChatAnthropic(**{"model": "m", "base_url": url, "api_key": "k", "max_retries": 0} | own),
        limit="max_tokens",
        stop="stop_sequences",
    ),
    Provider(
        "ollama",
        lambda url, **own: ChatOllama(**{"model": "m", "base_url": url, "reasoning": True} | own),
        limit="options.num_predict",
        temperature="options.temperature",
        seed="options.seed",
        stop="options.stop",
        cached=False,
    ),
    Provider(
        "groq",
        lambda url, **own: ChatGroq(**{"model": "m", "base_url": url, "api_key": "k", "max_retries": 0} | own),
        limit="max_tokens",
    ),
    Provider(
        "mistralai",
        lambda url, **own: ChatMistralAI(
            **{"model": "m", "endpoint": f"{url}/v1", "api_key": "k", "max_retries": 1} | own
        ),
        limit="max_tokens",
        seed="random_seed",
        cached=False,
    ),
    Provider(
        "google_genai",
        lambda url, **own: ChatGoogleGenerativeAI(
            **{"model": "gemini-2.5-flash", "base_url": url, "google_api_key": "k", "max_retries": 1} | own
        ),
        limit="generationConfig.maxOutputTokens",
        temperature="generationConfig.temperature",
        seed="generationConfig.seed",
        stop="generationConfig.stopSequences",
    ),
]
