"""Silence: a stream whose upstream says nothing for a while begins all the same, with comments.

Until then an error has its true status; afterwards it is an event, as in any stream that has begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any

from starlette.responses import Response

from pilotage.agent.serve import sse
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.passing.events import told
from pilotage.agent.serve.passing.relay import error_of, unusable


async def begun_in_silence(work: Coroutine[Any, Any, Response], seconds: float, *, named: bool) -> Response:
    """The response that some work makes; after so many seconds without one, a stream that goes on with it.

    Args:
        work: asks upstreams.
        seconds: of silence after which a comment is sent.
        named: whether the stream's events have names.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except BaseException:
        await _leave(task)
        raise
    return task.result() if done else sse.EventStream(_events(task, named), seconds)


async def _events(task: asyncio.Task[Response], named: bool) -> AsyncGenerator[bytes]:
    try:
        yield sse.KEEP_ALIVE
        try:
            response = await task
        except ApiError as error:
            yield told(error, 0, named)
            return
        if isinstance(response, sse.EventStream):
            async with aclosing(response.events) as events:
                async for event in events:
                    yield event
        elif response.status_code >= 400:
            yield told(error_of(bytes(response.body), response.status_code), 0, named)
        else:
            yield told(unusable("the upstream answered with a whole reply where a stream was asked for"), 0, named)
    finally:
        await _leave(task)


async def _leave(task: asyncio.Task[Response]) -> None:
    """Ends work that nobody waits for any more, and the connection of a stream that it had begun."""
    task.cancel()
    (made,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(made, sse.EventStream):
        await made.events.aclose()
