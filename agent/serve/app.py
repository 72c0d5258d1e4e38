"""The application: routes, errors in one shape, and what comes before and after all requests."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from pilotage.agent.errors import PilotageError, ResponseStoreUnusable
from pilotage.agent.serve import chat, sse
from pilotage.agent.serve.body import read_body
from pilotage.agent.serve.chat_reply import Envelope
from pilotage.agent.serve.chat_request import chat_request
from pilotage.agent.serve.errors import ApiError, api_error, error_response
from pilotage.agent.serve.keys.access import AccessMiddleware, Gate, access_of
from pilotage.agent.serve.keys.rate_headers import NAMES as RATE_HEADERS
from pilotage.agent.serve.memory.keeping import keeper
from pilotage.agent.serve.memory.records import Records
from pilotage.agent.serve.memory.router import memory_router
from pilotage.agent.serve.metrics import MEDIA_TYPE, Metrics
from pilotage.agent.serve.model_names import PASSTHROUGH
from pilotage.agent.serve.page.routes import page_routes
from pilotage.agent.serve.passing.embeddings import embeddings
from pilotage.agent.serve.passing.passthrough import Passthrough
from pilotage.agent.serve.requests.access_log import AccessLog
from pilotage.agent.serve.requests.middleware import RequestMiddleware
from pilotage.agent.serve.requests.request_context import context_of, name_requests_in_log
from pilotage.agent.serve.responses.following import Following
from pilotage.agent.serve.responses.routes import responses_router
from pilotage.agent.serve.responses.store import ResponseStore
from pilotage.agent.serve.schema.document import describe
from pilotage.agent.serve.service import Caller, Service
from pilotage.agent.serve.stopping.connected import unless_gone
from pilotage.agent.serve.stopping.drain import Drain, DrainMiddleware, stopping
from pilotage.agent.serve.tenants.holding import HoldingMiddleware
from pilotage.agent.telemetry.export import finish
from pilotage.agent.telemetry.requests import TracedRequests

log = logging.getLogger("pilotage.serve")

NO_NAMES: Any = {"tracing": False, "operation_spans": False, "logs": False}
"""FastAPI's own telemetry, where it has one, would tell whole paths, queries and the texts of errors."""
EXPOSED = ("ETag", "Retry-After", "WWW-Authenticate", "X-Request-ID", "X-Upstream-Request-ID")
"""Headers that a page of another origin may read."""


def create_app(service: Service) -> FastAPI:
    """The ASGI application over a service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        await asyncio.to_thread(follow_at_start)
        async with AsyncExitStack() as closing:  # each is closed, whatever becomes of the others
            closing.push_async_callback(asyncio.to_thread, finish)
            if access_log is not None:
                closing.push_async_callback(asyncio.to_thread, access_log.flush)
            closing.callback(responses.close)
            closing.callback(gate.close)
            closing.push_async_callback(service.close)
            closing.push_async_callback(passthrough.aclose)
            yield

    app = FastAPI(title="pilotage", lifespan=lifespan, docs_url=None, redoc_url=None, telemetry=NO_NAMES)
    passthrough, gate = Passthrough(service), Gate(service.config)
    config, started = service.config, int(time.time())
    app.add_middleware(HoldingMiddleware, of=service)
    app.add_middleware(AccessMiddleware, gate=gate)
    responses = ResponseStore(
        config.responses_file,
        days=config.responses_days,
        most=config.most_responses,
        most_bytes=config.most_response_bytes,
    )
    service.erasers.append(responses.erase)
    follow = Following(service, responses)

    def follow_at_start() -> None:
        if responses.path.exists():
            try:
                follow()
            except ResponseStoreUnusable as error:
                log.error("%s", error)

    if config.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(config.cors),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["*"],  # those that are asked for: OpenAI's own clients send a dozen of theirs
            expose_headers=[*EXPOSED, *RATE_HEADERS],
        )
    app.state.responses = responses
    _tell_errors(app)
    metrics = Metrics()
    service.listener = metrics
    drain = app.state.drain = Drain()
    app.add_middleware(DrainMiddleware, drain=drain)
    app.add_middleware(TracedRequests, request_id=lambda scope: context_of(scope).id)
    access_log = AccessLog(config.access_log) if config.access_log else None
    if access_log is not None:
        metrics.follow_dropped_lines(lambda: access_log.dropped)
    name_requests_in_log()
    # The last one is the first to see a request.
    app.add_middleware(RequestMiddleware, metrics=metrics, drain=drain, access_log=access_log)

    @app.get("/metrics")
    async def all_metrics() -> Response:
        return Response(metrics.text(), media_type=MEDIA_TYPE)

    records = Records(config.keep_days, config.keep_completions)
    app.include_router(memory_router(service, records))

    async def body_of(request: Request) -> Any:
        body = await read_body(request, config.most_bytes)
        context_of(request.scope).read(body)
        access_of(request).expect(body)
        return body

    def caller_of(request: Request, user: str | None, namespace: str | None) -> Caller:
        return access_of(request).caller(user, namespace or request.query_params.get("namespace"))

    app.include_router(
        responses_router(
            service, passthrough, responses, caller_of, body_of, metrics.count, records=records, follow=follow
        )
    )
    app.include_router(page_routes(config.report))

    @app.get("/health")
    async def health() -> dict[str, str]:
        if drain.begun:
            raise stopping()
        return {"status": "ok"}

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model(name, started) for name in service.model_names]}

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        return _model(service.model_named(name).text, started)

    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request) -> Response:
        body, access = await body_of(request), access_of(request)
        if (forwarded := passthrough.wanted("/chat/completions", body)) is not None:
            return await unless_gone(request, forwarded)
        asked = chat_request(body)
        if asked.options.logprobs:
            raise ApiError(400, f"`logprobs` is for {PASSTHROUGH}: a reply may come of several calls", param="logprobs")
        wanted, envelope = service.model_named(asked.model), Envelope(asked.model, asked.include_usage)
        caller = access.caller(asked.user, asked.extras.namespace)
        agent = await service.ready_agent(wanted, caller, asked.extras)
        asked.extras.limits(agent.components.budget)  # refused before a stream begins
        keep = keeper(records, agent.memory, caller, envelope.id)
        hooks = chat.Hooks(keep, metrics.count)
        progress = config.progress if asked.extras.progress is None else asked.extras.progress
        if not asked.stream:
            return await unless_gone(request, _json(chat.completion(agent, asked, envelope, hooks, progress=progress)))
        events = chat.stream(agent, asked, envelope, hooks, progress=progress)
        return sse.EventStream(events, config.keep_alive)

    @app.post("/v1/embeddings")
    async def make_embeddings(request: Request) -> Response:
        return await unless_gone(request, embeddings(service, passthrough, await body_of(request)))

    describe(app)
    return app


def _tell_errors(app: FastAPI) -> None:
    """Every error in OpenAI's shape, also those of routes that do not exist."""

    @app.exception_handler(HTTPException)
    async def of_route(request: Request, error: HTTPException) -> Response:
        told = f"{request.method} {request.url.path}"
        message = {404: f"there is no {told}", 405: f"{told} is not possible"}.get(error.status_code, error.detail)
        return error_response(ApiError(error.status_code, message, headers=dict(error.headers or {})))

    @app.exception_handler(PilotageError)
    @app.exception_handler(ApiError)
    async def of_request(request: Request, error: ApiError | PilotageError) -> Response:
        told = api_error(error)
        if told.body["error"]["code"] == "internal_error":
            log.error("a request failed", exc_info=error)
        return error_response(told)


async def _json(work: Any) -> Response:
    try:
        return Response(orjson.dumps(await work), media_type="application/json")
    except Exception as error:
        told = api_error(error)
        if told.body["error"]["code"] == "internal_error":
            log.exception("a request failed")
        raise told from error


def _model(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "pilotage"}
