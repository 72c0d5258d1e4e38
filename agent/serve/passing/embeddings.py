"""Embeddings: passed through to the upstream that is configured for them."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.model_names import PASSTHROUGH, unknown
from pilotage.agent.serve.passing.passthrough import Passthrough
from pilotage.agent.serve.service import Service

HOW = "name one that makes them as `embeddings` in the server's configuration"
"""What to do where there are none."""


async def embeddings(service: Service, passthrough: Passthrough, body: Any) -> Response:
    """The upstream's reply to a request for embeddings.

    `model` is what the upstream calls its model, the upstream's name, or `passthrough`.

    Raises:
        ApiError: 404, no upstream makes embeddings, or none such ones; 400, the body names no model.
    """
    upstream = service.config.embeddings
    if upstream is None:
        raise ApiError(404, f"no upstream of this server makes embeddings: {HOW}", code="no_embeddings")
    if service.upstreams[upstream].base_url is None:
        raise ApiError(
            404, f"the upstream {upstream} has no base_url to ask for embeddings: {HOW}", code="no_embeddings"
        )
    name = body.get("model") if isinstance(body, dict) else None
    if not isinstance(name, str) or not name:
        raise ApiError(400, "`model` is missing, or is no text", param="model", code="invalid_value")
    model = service.upstreams[upstream].model
    if name not in (model, upstream, PASSTHROUGH, f"{PASSTHROUGH}@{upstream}"):
        raise unknown(name, f"embeddings are made by {model}")
    return await passthrough.forward("/embeddings", body, upstream)
