"""Reading a call: what a chat model gives back, taken in as it comes, and left as soon as nobody wants more of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from pilotage.agent.models.chat_call import ChatCall, message_of, messages_of
from pilotage.agent.models.parsing.collector import Attempt, Collector
from pilotage.agent.models.reply import Request
from pilotage.agent.models.transport.deadline import within
from pilotage.agent.models.transport.guard import Reading, current

GRACE_SECONDS = 2.0
"""How long a stream that has said why it ended may take to say what it cost."""


async def read_call(
    request: Request, call: ChatCall, collector: Collector, shown: Attempt, thoughts: Attempt, reading: Reading
) -> None:
    """Makes the call, and takes in what it gives back."""

    def take(output: Any) -> None:
        text = collector.add(message_of(output))
        thoughts.add(collector.thought)
        shown.add(text)

    current.set(reading)
    messages = messages_of(request, one_role=call.one_role)
    if call.streaming:
        stream = call.model.astream(messages, **call.options)
        # Closed at once on cancellation, so that the backend stops generating.
        async with aclosing(stream) as chunks:  # type: ignore[type-var]
            while not collector.overflowed:
                chunk = await _next(chunks, ended=collector.finish_reason is not None)
                if chunk is None:
                    break
                take(chunk)
    else:
        take(await call.model.ainvoke(messages, **call.options))
    shown.add(collector.finish())


async def _next(chunks: AsyncIterator[Any], *, ended: bool) -> Any:
    """The next chunk; None after the last one. After an ending that is what comes soon: some servers never hang up."""

    async def following() -> Any:
        return await anext(chunks, None)

    if not ended:
        return await following()
    try:
        return await within(GRACE_SECONDS, following())
    except TimeoutError:
        return None
