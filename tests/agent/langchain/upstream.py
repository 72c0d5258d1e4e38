"""An upstream of the tests: a small server that speaks OpenAI's chat completions, each reply decided by its request.

It works out products, calls tools that it is offered and asked to use, fills in forms, and streams word by word with
the usage at the end. Everything that it was asked is in `asked`, in order.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 5,
    "total_tokens": 25,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
"""Of every reply."""
PRODUCT = re.compile(r"(\d+) ?(?:times|\*) ?(\d+)")
ENDLESS = "without end"
"""What a message holds whose streamed reply goes on until its reader leaves."""


BOTH, BROKEN = "both", "badly"
"""What a message holds for whose parts before and after `and` a tool is called, and whose last call is no JSON."""


class Upstream:
    """Listens on a port of its own of the loopback; `url` is its base URL."""

    def __init__(self):
        self.asked = []
        self.left = threading.Event()
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                upstream.asked.append(body)
                reply, calls = reply_to(body)
                if not body.get("stream"):
                    return self.whole(message(reply, calls), reason(calls))
                self.begin("text/event-stream")
                try:
                    if ENDLESS in question(body):
                        while not upstream.left.wait(0.01):
                            self.event({"choices": [delta({"content": "more "})]})
                    for piece in pieces(reply, calls):
                        self.event({"choices": [delta(piece)]})
                    self.event({"choices": [delta({}, reason(calls))]})
                    if (body.get("stream_options") or {}).get("include_usage"):
                        self.event({"choices": [], "usage": USAGE})
                    self.wfile.write(b"data: [DONE]\n\n")
                except OSError:
                    upstream.left.set()

            def whole(self, said, finish):
                choice = {"index": 0, "message": said, "finish_reason": finish}
                answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
                content = json.dumps({**answer, "choices": [choice], "usage": USAGE}).encode()
                self.begin("application/json", len(content))
                self.wfile.write(content)

            def begin(self, kind, length=None):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header(*(("Connection", "close") if length is None else ("Content-Length", str(length))))
                self.end_headers()
                self.close_connection = True

            def event(self, event):
                chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", **event}
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                self.wfile.flush()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self):
        self.left.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def reply_to(body):
    """Text and tool calls of the reply to a request."""
    tools, choice = body.get("tools") or (), body.get("tool_choice")
    wanted = None
    if tools and choice != "none" and body["messages"][-1]["role"] != "tool":
        names = [tool["function"]["name"] for tool in tools]
        if isinstance(choice, dict):
            wanted = choice["function"]["name"]
        elif choice == "required" or any(word in question(body).lower() for word in ("use ", "tool", "weather")):
            wanted = names[0]
    if wanted is not None:
        function = next(tool["function"] for tool in tools if tool["function"]["name"] == wanted)
        parts = question(body).split(" and ") if BOTH in question(body) else [question(body)]
        written = [json.dumps(filled(function["parameters"], part), ensure_ascii=False) for part in parts]
        if BROKEN in question(body):
            written[-1] = "[oops"
        count = len(body["messages"])
        return "", [
            {"id": f"call_{count}_{place}", "name": wanted, "arguments": arguments}
            for place, arguments in enumerate(written)
        ]
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        return json.dumps(filled(form["json_schema"]["schema"], question(body))), []
    if form.get("type") == "json_object":
        return json.dumps(dict.fromkeys(re.findall(r"'(\w+)'", question(body)), "something")), []
    text = said(body)
    for stop in [body["stop"]] if isinstance(body.get("stop"), str) else body.get("stop") or ():
        text = text.partition(stop)[0]
    return text or "Nothing.", []


def said(body):
    last = body["messages"][-1]
    if last["role"] == "tool":
        return f"The tool says: {last['content']}"
    if product := PRODUCT.search(question(body)):
        return f"Worked out step by step.\nAnswer: {int(product[1]) * int(product[2])}"
    return "Hello, and how are you today?"


def question(body):
    """All text of the user, the newest message first."""
    return "\n".join(text_of(one["content"]) for one in reversed(body["messages"]) if one["role"] == "user")


def text_of(content):
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content if part.get("type") == "text")


def filled(schema, text):
    """A value for a JSON Schema: what is quoted in the text, and its first number."""
    defined = {name: about for part in ("$defs", "definitions") for name, about in (schema.get(part) or {}).items()}

    def value(about):
        about = defined[about["$ref"].rpartition("/")[2]] if "$ref" in about else about
        if options := about.get("anyOf"):
            return value(options[0])
        match about.get("type"):
            case "object":
                return {name: value(one) for name, one in (about.get("properties") or {}).items()}
            case "integer" | "number":
                return int((re.findall(r"\d+", text) or ["1"])[0])
            case "array":
                return []
            case "boolean":
                return True
        return (re.findall(r"'([^']+)'", text) or ["something"])[0]

    return value(schema)


def message(reply, calls):
    whole = {"role": "assistant", "content": reply or None}
    if calls:
        whole["tool_calls"] = [as_call(call) for call in calls]
    return whole


def as_call(call):
    return {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}


def pieces(reply, calls):
    """The deltas of a streamed reply: a word each, and the arguments of a call in two."""
    yield {"role": "assistant", "content": ""}
    yield from ({"content": word} for word in re.findall(r"\S+\s*", reply))
    for index, call in enumerate(calls):
        half = len(call["arguments"]) // 2
        yield {"tool_calls": [{"index": index, **as_call({**call, "arguments": call["arguments"][:half]})}]}
        yield {"tool_calls": [{"index": index, "function": {"arguments": call["arguments"][half:]}}]}


def delta(piece, finish=None):
    return {"index": 0, "delta": piece, "finish_reason": finish}


def reason(calls):
    return "tool_calls" if calls else "stop"
