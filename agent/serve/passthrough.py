"""Passthrough: a request goes to the upstream as it came, and what comes back goes to the client as it comes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import httpx
import orjson
from starlette.responses import Response

from pilotage.agent.models.embedded.chat_model import EmbeddedChatModel
from pilotage.agent.serve import relay, sse
from pilotage.agent.serve.config import DEFAULT
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.keys.access import BYTES_PER_TOKEN
from pilotage.agent.serve.passed_usage import StreamCharge, charge_reply
from pilotage.agent.serve.service import Service
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
        deadline = asyncio.get_running_loop().time() + self._service.settings.budget.max_seconds
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._client.send(request, stream=True)
        except TimeoutError as error:
            raise relay.broken(error) from None
        except httpx.HTTPError as error:
            why = redact_message(str(error)) or type(error).__name__
            raise ApiError(
                502, f"{public_address(base)} cannot be reached ({why})", code="upstream_unavailable"
            ) from None
        kept = {header: response.headers[header] for header in _KEPT if header in response.headers}
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            charged, named = StreamCharge(prompt_tokens), path == "/responses"
            events = relay.events(response, deadline, charged.feed, named=named)
            return sse.EventStream(events, response.status_code, kept)
        try:
            whole = await relay.whole(response, deadline)
            charge_reply(whole, prompt_tokens if response.is_success else 0)
            return relay.reply(response, whole, kept)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()
