"""InspectChatModel: a model of Inspect AI as a LangChain chat model, so that Inspect counts and logs every call.

Inspect retries by itself, caches where its user says so, and holds the sample to its limits; what it raises is passed
through the agent whole.
"""

from __future__ import annotations

from typing import Any, NoReturn

from inspect_ai.model import (
    ChatMessage,
    ContentReasoning,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    messages_from_openai,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult

from pilotage.agent.errors import PilotageError, UnsupportedParameter
from pilotage.agent.models.reply import Capabilities
from pilotage.agent.models.transport.retry import diagnose

TAKEN = frozenset({"max_tokens", "temperature", "seed", "logprobs", "top_logprobs"})


class InspectRaised(PilotageError):
    """Inspect ended a call, by one of the sample's limits for example; `error` is what it raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class InspectChatModel(BaseChatModel):
    """Asks a model of Inspect. There is no synchronous call, since Inspect has none.

    Args:
        asked: the model. What its owner set of temperature and tokens holds, as with every other chat model: the
            temperature unless a block has to sample, and the least of both limits.
    """

    asked: Any
    capabilities: Capabilities = Capabilities(logprobs=True)

    @property
    def _llm_type(self) -> str:
        return "inspect"

    @property
    def identity(self) -> str:
        """What the response cache knows it by."""
        return f"inspect:{self.asked}"

    def _generate(self, messages: list[BaseMessage], *args: Any, **options: Any) -> NoReturn:
        raise NotImplementedError("a model of Inspect is asked on its event loop")

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **options: Any
    ) -> ChatResult:
        model: Model = self.asked
        config = _config(model.config, stop, options)
        try:
            output = await model.generate(await _read(messages), config=config)
        except Exception as error:
            if diagnose(error) is not None:  # the endpoint's own words, which may be about a parameter
                raise
            raise InspectRaised(error) from error
        return ChatResult(generations=[_generation(output)])


def _config(own: GenerateConfig, stop: list[str] | None, options: dict[str, Any]) -> GenerateConfig:
    if unknown := sorted(options.keys() - TAKEN):
        raise UnsupportedParameter(unknown[0], f"a model of Inspect is given no `{unknown[0]}` here; leave it out")
    wanted = dict(options)
    if own.max_tokens is not None:
        wanted["max_tokens"] = min(own.max_tokens, wanted.get("max_tokens", own.max_tokens))
    if own.temperature is not None and wanted.get("temperature") == 0.0:
        del wanted["temperature"]
    return GenerateConfig(stop_seqs=stop, **wanted)


async def _read(messages: list[BaseMessage]) -> list[ChatMessage]:
    in_openais_form: Any = convert_to_openai_messages(messages)
    read: list[ChatMessage] = await messages_from_openai(in_openais_form)
    return read


def _generation(output: ModelOutput) -> ChatGeneration:
    about: dict[str, Any] = {}
    thought = ""
    if output.choices:
        choice = output.choices[0]
        if choice.stop_reason != "unknown":
            about["finish_reason"] = choice.stop_reason
        if choice.logprobs is not None:
            about["logprobs"] = choice.logprobs.model_dump()
        parts = choice.message.content if isinstance(choice.message.content, list) else []
        thought = "\n".join(part.reasoning for part in parts if isinstance(part, ContentReasoning))
    message = AIMessage(
        output.completion,
        additional_kwargs={"reasoning_content": thought} if thought else {},
        usage_metadata=None if output.usage is None else _usage(output.usage),
    )
    return ChatGeneration(message=message, generation_info=about)


def _usage(of: ModelUsage) -> UsageMetadata:
    """Inspect counts what was read from a cache and what was written to one apart from the rest of the prompt."""
    cached = of.input_tokens_cache_read or 0
    prompt = of.input_tokens + cached + (of.input_tokens_cache_write or 0)
    return UsageMetadata(
        input_tokens=prompt,
        output_tokens=of.output_tokens,
        total_tokens=prompt + of.output_tokens,
        input_token_details=InputTokenDetails(cache_read=cached),
        output_token_details=OutputTokenDetails(reasoning=of.reasoning_tokens or 0),
    )
