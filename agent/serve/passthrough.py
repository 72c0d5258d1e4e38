"""Passthrough: a request goes to the upstream as it came, and what comes back goes to the client as it comes."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack
from typing import Any

import httpx
import orjson
from starlette.responses import Response

from pilotage.agent.models.embedded.chat_model import EmbeddedChatModel
from pilotage.agent.serve import sse
from pilotage.agent.serve.config import DEFAULT
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.keys.access import BYTES_PER_TOKEN
from pilotage.agent.serve.passed_usage import StreamCharge, charge_reply
from pilotage.agent.serve.service import Service
from pilotage.agent.telemetry.operations import passing
from pilotage.agent.telemetry.spans import Attributes, Span, failure_of, tracer
from pilotage.common.redaction import public_address, redact_message

CONNECT_SECONDS = 10.0
_KEPT = ("content-type", "retry-after", "x-request-id", "openai-processing-ms")
"""Headers of the upstream that a client has a use for."""


class Passthrough:
    """Forwards requests over connections that are kept open."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=256),
        )

    def address(self, upstream: str) -> tuple[str, str, str] | None:
        """Base URL, key and model of an upstream that speaks OpenAI's protocol; None for any other.

        The embedded model has such an address too.
        """
        to = self._service.upstreams[upstream or DEFAULT]
        if to.base_url is not None:
            return to.base_url.rstrip("/"), os.environ.get(to.api_key_env, "none"), to.model
        model = self._service.client(upstream).model
        if isinstance(model, EmbeddedChatModel):
            return model.engine.base_url, model.engine.api_key, "default"
        return None

    async def forward(self, path: str, body: Mapping[str, Any], address: tuple[str, str, str], name: str) -> Response:
        """The upstream's reply to a request, with the name of the model that the client asked for left to it.

        Raises:
            ApiError: the upstream cannot be reached.
        """
        base, key, model = address
        content = orjson.dumps({**body, "model": model})
        prompt_tokens = len(content) // BYTES_PER_TOKEN
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        request = self._client.build_request("POST", f"{base}{path}", content=content, headers=headers)
        with ExitStack() as ending:
            told = ending.enter_context(Span(tracer(), lambda: passing(model, base), apart=True, failure=_failure))
            try:
                response = await self._client.send(request, stream=True)
            except httpx.HTTPError as error:
                why = redact_message(str(error)) or type(error).__name__
                raise ApiError(
                    502, f"{public_address(base)} cannot be reached ({why})", code="upstream_unavailable"
                ) from None
            if response.is_error:
                told.failed({"error.type": str(response.status_code)})
            kept = {header: response.headers[header] for header in _KEPT if header in response.headers}
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                charged = StreamCharge(prompt_tokens)
                return sse.EventStream(_relayed(response, charged, ending.pop_all()), response.status_code, kept)
            try:
                whole = await response.aread()
                charge_reply(whole, prompt_tokens if response.is_success else 0)
                return Response(whole, response.status_code, kept)
            finally:
                await response.aclose()

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


async def _relayed(response: httpx.Response, charged: StreamCharge, ending: ExitStack) -> AsyncGenerator[bytes]:
    """The body as it comes; closing it closes the connection, so that the upstream stops at once."""
    with ending:
        try:
            async for piece in response.aiter_bytes():
                charged.feed(piece)
                yield piece
        finally:
            await response.aclose()


def _failure(error: BaseException) -> Attributes:
    """The kind of an error; of an upstream that cannot be reached, why it cannot."""
    return failure_of(error.__context__ or error if isinstance(error, ApiError) else error)
