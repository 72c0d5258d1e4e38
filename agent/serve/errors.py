"""Errors of the server, in OpenAI's form: `{"error": {message, type, param, code}}` with the status that is true."""

from __future__ import annotations

import logging
import math
from typing import Any

import orjson
from starlette.responses import Response

from pilotage.agent.errors import (
    BadReply,
    BudgetExceeded,
    ContextExceeded,
    LimitReached,
    MissingExtra,
    ModelError,
    ModelUnavailable,
    PilotageError,
    UnknownModel,
    UnsupportedParameter,
    UpstreamBusy,
    UsageError,
    WeightsError,
)
from pilotage.agent.models.reply import LimitUsedUp
from pilotage.agent.models.transport.retry import Failure, causes, diagnose
from pilotage.agent.serve.upstreams.failing import REFUSED_KEY
from pilotage.common.redaction import redact_message
from pilotage.common.text import carriable, one_line
from pilotage.memory.errors import NamespaceErased, StoreClosed

log = logging.getLogger("pilotage.serve")

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}
"""What OpenAI calls each status; the others are the server's."""


class ApiError(Exception):
    """What a client is told, and the status and headers that go with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        type: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {
            "error": {
                "message": redact_message(carriable(message)),
                "type": type or TYPES.get(status, "api_error"),
                "param": param,
                "code": code,
            }
        }


def error_response(error: ApiError) -> Response:
    """What is sent of an error."""
    return Response(orjson.dumps(error.body), error.status, error.headers, media_type="application/json")


def api_error(error: Exception) -> ApiError:
    """What a client is told of an error of the agent.

    What nobody foresaw, and how this server is set up, is told without its words: these are its owner's affair.
    """
    if isinstance(error, ApiError):
        return error
    if isinstance(error, LimitReached):
        wait = {"Retry-After": str(error.retry_after)}
        return ApiError(429, str(error), code="rate_limit_exceeded", headers=wait)
    for cause in causes(error):
        if isinstance(cause, UpstreamBusy):
            wait = {"Retry-After": str(cause.retry_after)}
            return ApiError(429, str(cause), code="upstream_rate_limit", headers=wait)
    if isinstance(error, NamespaceErased):
        return ApiError(409, "the namespace was erased while this request ran; ask again", code="namespace_erased")
    if isinstance(error, StoreClosed):
        return ApiError(503, "the memory was closed while this request ran; ask again", code="memory_closed")
    if isinstance(error, UnsupportedParameter):
        return ApiError(400, str(error), param=error.parameter, code="unsupported_parameter")
    if isinstance(error, ContextExceeded):
        return ApiError(400, str(error), param="messages", code="context_length_exceeded")
    for cause in causes(error):
        if isinstance(cause, LimitUsedUp):
            return ApiError(400, str(error), param="max_tokens", code="max_tokens_used_by_thinking")
    if isinstance(error, ModelUnavailable):
        return _of_upstream(error)
    if isinstance(error, BudgetExceeded):
        return ApiError(504, str(error), code="time_limit" if error.limit == "max_seconds" else "budget_exceeded")
    if isinstance(error, BadReply):
        return ApiError(502, str(error), code="unusable_reply")
    if isinstance(error, WeightsError | MissingExtra | UnknownModel):
        log.error("a model cannot be used: %s", one_line(str(error)))
        return ApiError(
            503, "a model of this server cannot be used now; the server's log has the reason", code="model_unusable"
        )
    if isinstance(error, UsageError):
        return ApiError(400, str(error))
    if isinstance(error, ModelError):
        return ApiError(500, str(error))
    return ApiError(500, "the server failed at this request; its log has the reason", code="internal_error")


def _of_upstream(error: ModelUnavailable) -> ApiError:
    """The upstream's own status where it gave one that a client can act on; else that of a gateway."""
    failure = next((found for cause in causes(error) if (found := _failure(cause)) is not None), None)
    if failure is None or failure.status is None:
        return ApiError(502, str(error), code="upstream_unavailable")
    if failure.status in REFUSED_KEY:
        names = (cause.upstream for cause in causes(error) if isinstance(cause, ModelError) and cause.upstream)
        return refused_key(next(names, ""), failure.status)
    headers = {}
    if failure.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(failure.retry_after)))
    status = failure.status if 400 <= failure.status < 600 else 502
    code = "context_length_exceeded" if "context" in failure.detail and status == 400 else "upstream_error"
    return ApiError(status, str(error), code=code, headers=headers)


def refused_key(upstream: str, status: int | None) -> ApiError:
    """The error of an upstream that does not take this server's key: with its own status, a client would doubt its."""
    return ApiError(
        502,
        f"the upstream {upstream} refused the key or the account of this server (HTTP {status}); its owner has to mend "
        "that",
        code="upstream_refused_its_key",
    )


def _failure(cause: BaseException) -> Failure | None:
    return None if isinstance(cause, PilotageError) else diagnose(cause)
