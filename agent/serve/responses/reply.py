"""Responses: the object that a client gets, whole and true, and the items that a run comes to."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pilotage.agent.chat.progress import told_afterwards
from pilotage.agent.chat.reply_account import cost_of, usage_of
from pilotage.agent.models.reply import LimitUsedUp
from pilotage.agent.models.transport.retry import causes
from pilotage.agent.run import Run, UnusableRun
from pilotage.agent.serve.errors import ApiError, api_error
from pilotage.agent.serve.extras import OWN
from pilotage.agent.serve.responses.items import (
    Item,
    call_item,
    message_item,
    new_id,
    reasoning_item,
    text_part,
)
from pilotage.agent.serve.responses.request import ResponsesRequest
from pilotage.agent.trace import Usage

CUT = {"reason": "max_output_tokens"}
PARAMS = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
"""What the fields of a chat request are called in this one."""


def response_id() -> str:
    """A new id."""
    return f"resp_{secrets.token_hex(24)}"


@dataclass(frozen=True)
class Envelope:
    """What stays the same of a response while it is made: its id, when it was begun, what was asked for."""

    request: ResponsesRequest
    id: str = field(default_factory=response_id)
    created: int = field(default_factory=lambda: int(time.time()))

    def response(
        self,
        status: str,
        output: Sequence[Item] = (),
        *,
        usage: dict[str, Any] | None = None,
        error: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The response as it is now."""
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "completed_at": int(time.time()) if status == "completed" else None,
            "status": status,
            "background": False,
            "error": error,
            "incomplete_details": CUT if status == "incomplete" else None,
            "model": self.request.model,
            "output": list(output),
            "top_logprobs": 0,
            "truncation": "disabled",
            "usage": usage,
            **self.request.told,
        }

    def ended(self, run: Run, output: Sequence[Item]) -> dict[str, Any]:
        """The response of a run that has come to its end."""
        response = self.response("incomplete" if run.cut else "completed", output, usage=usage(run))
        return {**response, OWN: {"runs": [run.to_json()]}} if self.request.extras.trace else response

    def without_reply(self, error: UnusableRun, output: Sequence[Item] = ()) -> dict[str, Any]:
        """The response of a run in which thinking used up the limit before any reply; another error is raised again."""
        if not any(isinstance(cause, LimitUsedUp) for cause in causes(error)):
            raise error
        spent = error.trace.usage
        return self.response("incomplete", output, usage=_usage(spent, spent.completion_tokens))

    def failed(self, error: ApiError, output: Sequence[Item]) -> dict[str, Any]:
        """The response of a run that has failed."""
        message = error.body["error"]["message"]
        return self.response("failed", output, error={"code": failure_code(error), "message": message})

    def output(self, run: Run, *, progress: bool) -> list[Item]:
        """The items of a run: what was worked out and thought, the message, and the calls of functions."""
        items: list[Item] = []
        if texts := _thoughts(run, progress):
            items.append(reasoning_item(new_id("reasoning"), texts, "completed"))
        if run.answer or not run.tool_calls:
            items.append(message_item(new_id("message"), [text_part(run.answer or "")], "completed"))
        for call in run.tool_calls:
            called = self.request.tools.called(call)
            items.append(call_item(new_id("function_call"), call.id, called, call.arguments, "completed"))
        if run.cut:
            items[-1]["status"] = "incomplete"
        return items


def _thoughts(run: Run, progress: bool) -> list[str]:
    """What blocks worked out, and what the model thought, where there is any of it."""
    return [text for text in (told_afterwards(run) if progress else "", run.thinking) if text]


def usage(run: Run) -> dict[str, Any]:
    """What all calls for a response cost together."""
    return _usage(run.usage, usage_of([run])["completion_tokens_details"]["reasoning_tokens"])


def _usage(spent: Usage, reasoning: int) -> dict[str, Any]:
    return {
        "input_tokens": spent.prompt_tokens,
        "input_tokens_details": {"cached_tokens": spent.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": spent.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": spent.total_tokens,
        **cost_of(spent),
    }


def told(error: Exception) -> ApiError:
    """What a client is told of an error, in the names that its request has."""
    known = api_error(error)
    body = known.body["error"]
    if (param := PARAMS.get(body["param"])) is None:
        return known
    more = {"param": param, "code": body["code"], "type": body["type"], "headers": known.headers}
    return ApiError(known.status, body["message"], **more)


def failure_code(error: ApiError) -> str:
    """The code of the error of a failed response, which are other ones than those of requests."""
    code = error.body["error"]["code"]
    if code == "context_length_exceeded":
        return str(code)
    if error.status == 429:
        return "rate_limit_exceeded"
    return "invalid_prompt" if error.status in (400, 413, 422) else "server_error"
