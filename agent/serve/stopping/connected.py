"""Work for a client that waits: it ends when the client goes away, and when the server's time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from starlette.requests import Request
from starlette.responses import Response

from pilotage.agent.serve import sse
from pilotage.agent.serve.stopping.drain import stopping, was_cut, watching

CLIENT_CLOSED = 499
"""What logs say of a request whose client did not wait; nobody reads it."""


async def unless_gone(request: Request, work: Awaitable[Response]) -> Response:
    """The response that some work makes.

    Raises:
        ApiError: 503, the server is stopping and the work took longer than it waits.
    """
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(sse.disconnected(request.receive))
    try:
        with watching(task):
            await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            return Response(status_code=CLIENT_CLOSED)
        if task.cancelled() and was_cut():
            raise stopping()
        return task.result()
    finally:
        for one in (task, watch):
            one.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)
