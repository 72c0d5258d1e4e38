"""Streams: what happens in a run, as the events of a response in the order that clients rely on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any

from pilotage.agent import events
from pilotage.agent.chat.progress import Progress
from pilotage.agent.messages import ToolCall
from pilotage.agent.run import Run, UnusableRun
from pilotage.agent.serve import sse
from pilotage.agent.serve.chat_reply import require_reply
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.responses.items import (
    Item,
    call_item,
    message_item,
    new_id,
    reasoning_item,
    summary_part,
    text_part,
)
from pilotage.agent.serve.responses.reply import Envelope, told
from pilotage.agent.serve.stopping.drain import raised_by_cut

log = logging.getLogger("pilotage.serve")

Keep = Callable[[dict[str, Any]], Awaitable[None]]


async def stream(
    happening: AsyncGenerator[events.Event, None], envelope: Envelope, keep: Keep, *, progress: bool
) -> AsyncGenerator[bytes]:
    """The events of a response, from `response.created` to the one that says how it ended, and `[DONE]`.

    A response is kept before its client is told that it is there. An error once the stream has begun is an `error` and
    a `response.failed`.

    Args:
        happening: what the run does.
        envelope: of the response.
        keep: keeps a response that has ended, however that was.
        progress: whether what blocks do is told as reasoning.
    """
    writing = Writing(envelope)
    for event in writing.begin():
        yield event
    try:
        try:
            async with aclosing(_pieces(happening, writing, progress=progress)) as pieces:
                async for piece in pieces:
                    yield piece
            assert writing.run is not None
            response = envelope.ended(writing.run, writing.output)
        except UnusableRun as error:
            response = envelope.without_reply(error, writing.broken())
            for event in writing.stop():
                yield event
        await keep(response)
        yield writing.event(f"response.{response['status']}", response=response)
    except (Exception, asyncio.CancelledError) as failed:
        cause = raised_by_cut(failed)
        known = told(cause)
        if known.status >= 500 and not isinstance(cause, ApiError):
            unforeseen = known.body["error"]["code"] == "internal_error"
            log.warning("the response %s failed: %s", envelope.id, known, exc_info=unforeseen)
        for event in await _failed(writing, known, keep):
            yield event
    yield sse.DONE


async def _pieces(
    happening: AsyncGenerator[events.Event, None], writing: Writing, *, progress: bool
) -> AsyncGenerator[bytes]:
    telling, replied = Progress(), False
    async with aclosing(happening) as run:
        async for event in run:
            told_events: Iterator[bytes] = iter(())
            if isinstance(event, events.Token) and event.block == "answer":
                told_events = writing.write(event.text)
            elif isinstance(event, events.Thought):
                told_events = writing.think(event.text, "thinking")
            elif isinstance(event, events.Stepped) and event.step.block == "answer":
                if not event.step.text and not event.step.tool_calls:
                    continue  # it was not written, which the end of the run tells
                replied = True
                told_events = writing.reply(event.step.text, event.step.tool_calls, cut=event.step.cut)
            elif isinstance(event, events.Finished):
                require_reply(event.run)
                writing.run = event.run
                told_events = writing.reply(event.run.answer or "", event.run.tool_calls, cut=event.run.cut)
            elif progress and not replied and (line := telling.line(event)):
                told_events = writing.think(line, "progress")
            for one in told_events:
                yield one


async def _failed(writing: Writing, error: ApiError, keep: Keep) -> list[bytes]:
    """The events of a failure; the first has what clients of OpenAI and those of Open Responses look for."""
    said = error.body["error"]
    first = writing.event("error", code=said["code"], message=said["message"], param=said["param"], error=said)
    response = writing.envelope.failed(error, writing.broken())
    try:
        await keep(response)
    except ApiError as unkept:
        log.warning("the failed response %s is not kept: %s", response["id"], unkept)
    return [first, writing.event("response.failed", response=response)]


class Writing:
    """The output of a response as it grows: each method gives the events that tell what it adds.

    Attributes:
        output: items that are whole.
        run: what came of it, once it is over.
    """

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self.output: list[Item] = []
        self.run: Run | None = None
        self._sequence = 0
        self._open = ""
        """Type of the item that is being written; empty for none."""
        self._id = ""
        self._parts: list[str] = []
        """What is written of it."""
        self._sort = ""
        """Of the last part of a reasoning item."""
        self._replied = False

    def event(self, kind: str, **data: Any) -> bytes:
        """One event."""
        number, self._sequence = self._sequence, self._sequence + 1
        return sse.named_event(kind, {"type": kind, "sequence_number": number, **data})

    def begin(self) -> Iterator[bytes]:
        """The response is there, and being worked on."""
        response = self.envelope.response("in_progress")
        yield self.event("response.created", response=response)
        yield self.event("response.in_progress", response=response)

    def think(self, text: str, sort: str) -> Iterator[bytes]:
        """A piece of reasoning; where its sort changes, a new part of the summary begins."""
        if self._open != "reasoning":
            yield from self._close("completed")
            yield from self._begin("reasoning", reasoning_item(new_id("reasoning"), (), "in_progress"))
        elif sort != self._sort:
            yield from self._end_summary()
        if sort != self._sort or not self._parts:
            self._sort = sort
            self._parts.append("")
            yield self._at("response.reasoning_summary_part.added", part=summary_part(""))
        self._parts[-1] += text
        yield self._at("response.reasoning_summary_text.delta", delta=text)

    def write(self, text: str) -> Iterator[bytes]:
        """A piece of the message."""
        if self._open != "message":
            yield from self._close("completed")
            yield from self._begin("message", message_item(new_id("message"), (), "in_progress"))
            self._parts.append("")
            yield self._at("response.content_part.added", part=text_part(""))
        if text:
            self._parts[-1] += text
            yield self._at("response.output_text.delta", delta=text, logprobs=[])

    def reply(self, text: str, calls: tuple[ToolCall, ...], *, cut: bool) -> Iterator[bytes]:
        """The reply is whole: the message ends, and the calls follow. It is told once."""
        if self._replied:
            return
        self._replied = True
        if self._open != "message" and (text or not calls):  # nothing of it came piece by piece
            yield from self.write(text)
        yield from self._close("incomplete" if cut and not calls else "completed")
        for call in calls:
            yield from self._call(call, "incomplete" if cut and call is calls[-1] else "completed")

    def stop(self) -> Iterator[bytes]:
        """Nothing more comes: the item that is being written, if one is, ends as it is."""
        yield from self._close("incomplete")

    def broken(self) -> list[Item]:
        """All items; the one that was being written as it is."""
        return [*self.output, self._item("incomplete")] if self._open else self.output

    def _call(self, call: ToolCall, status: str) -> Iterator[bytes]:
        called, id = self.envelope.request.tools.called(call), new_id("function_call")
        yield from self._begin("function_call", call_item(id, call.id, called, "", "in_progress"))
        yield self._at("response.function_call_arguments.delta", delta=call.arguments)
        yield self._at("response.function_call_arguments.done", name=called["name"], arguments=call.arguments)
        yield from self._end(call_item(id, call.id, called, call.arguments, status))

    def _begin(self, kind: str, item: Item) -> Iterator[bytes]:
        self._open, self._id, self._parts = kind, item["id"], []
        yield self.event("response.output_item.added", output_index=len(self.output), item=item)

    def _close(self, status: str) -> Iterator[bytes]:
        """Ends the item that is being written, if one is."""
        if self._open == "reasoning":
            yield from self._end_summary()
        elif self._open == "message":
            yield self._at("response.output_text.done", text=self._parts[-1], logprobs=[])
            yield self._at("response.content_part.done", part=text_part(self._parts[-1]))
        if self._open:
            yield from self._end(self._item(status))

    def _end_summary(self) -> Iterator[bytes]:
        text = self._parts[-1]
        yield self._at("response.reasoning_summary_text.done", text=text)
        yield self._at("response.reasoning_summary_part.done", part=summary_part(text))

    def _item(self, status: str) -> Item:
        if self._open == "reasoning":
            return reasoning_item(self._id, self._parts, status)
        return message_item(self._id, [text_part(text) for text in self._parts], status)

    def _end(self, item: Item) -> Iterator[bytes]:
        index, self._open = len(self.output), ""
        self.output.append(item)
        yield self.event("response.output_item.done", output_index=index, item=item)

    def _at(self, kind: str, **data: Any) -> bytes:
        """An event about the item that is being written, and its last part."""
        place: dict[str, Any] = {"item_id": self._id, "output_index": len(self.output)}
        if self._open == "reasoning":
            place["summary_index"] = len(self._parts) - 1
        elif self._open == "message":
            place["content_index"] = len(self._parts) - 1
        return self.event(kind, **place, **data)
