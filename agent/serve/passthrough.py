"""Passthrough: a request goes to the upstream as it came, and what comes back goes to the client as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

import httpx
import orjson
from starlette.responses import Response

from pilotage.agent.errors import UpstreamBusy
from pilotage.agent.models.parsing.token_usage import USUAL_REPLY
from pilotage.agent.models.transport.rate import Turn
from pilotage.agent.serve import relay, sse
from pilotage.agent.serve.errors import ApiError, api_error
from pilotage.agent.serve.keys.access import BYTES_PER_TOKEN
from pilotage.agent.serve.model_names import unknown
from pilotage.agent.serve.passed_usage import Passed
from pilotage.agent.serve.service import Service
from pilotage.agent.serve.upstreams.failing import is_failing
from pilotage.agent.serve.upstreams.link import Link, in_turn
from pilotage.agent.telemetry.operations import passing
from pilotage.agent.telemetry.spans import Attributes, Span, failure_of, tracer
from pilotage.common.redaction import public_address, redact_message

CONNECT_SECONDS = 10.0
_KEPT = ("content-type", "retry-after", "x-request-id", "openai-processing-ms")
"""Headers of the upstream that a client has a use for."""


@dataclass(frozen=True)
class _Failed:
    """A link that failed before anything of its reply was sent: how, and what the client gets if no other answers."""

    why: str
    told: ApiError | Response

    @property
    def words(self) -> str:
        return str(self.told) if isinstance(self.told, ApiError) else f"HTTP {self.told.status_code}"


class Passthrough:
    """Forwards requests over connections that are kept open."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=256),
        )

    async def forward(self, path: str, body: Mapping[str, Any], upstream: str, name: str) -> Response:
        """The reply to a request of the upstream, or of the first that stands in for it where it fails.

        Args:
            path: below the upstream's address.
            body: of the request.
            upstream: name of it; empty for the first.
            name: the model that the client asked for.

        Raises:
            ApiError: the upstream speaks another protocol, or none of those asked could be reached.
        """
        links = self._service.links(upstream)
        if not links[0].speaks_openai:
            raise unknown(name, "this upstream speaks another protocol; use pilotage")
        failed: _Failed | None = None
        for link in in_turn([link for link in links if link.speaks_openai]):
            base, key, model = await link.address()
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            content = _written({**body, "model": model})
            request = self._client.build_request("POST", f"{base}{path}", content=content, headers=headers)
            answered = await self._answered(link, request, len(content) // BYTES_PER_TOKEN, model, base)
            if isinstance(answered, Response):
                link.circuit.answered()
                return answered
            failed = answered
            link.failed(failed.why, failed.words)
        assert failed is not None  # at least one is asked
        if isinstance(failed.told, ApiError):
            raise failed.told
        return failed.told

    async def _answered(
        self, link: Link, request: httpx.Request, prompt_tokens: int, model: str, base: str
    ) -> Response | _Failed:
        """What one upstream answers."""
        turn: Turn | None = None
        if link.rate is not None:
            try:
                turn = await link.rate.turn(prompt_tokens + USUAL_REPLY)
            except UpstreamBusy as busy:
                return _Failed("rate", api_error(busy))
        passed = Passed(prompt_tokens, link.price, link.spent)
        deadline = asyncio.get_running_loop().time() + self._service.settings.budget.max_seconds
        told = Span(tracer(), lambda: passing(model, base), apart=True, failure=_failure)
        flow = _flow(self._client, request, passed, turn, deadline, told)
        seconds = link.upstream.timeout
        try:
            try:
                async with asyncio.timeout(seconds):
                    first = await anext(flow)
            except TimeoutError:
                message = f"{public_address(str(request.url))} did not answer within {seconds:g} seconds"
                return _Failed("timeout", ApiError(504, message, code="upstream_timeout"))
            except httpx.HTTPError as error:
                return _Failed("connection", _unreached(request, error))
            except ApiError as error:
                return _Failed("connection", error)
        except BaseException:
            await flow.aclose()
            raise
        assert isinstance(first, httpx.Response)
        kept = {header: first.headers[header] for header in _KEPT if header in first.headers}
        if _is_stream(first):
            return sse.EventStream(cast("AsyncGenerator[bytes]", flow), first.status_code, kept)
        body = await anext(flow)
        await anext(flow, None)  # to its end, which settles what was used
        assert isinstance(body, bytes)
        try:
            response = relay.reply(first, body, kept)
        except ApiError as error:
            return _Failed("garbage", error)
        return _Failed(str(first.status_code), response) if is_failing(first.status_code) else response

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


def _written(body: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError as error:  # what JSON can say and UTF-8 or 64 bits cannot hold
        raise ApiError(400, f"the body cannot be passed on: {error}", code="invalid_json") from None


def _is_stream(response: httpx.Response) -> bool:
    return response.is_success and response.headers.get("content-type", "").startswith("text/event-stream")


async def _flow(
    client: httpx.AsyncClient, request: httpx.Request, passed: Passed, turn: Turn | None, deadline: float, told: Span
) -> AsyncGenerator[httpx.Response | bytes]:
    """The response once something of its body is there, and then the body: as it comes, or whole where it is no stream.

    Closing it closes the connection, so that the upstream stops at once, and settles what was used. A stream that
    breaks off ends with an event that says so.
    """
    response: httpx.Response | None = None
    with told as span:
        try:
            try:
                async with asyncio.timeout_at(deadline):
                    response = await client.send(request, stream=True)
            except TimeoutError as error:
                raise relay.broken(error) from None
            if response.is_error:
                span.failed({"error.type": str(response.status_code)})
            if not _is_stream(response):
                body = await relay.whole(response, deadline)
                yield response
                yield passed.whole(body, good=response.is_success)
                return
            passed.begin()
            named = request.url.path.endswith("/responses")
            async with aclosing(relay.events(response, deadline, passed.feed, named=named)) as events:
                first = await anext(events)
                yield response
                yield first
                async for part in events:
                    yield part
        except asyncio.CancelledError:
            passed.give_up()
            raise
        finally:
            passed.end()
            if turn is not None:
                turn.end(passed.usage.total_tokens)
            if response is not None:
                await response.aclose()


def _failure(error: BaseException) -> Attributes:
    """The kind of an error; of an upstream that cannot be reached, why it cannot."""
    return failure_of(error.__context__ or error if isinstance(error, ApiError) else error)


def _unreached(request: httpx.Request, error: httpx.HTTPError) -> ApiError:
    why = redact_message(str(error)) or type(error).__name__
    where = public_address(str(request.url))
    return ApiError(502, f"{where} cannot be reached ({why})", code="upstream_unavailable")
