"""The span of one call of a model, with all its attempts: an inference span of the GenAI conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pilotage.agent.models.reply import UnusableReply
from pilotage.agent.models.transport.retry import diagnose
from pilotage.agent.telemetry.content import captured, input_messages, output_messages
from pilotage.agent.telemetry.operations import server, tokens
from pilotage.agent.telemetry.spans import Attributes, Opening, Span, failure_of, tracer

if TYPE_CHECKING:
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.models.reply import Reply, Request

PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""What the conventions call a provider that LangChain calls otherwise."""


def call_span(client: ModelClient, request: Request, *, streaming: bool) -> Span:
    """The span of a call; `tell(replied, reply)` completes it."""
    return Span(tracer(), lambda: _opening(client, request, streaming), failure=_failure)


def replied(reply: Reply) -> Attributes:
    """What is known once the reply is there. One of the response cache was not paid, and tells no tokens."""
    return {
        "gen_ai.response.finish_reasons": [reply.finish_reason],
        "pilotage.replayed": reply.replayed or None,
        "pilotage.estimated": reply.estimated or None,
        **({} if reply.replayed else tokens(reply.usage)),
        **captured(gen_ai__output__messages=output_messages(reply)),
    }


def of_model(client: ModelClient) -> dict[str, Any]:
    """Which model it is, and whose."""
    told = client.main._get_ls_params()
    provider = told.get("ls_provider", "")
    return {
        "gen_ai.provider.name": PROVIDERS.get(provider, provider),
        "gen_ai.request.model": told.get("ls_model_name") or client.name,
    }


def _opening(client: ModelClient, request: Request, streaming: bool) -> Opening:
    about = of_model(client)
    attributes = {
        "gen_ai.operation.name": "chat",
        **about,
        "gen_ai.request.stream": streaming or None,
        "gen_ai.request.max_tokens": None if request.open_ended else request.max_tokens,
        "gen_ai.request.temperature": request.temperature,
        "gen_ai.request.seed": request.backend_seed,
        "gen_ai.output.type": "json" if request.json_schema is not None else None,
        **server(client.where),
        **captured(gen_ai__input__messages=input_messages(request.messages)),
    }
    return Opening(f"chat {about['gen_ai.request.model']}", attributes, "CLIENT")


def _failure(error: BaseException) -> Attributes:
    """The endpoint's status where it gave one, and what an unusable reply was billed."""
    failure, told = diagnose(error), failure_of(error)
    if failure is not None and failure.status is not None:
        told["error.type"] = str(failure.status)
    return {**told, **(tokens(error.usage) if isinstance(error, UnusableReply) else {})}
