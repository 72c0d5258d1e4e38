"""Passthrough: a request goes to the upstream as it came, and what comes back goes to the client as it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
import orjson
from starlette.responses import Response

from pilotage.agent.errors import UpstreamBusy
from pilotage.agent.models.parsing.token_usage import USUAL_REPLY
from pilotage.agent.models.transport.rate import Turn
from pilotage.agent.serve import sse
from pilotage.agent.serve.errors import ApiError, api_error, refused_key
from pilotage.agent.serve.keys.access import BYTES_PER_TOKEN
from pilotage.agent.serve.passing import relay
from pilotage.agent.serve.passing.events import events as events_of
from pilotage.agent.serve.passing.headers import kept_headers
from pilotage.agent.serve.passing.reasons import BROKEN, reason
from pilotage.agent.serve.passing.silence import begun_in_silence
from pilotage.agent.serve.passing.usage import Passed
from pilotage.agent.serve.service import Service
from pilotage.agent.serve.upstreams.failing import REFUSED_KEY, is_failing
from pilotage.agent.serve.upstreams.link import MOST_LOGGED, Link, in_turn
from pilotage.agent.serve.upstreams.session import Session
from pilotage.agent.telemetry.operations import passing
from pilotage.agent.telemetry.spans import Attributes, Span, failure_of, tracer
from pilotage.common.redaction import public_address

TIME_LIMIT = "time_limit"
"""How a request failed whose own time is over: no other upstream is asked."""


@dataclass(frozen=True)
class _Failed:
    """A link that failed before anything of its reply was sent: how, and what the client gets if no other answers.

    Attributes:
        logged: for the server's owner alone: addresses, and what an upstream says of a key.
    """

    why: str
    told: ApiError | Response
    logged: str = ""

    @property
    def words(self) -> str:
        """What the log says of it."""
        said = str(self.told) if isinstance(self.told, ApiError) else f"HTTP {self.told.status_code}"
        return self.logged or said


@dataclass(frozen=True)
class _Sent:
    """A request as one upstream gets it."""

    base: str
    path: str
    key: str
    model: str
    content: bytes

    @property
    def url(self) -> str:
        return f"{self.base}{self.path}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}


class Passthrough:
    """Forwards requests over connections that are kept open."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._session = Session()

    def wanted(self, path: str, body: Any) -> Coroutine[Any, Any, Response] | None:
        """What `forward` does with a request, where its `model` says that it is passed through. Raises ApiError 404."""
        name = body.get("model") if isinstance(body, dict) else None
        if not isinstance(name, str) or not name or not (named := self._service.model_named(name)).direct:
            return None
        return self.forward(path, body, named.upstream)

    async def forward(self, path: str, body: Mapping[str, Any], upstream: str) -> Response:
        """The reply to a request of the upstream, or of the first that stands in for it where it fails.

        Args:
            path: below the upstream's address.
            body: of the request.
            upstream: name of it, which speaks OpenAI's protocol; empty for the first.

        Raises:
            ApiError: none of those asked could be reached.
        """
        asked, silence = self._forwarded(path, body, upstream), self._service.config.keep_alive
        if not body.get("stream") or not silence:
            return await asked
        return await begun_in_silence(asked, silence, named=_is_named(path))

    async def _forwarded(self, path: str, body: Mapping[str, Any], upstream: str) -> Response:
        links = self._service.links(upstream)
        failed: _Failed | None = None
        deadline: float | None = None
        for link in in_turn([link for link in links if link.speaks_openai]):
            base, key, model = await link.address()
            if deadline is None:  # an embedded model is loaded by now
                deadline = asyncio.get_running_loop().time() + self._service.settings.budget.max_seconds
            sent = _Sent(base, path, key, model, _written({**body, "model": model}))
            answered = await self._answered(link, sent, deadline)
            if isinstance(answered, Response):
                link.circuit.answered()
                return answered
            failed = answered
            link.failed(failed.why, failed.words)
            if failed.why == TIME_LIMIT:
                break
        assert failed is not None  # at least one is asked
        if isinstance(failed.told, ApiError):
            raise failed.told
        return failed.told

    async def _answered(self, link: Link, sent: _Sent, deadline: float) -> Response | _Failed:
        """What one upstream answers."""
        prompt_tokens = len(sent.content) // BYTES_PER_TOKEN
        turn: Turn | None = None
        if link.rate is not None:
            try:
                turn = await link.rate.turn(prompt_tokens + USUAL_REPLY)
            except UpstreamBusy as busy:
                return _Failed("rate", api_error(busy))
        passed = Passed(prompt_tokens, link.price, link.spent)
        told = Span(tracer(), lambda: passing(sent.model, sent.url), apart=True, failure=_failure)
        flow = _flow(self._session, sent, passed, turn, deadline, told)
        seconds, where = link.upstream.timeout, public_address(sent.url)
        try:
            try:
                async with asyncio.timeout(seconds):
                    first = await anext(flow)
            except BROKEN as error:
                unreached = ApiError(502, f"the upstream {link.name} cannot be reached", code="upstream_unavailable")
                return _Failed("connection", unreached, f"{where} cannot be reached ({reason(error)})")
            except TimeoutError:
                what = f"did not answer within {seconds:g} seconds"
                failed = ApiError(504, f"the upstream {link.name} {what}", code="upstream_timeout")
                return _Failed("timeout", failed, f"{where} {what}")
            except ApiError as error:  # of its reply, which one request may have caused
                return _Failed(TIME_LIMIT if error.status == 504 else "broken", error)
        except BaseException:
            await flow.aclose()
            raise
        assert isinstance(first, aiohttp.ClientResponse)
        if _is_stream(first):
            kept, events = kept_headers(first, sse.EventStream.media_type), cast("AsyncGenerator[bytes]", flow)
            return sse.EventStream(events, self._service.config.keep_alive, first.status, kept)
        kept = kept_headers(first, "application/json")
        body = await anext(flow)
        await anext(flow, None)  # to its end, which settles what was used
        assert isinstance(body, bytes)
        if first.status in REFUSED_KEY:
            said = f"HTTP {first.status}: {body[:MOST_LOGGED].decode('utf-8', 'replace')}"
            return _Failed(str(first.status), refused_key(link.name, first.status), said)
        try:
            response = relay.reply(first, body, kept)
        except ApiError as error:
            return _Failed("garbage", error)
        return _Failed(str(first.status), response) if is_failing(first.status) else response

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._session.aclose()


def _written(body: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:  # numbers beyond 64 bits
        return json.dumps(body, ensure_ascii=False).encode()


def _is_stream(response: aiohttp.ClientResponse) -> bool:
    media_type = response.headers.get("content-type", "").lower()
    return relay.is_good(response) and media_type.startswith(sse.EventStream.media_type)


def _is_named(path: str) -> bool:
    """Whether the events of an endpoint have names."""
    return path == "/responses"


async def _flow(
    session: Session, sent: _Sent, passed: Passed, turn: Turn | None, deadline: float, told: Span
) -> AsyncGenerator[aiohttp.ClientResponse | bytes]:
    """The response once something of its body is there, and then the body: as it comes, or whole where it is no stream.

    Closing it closes the connection, so that the upstream stops at once, and settles what was used. A stream that
    breaks off ends with an event that says so.
    """
    response: aiohttp.ClientResponse | None = None
    with told as span:
        try:
            try:
                async with asyncio.timeout_at(deadline):
                    response = await session.post(sent.url, sent.content, sent.headers)
            except BROKEN:
                raise
            except TimeoutError as error:
                raise relay.broken(error) from None
            if response.status >= 400:
                span.failed({"error.type": str(response.status)})
            if not _is_stream(response):
                body = relay.without_keys(await relay.whole(response, deadline), sent.key)
                yield response
                yield passed.whole(body, good=relay.is_good(response))
                return
            passed.begin()

            def account(part: bytes) -> bytes:
                return relay.without_keys(passed.feed(part), sent.key)

            async with aclosing(events_of(response, deadline, account, named=_is_named(sent.path))) as events:
                first = await anext(events)
                yield response
                yield first
                async for part in events:
                    yield part
        except (asyncio.CancelledError, ApiError):  # it was sent, and nobody will be told what it has cost
            passed.give_up()
            raise
        finally:
            passed.end()
            if turn is not None:
                turn.end(passed.usage.total_tokens)
            if response is not None:
                response.close()


def _failure(error: BaseException) -> Attributes:
    """The kind of an error; of an upstream that cannot be reached, why it cannot."""
    return failure_of(error.__context__ or error if isinstance(error, ApiError) else error)
