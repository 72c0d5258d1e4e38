"""What goes wrong at an upstream, as it goes over the wire."""

import asyncio
import json

from starlette.responses import JSONResponse, Response, StreamingResponse

HUGE = 40 * 2**20
"""Characters that no reply has."""


async def faulty(fault, body, request, left):
    """The broken response that stands in for a reply; None for a reply that is not broken from its beginning."""
    if fault == "hang":
        while (await request.receive())["type"] != "http.disconnect":
            pass
        left.set()
        return Response()
    if isinstance(fault, int):
        error = {"error": {"message": f"upstream says {fault}", "type": "x", "code": None, "param": None}}
        return JSONResponse(error, fault, {"Retry-After": "0"})
    if fault == "garbage":
        return StreamingResponse(iter([b"<html>garbage"]), media_type="text/html")
    if fault == "no json":
        return Response(b'{"choices": [{"mess', media_type="application/json")
    if fault == "nothing":
        return Response(b"", media_type="text/event-stream" if body.get("stream") else "application/json")
    if fault == "no choices":
        return JSONResponse({"id": "up", "object": "chat.completion", "created": 1, "model": "m", "choices": []})
    if fault == "other type":
        return Response(b"Hello there!", media_type="text/plain")
    if fault == "error in 200":
        error = {"error": {"message": "the model is overloaded", "type": "overloaded", "code": None, "param": None}}
        if body.get("stream"):
            return Response(b"data: " + json.dumps(error).encode() + b"\n\n", media_type="text/event-stream")
        return JSONResponse(error)
    if fault == "huge":
        return StreamingResponse(_huge(bool(body.get("stream")), left), media_type=_type(body))
    if fault in ("torn", "dribble"):
        return StreamingResponse(_torn(body, fault), headers={"Content-Length": "100000"}, media_type=_type(body))
    return None


def _type(body):
    return "text/event-stream" if body.get("stream") else "application/json"


async def _torn(body, fault):
    """The beginning of a reply, and the connection is gone, or its rest comes a blank at a time."""
    chunk = {"id": "up", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choices = [{"index": 0, "delta": {"content": "Half a"}, "finish_reason": None}]
    whole = json.dumps(chunk | {"choices": choices}).encode()
    yield b"data: " + whole + b"\n\ndata: {" if body.get("stream") else whole[:40]
    while fault == "dribble":
        await asyncio.sleep(0.05)
        yield b" "
    await asyncio.sleep(0.05)


async def _huge(stream, left):
    """A reply without an end, in pieces."""
    piece = "x" * 65_536
    head = {"id": "up", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    try:
        yield b"" if stream else b'{"id": "up", "choices": [{"index": 0, "message": {"role": "assistant", "content": "'
        for _ in range(HUGE // len(piece)):
            if stream:
                choices = [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]
                yield b"data: " + json.dumps(head | {"choices": choices}).encode() + b"\n\n"
            else:
                yield piece.encode()
            await asyncio.sleep(0)
    finally:
        left.set()
