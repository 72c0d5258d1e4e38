"""Routes of the memory; what they do stands in the files beside this one. Stores are used in threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from pilotage.agent.serve.body import read_body
from pilotage.agent.serve.errors import ApiError, api_error
from pilotage.agent.serve.keys.access import access_of
from pilotage.agent.serve.memory import concepts, feedback, namespaces
from pilotage.memory.errors import ConceptStoreError, InvalidConcept, StaleConcept, UnknownConcept, UnknownEvent

if TYPE_CHECKING:
    from pilotage.agent.serve.memory.records import Records
    from pilotage.agent.serve.service import Service
    from pilotage.memory import ConceptStore

log = logging.getLogger("pilotage.serve")


def memory_router(service: Service, records: Records) -> APIRouter:
    """The routes over a service."""
    router, most = APIRouter(), service.config.most_bytes

    async def on_store(request: Request, work: Callable[[ConceptStore], Any]) -> Any:
        """What some work on the caller's memory gives."""
        asked = request.query_params
        caller = access_of(request).caller(asked.get("user"), asked.get("namespace"))
        return await _told(lambda: work(service.store(caller.namespace)))

    @router.post("/v1/feedback")
    async def give_feedback(request: Request) -> Response:
        given = feedback.feedback_in(await read_body(request, most))
        with _explained():
            return _json(await feedback.give(service, records, access_of(request), given))

    @router.get("/v1/concepts")
    async def list_concepts(request: Request) -> Response:
        return _json(await on_store(request, lambda store: concepts.page(store, dict(request.query_params))))

    @router.post("/v1/concepts")
    async def add_concept(request: Request) -> Response:
        body = await read_body(request, most)
        concept, new = await on_store(request, lambda store: concepts.add(store, body))
        return _json(concepts.shape(concept), 201 if new else 200, concepts.etag(concept))

    @router.get("/v1/concepts/{id}")
    async def read_concept(request: Request, id: str) -> Response:
        concept = await on_store(request, lambda store: store.get(id))
        return _json(concepts.shape(concept), etag=concepts.etag(concept))

    @router.patch("/v1/concepts/{id}")
    async def edit_concept(request: Request, id: str) -> Response:
        body, if_match = await read_body(request, most), request.headers.get("If-Match")
        concept = await on_store(request, lambda store: concepts.edit(store, id, body, if_match))
        return _json(concepts.shape(concept), etag=concepts.etag(concept))

    @router.delete("/v1/concepts/{id}")
    async def forget_concept(request: Request, id: str) -> Response:
        if_match = request.headers.get("If-Match")
        return _json(await on_store(request, lambda store: concepts.forget(store, id, if_match)))

    @router.get("/v1/concepts/{id}/history")
    async def history_of_concept(request: Request, id: str) -> Response:
        return _json(await on_store(request, lambda store: concepts.history(store, id)))

    @router.post("/v1/concepts/{id}/undo")
    async def undo_event(request: Request, id: str) -> Response:
        body, if_match = await read_body(request, most, empty={}), request.headers.get("If-Match")
        concept = await on_store(request, lambda store: concepts.undo(store, id, body, if_match))
        return _json(concepts.shape(concept), etag=concepts.etag(concept))

    @router.get("/v1/namespaces/{name:path}")
    async def tombstones(request: Request, name: str) -> Response:
        return _json(await _told(lambda: namespaces.tombstones(service, access_of(request), name)))

    @router.delete("/v1/namespaces/{name:path}")
    async def erase(request: Request, name: str) -> Response:
        return _json(await _told(lambda: namespaces.erase(service, access_of(request), name)))

    return router


async def _told(work: Callable[[], Any]) -> Any:
    """What some work gives, done in a thread."""
    with _explained():
        return await asyncio.to_thread(work)


@contextmanager
def _explained() -> Iterator[None]:
    """The memory's errors as a client is told them, whichever route they come of."""
    try:
        yield
    except UnknownConcept:
        raise ApiError(404, "there is no such concept", code="concept_not_found") from None
    except UnknownEvent:
        raise ApiError(404, "there is no such event", code="event_not_found") from None
    except InvalidConcept as error:
        raise ApiError(400, str(error), code="invalid_concept") from None
    except StaleConcept as error:
        raise ApiError(409, str(error), code="conflict") from None
    except ConceptStoreError as error:
        told = api_error(error)
        if told.body["error"]["code"] != "internal_error":
            raise told from error
        log.error("the memory cannot be used: %s", error)
        message = "the memory cannot be used now; the server's log has the reason"
        raise ApiError(503, message, code="memory_unavailable") from error


def _json(data: Any, status: int = 200, etag: str | None = None) -> Response:
    headers = None if etag is None else {"ETag": etag}
    return Response(orjson.dumps(data), status, headers, media_type="application/json")
