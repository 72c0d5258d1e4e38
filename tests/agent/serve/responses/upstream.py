"""What a model says over HTTP: steps of an `Endpoint`, whole or as a stream, as it is asked."""

import json

from tests.agent.models.conftest import send, stream

USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 5,
    "total_tokens": 16,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def says(text="", *, calls=(), thinking="", cut=False):
    """A reply: text in pieces of three characters, thinking before it, calls (id, name, arguments) behind it."""
    listed = [
        {"index": place, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for place, (id, name, arguments) in enumerate(calls)
    ]
    finish = "length" if cut else "tool_calls" if calls else "stop"

    def step(handler, body):
        common = {"id": "1", "created": 1, "model": "m"}
        if not body.get("stream"):
            message = {"role": "assistant", "content": text or None, "tool_calls": listed or None}
            if thinking:
                message["reasoning_content"] = thinking
            choice = {"index": 0, "message": message, "finish_reason": finish}
            whole = common | {"object": "chat.completion", "choices": [choice], "usage": USAGE}
            send(handler, 200, json.dumps(whole).encode(), "application/json")
            return
        deltas = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": thinking}] if thinking else []
        deltas += [{"content": text[at : at + 3]} for at in range(0, len(text), 3)]
        deltas += [{"tool_calls": [call]} for call in listed]
        with stream(handler) as write:
            for delta in deltas:
                write(line(common, {"index": 0, "delta": delta, "finish_reason": None}))
            write(line(common, {"index": 0, "delta": {}, "finish_reason": finish}))
            write(line(common | {"usage": USAGE}))
            write(b"data: [DONE]\n\n")

    return step


def line(common, *choices):
    chunk = common | {"object": "chat.completion.chunk", "choices": list(choices)}
    return f"data: {json.dumps(chunk)}\n\n".encode()
