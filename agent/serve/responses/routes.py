"""Routes of the Responses API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from pilotage.agent.chat.conversation import conversation_task
from pilotage.agent.errors import ResponseStoreUnusable
from pilotage.agent.events import Event, Finished
from pilotage.agent.run import Run, UnusableRun
from pilotage.agent.serve import sse
from pilotage.agent.serve.chat_reply import require_reply
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.fields import untaken, wrong
from pilotage.agent.serve.memory.keeping import keeper
from pilotage.agent.serve.memory.records import Records
from pilotage.agent.serve.passing.passthrough import Passthrough
from pilotage.agent.serve.responses.items import Item, messages_of
from pilotage.agent.serve.responses.reply import Envelope, told
from pilotage.agent.serve.responses.request import ResponsesRequest, check_include, responses_request
from pilotage.agent.serve.responses.store import ConversationTooLong, Kept, ResponseStore
from pilotage.agent.serve.responses.stream import stream
from pilotage.agent.serve.service import Caller, Service
from pilotage.agent.serve.stopping.connected import unless_gone
from pilotage.agent.task import Task

log = logging.getLogger("pilotage.serve")

T = TypeVar("T")
_INVALID = "invalid_request_error"
MOST_LISTED = 100
"""Items on one page."""


def responses_router(
    service: Service,
    passthrough: Passthrough,
    store: ResponseStore,
    caller_of: Callable[[Request, str | None, str | None], Caller],
    read_body: Callable[[Request], Awaitable[Any]],
    count: Callable[[Sequence[Run]], None],
    records: Records,
    follow: Callable[[], None],
) -> APIRouter:
    """The routes over a service.

    Args:
        service: has the agents.
        passthrough: forwards what is to be forwarded.
        store: keeps responses; who makes it closes it.
        caller_of: for whom a request is answered that names this user and namespace, or none.
        read_body: the JSON of a request.
        count: is told of runs.
        records: keeps what feedback has to know of a response.
        follow: deletes responses of what was erased elsewhere.
    """
    router = APIRouter(prefix="/v1/responses")
    desk = _Desk(service, store, follow)

    @router.post("")
    async def create(request: Request) -> Response:
        body = await read_body(request)
        if (forwarded := passthrough.wanted("/responses", body)) is not None:
            return await unless_gone(request, forwarded)
        asked = responses_request(body)
        wanted, caller = service.model_named(asked.model), caller_of(request, asked.user, asked.extras.namespace)
        agent = await service.ready_agent(wanted, caller, asked.extras)
        budget = asked.extras.limits(agent.components.budget)
        progress = service.config.progress if asked.extras.progress is None else asked.extras.progress
        begun = store.now
        items, task = await desk.prepared(asked, caller)
        envelope = Envelope(asked)
        keep = desk.keeping(asked, items, caller, begun)
        record = keeper(records, agent.memory, caller, envelope.id)
        unsolved = partial(agent.unsolved, task)
        if asked.stream:
            happening = _noted(agent.astream(task, run_id=envelope.id, budget=budget), count, record, unsolved)
            told_events = stream(happening, envelope, keep, progress=progress)
            return sse.EventStream(told_events, service.config.keep_alive)

        async def answer() -> Response:
            try:
                run = await agent.asolve(task, run_id=envelope.id, budget=budget)
                count([run])
                require_reply(run)
                await record([run])
                response = envelope.ended(run, envelope.output(run, progress=progress))
            except UnusableRun as error:
                count([unsolved(error)])
                response = envelope.without_reply(error)
            await keep(response)
            return _json(response)

        return await unless_gone(request, _told(answer()))

    @router.get("/{id}")
    async def retrieve(request: Request, id: str) -> Response:
        if request.query_params.get("stream", "false").lower() not in ("false", "0", ""):
            raise untaken("stream", "is not taken here: the events of a response are not kept")
        check_include(_include(request))
        return _json((await desk.found(id, caller_of(request, None, None))).body)

    @router.delete("/{id}")
    async def delete(request: Request, id: str) -> Response:
        if not await desk.kept(store.delete, id, caller_of(request, None, None).namespace):
            raise _no_response(id)
        return _json({"id": id, "object": "response", "deleted": True})

    @router.post("/{id}/cancel")
    async def cancel(request: Request, id: str) -> Response:
        await desk.found(id, caller_of(request, None, None))
        raise ApiError(400, "only a response that is made in the background can be cancelled; end the connection")

    @router.get("/{id}/input_items")
    async def input_items(request: Request, id: str) -> Response:
        check_include(_include(request))
        return _json(_page(await desk.read_for(await desk.found(id, caller_of(request, None, None))), request))

    return router


async def _noted(
    happening: AsyncGenerator[Event, None],
    count: Callable[[Sequence[Run]], None],
    record: Callable[[Sequence[Run]], Awaitable[None]],
    unsolved: Callable[[UnusableRun], Run],
) -> AsyncGenerator[Event, None]:
    """What happens; the run is counted and recorded before anybody hears that it is over."""
    try:
        async with aclosing(happening) as stream:
            async for event in stream:
                if isinstance(event, Finished):
                    count([event.run])
                    await record([event.run])
                yield event
    except UnusableRun as error:
        count([unsolved(error)])
        raise


class _Desk:
    """What the routes have in common: the conversation of a request, and what is kept."""

    def __init__(self, service: Service, store: ResponseStore, follow: Callable[[], None]) -> None:
        self._store, self._follow = store, follow
        self._most_bytes = service.config.most_bytes

    async def kept(self, work: Callable[..., T], *arguments: Any) -> T:
        """What the store does, in a thread: it may have to wait for a disk, or for another process."""

        def followed() -> T:
            self._follow()
            return work(*arguments)

        try:
            return await asyncio.to_thread(followed)
        except ResponseStoreUnusable as error:
            log.error("%s", error)
            raise ApiError(
                503, "responses cannot be kept now; the server's log has the reason", code="store_unavailable"
            ) from error
        except ConversationTooLong as error:
            raise ApiError(400, str(error), param="previous_response_id", code="context_length_exceeded") from None

    async def prepared(self, asked: ResponsesRequest, caller: Caller) -> tuple[tuple[Item, ...], Task]:
        """The items of a request, with what they refer to, and the task that the conversation sets."""
        before: tuple[Item, ...] = ()
        if asked.previous is not None:
            found = await self.kept(self._store.conversation, asked.previous, caller.namespace, self._most_bytes)
            if found is None:
                raise ApiError(
                    404,
                    f"Previous response with id '{asked.previous}' not found.",
                    param="previous_response_id",
                    code="previous_response_not_found",
                    type=_INVALID,
                )
            before = found
        elif asked.store:
            await self.kept(self._store.check)
        items = tuple([await self._item(item, caller, place) for place, item in enumerate(asked.items)])
        return items, conversation_task(messages_of(asked.instructions, (*before, *items)), asked.options)

    async def _item(self, item: Item, caller: Caller, place: int) -> Item:
        if item["type"] != "item_reference":
            return item
        found = await self.kept(self._store.item, item["id"], caller.namespace)
        if found is None:
            raise ApiError(404, f"Item with id '{item['id']}' not found.", param=f"input.{place}.id", type=_INVALID)
        return found

    def keeping(
        self, asked: ResponsesRequest, items: tuple[Item, ...], caller: Caller, begun: float
    ) -> Callable[[dict[str, Any]], Awaitable[None]]:
        """Keeps a response, where its client wants that."""

        async def keep(response: dict[str, Any]) -> None:
            if asked.store and not await self.kept(self._store.keep, response, items, caller.namespace, begun):
                raise ApiError(
                    409, "the namespace was erased while this request ran; ask again", code="namespace_erased"
                )

        return keep

    async def found(self, id: str, caller: Caller) -> Kept:
        """A response of a caller's. Raises ApiError 404."""
        kept = await self.kept(self._store.find, id, caller.namespace)
        if kept is None:
            raise _no_response(id)
        return kept

    async def read_for(self, kept: Kept) -> tuple[Item, ...]:
        """The items that a response was made from, as far as they are still there."""
        previous = kept.body["previous_response_id"]
        if previous is None:
            return kept.input
        before = await self.kept(self._store.conversation, previous, kept.namespace, self._most_bytes)
        return (*(before or ()), *kept.input)


def _page(items: tuple[Item, ...], request: Request) -> dict[str, Any]:
    """A page of items, the newest first unless asked for otherwise."""
    asked = request.query_params
    limit = asked.get("limit", "20")
    if not (limit.isdecimal() and len(limit) <= 3 and 1 <= int(limit) <= MOST_LISTED):
        raise wrong("limit", f"is a whole number from 1 to {MOST_LISTED}")
    order, after = asked.get("order", "desc"), asked.get("after")
    if order not in ("asc", "desc"):
        raise wrong("order", "is asc or desc")
    ordered = items if order == "asc" else items[::-1]
    if after is not None:
        place = next((place for place, item in enumerate(ordered) if item["id"] == after), None)
        if place is None:
            raise wrong("after", "is the id of an item of this list")
        ordered = ordered[place + 1 :]
    page = ordered[: int(limit)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(ordered) > len(page),
    }


def _include(request: Request) -> list[str]:
    return [*request.query_params.getlist("include"), *request.query_params.getlist("include[]")]


def _no_response(id: str) -> ApiError:
    return ApiError(404, f"Response with id '{id}' not found.", type=_INVALID)


def _json(data: Any) -> Response:
    return Response(orjson.dumps(data), media_type="application/json")


async def _told(work: Awaitable[Response]) -> Response:
    try:
        return await work
    except Exception as error:
        known = told(error)
        if known.body["error"]["code"] == "internal_error":
            log.exception("a request failed")
        raise known from error
