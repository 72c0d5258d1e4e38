"""PilotageChatModel: a LangChain chat model that works a question out before it replies.

    model = PilotageChatModel("openai:gpt-4o-mini", policy="rules")
    create_agent(model, tools=[search])

Each call is one reply of a `ReasoningAgent` to a conversation (`ReasoningAgent.achat`).
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config
from langchain_core.runnables.config import merge_configs
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, SecretStr, model_validator

from pilotage.agent.errors import UsageError
from pilotage.agent.langchain.call_options import call_options
from pilotage.agent.langchain.callbacks import Caller, calling, inner_config
from pilotage.agent.langchain.reply_message import PROVIDER, Chunks, message_of, model_name
from pilotage.agent.langchain.structured import Method, structured
from pilotage.agent.models import load_model
from pilotage.agent.runner import ReasoningAgent

if TYPE_CHECKING:
    from pilotage.agent.models.client import ModelClient

OF_MODEL = {"base_url": "base_url", "api_key": "api_key", "timeout": "timeout", "max_retries": "retries"}
"""What LangChain calls an argument of `load_model`, and what it is called there."""
OF_AGENT = frozenset(inspect.signature(ReasoningAgent).parameters) - {"model", "checkpoints"}


class PilotageChatModel(BaseChatModel):
    """A LangChain chat model over a `ReasoningAgent`, for `create_agent` and whatever else takes a chat model.

    Args:
        model: of the agent: a model string, a LangChain chat model or a `ModelClient`.
        agent: a `ReasoningAgent` that is there already, in place of `model` and the arguments of one.
        temperature: of the reply; blocks that work something out have their own.
        max_tokens: of the reply.
        stop: texts that end the reply.
        model_kwargs: further options of every reply, such as `top_p`; a call's own go over them.
        progress: whether the work of the blocks is told as reasoning, beside what the model itself thinks.
        inner_callbacks: whether all callbacks hear of the calls inside, their tokens aside; tracers always do.
        more: every other argument of `ReasoningAgent` but `checkpoints` (`policy`, `effort`, `memory`, ...); and for a
            model string `base_url`, `api_key`, `timeout` (seconds) and `max_retries` of `load_model`.

    Raises:
        PilotageError: a part cannot be had as asked; the text says what to do.

    `model.agent.close()` releases what it holds.
    """

    agent: ReasoningAgent = Field(exclude=True, repr=False)
    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    progress: bool = True
    inner_callbacks: bool = False
    streaming: bool = False

    def __init__(self, model: str | ModelClient | BaseChatModel | None = None, **more: Any) -> None:
        super().__init__(**more, **({} if model is None else {"model": model}))

    @model_validator(mode="before")
    @classmethod
    def _with_agent(cls, given: Any) -> Any:
        """Makes the agent of the arguments that are one's, and refuses what nobody knows."""
        fields = {name: value for name, value in given.items() if name in cls.model_fields}
        others = {name: value for name, value in given.items() if name not in cls.model_fields}
        if unknown := sorted(others.keys() - OF_AGENT - OF_MODEL.keys() - {"model"}):
            raise UsageError(
                f"`{unknown[0]}` is no argument of {cls.__name__}; an option of every reply goes into `model_kwargs`"
            )
        call_options(fields.get("model_kwargs", {}))
        if fields.get("agent") is None:
            return {**fields, "agent": _agent(others)}
        if others:
            raise UsageError(
                f"`{sorted(others)[0]}` is for an agent that is yet to be made, and one was given: set it there"
            )
        return fields

    @property
    def _llm_type(self) -> str:
        return PROVIDER

    @property
    def model_name(self) -> str:
        """What messages, traces and usage callbacks call it."""
        return model_name(self.agent.components.model.name)

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        own = {"model_name": self.model_name, "agent": self.agent.components.identity, **self.model_kwargs}
        return {**own, "temperature": self.temperature, "max_tokens": self.max_tokens, "stop": self.stop}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=self.stop if stop is None else stop, **kwargs)
        params["ls_provider"] = PROVIDER
        return params

    def _resolve_model_profile(self) -> Any:
        """That of the model inside; what that needs `response_format` for is had by way of a tool."""
        profile = getattr(self.agent.components.model.model, "profile", None) or {}
        return {name: value for name, value in profile.items() if name != "structured_output"} or None

    def _options(self, stop: list[str] | None, given: Mapping[str, Any]) -> dict[str, Any]:
        own = {"temperature": self.temperature, "max_tokens": self.max_tokens, **self.model_kwargs}
        stop = self.stop if stop is None else stop
        return call_options({**own, "stop": stop, **{name: one for name, one in given.items() if one is not None}})

    def _result(self, run: Any) -> ChatResult:
        message = message_of(run, progress=self.progress)
        about = {"finish_reason": message.response_metadata["finish_reason"]}
        return ChatResult(generations=[ChatGeneration(message=message, generation_info=about)])

    def _chunks(self) -> Chunks:
        return Chunks(self.agent.components.registry.actions.terminal, progress=self.progress)

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        options, config = self._options(stop, kwargs), inner_config(run_manager, all_callbacks=self.inner_callbacks)
        return self._result(self.agent.chat(messages, config=config, **options))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        options, config = self._options(stop, kwargs), inner_config(run_manager, all_callbacks=self.inner_callbacks)
        return self._result(await self.agent.achat(messages, config=config, **options))

    def _stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        options, config = self._options(stop, kwargs), inner_config(run_manager, all_callbacks=self.inner_callbacks)
        chunks = self._chunks()
        for event in self.agent.stream_chat(messages, config=config, **options):
            if (chunk := chunks.of(event)) is not None:
                yield ChatGenerationChunk(message=chunk)

    async def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        options, config = self._options(stop, kwargs), inner_config(run_manager, all_callbacks=self.inner_callbacks)
        chunks = self._chunks()
        # Closed at once where whoever listens leaves, so that the model stops writing.
        async with aclosing(self.agent.astream_chat(messages, config=config, **options)) as happening:
            async for event in happening:
                if (chunk := chunks.of(event)) is not None:
                    yield ChatGenerationChunk(message=chunk)

    def bind_tools(
        self,
        tools: Sequence[Any | Callable[..., Any]],
        *,
        tool_choice: Any = None,
        parallel_tool_calls: bool | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[Any, Any]:
        """The model with tools to call; no block that works something out is given them.

        Args:
            tools: LangChain's tools, functions, pydantic classes, or OpenAI's dictionaries.
            tool_choice: `auto`, `none`, `any` (or true, or `required`), a tool's name, or OpenAI's dictionary.
            parallel_tool_calls: whether one reply may call several.
            strict: whether arguments have to follow their schema, where the endpoint can.
            kwargs: further options of the reply.
        """
        offered = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
        options = {"tool_choice": tool_choice, "parallel_tool_calls": parallel_tool_calls}
        return self.bind(tools=offered, **{name: one for name, one in options.items() if one is not None}, **kwargs)

    def with_structured_output(
        self,
        schema: Any = None,
        *,
        method: Method = "function_calling",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[Any, Any]:
        """The model with replies parsed into a schema.

        Args:
            schema: a pydantic class, a TypedDict, a JSON Schema or OpenAI's function.
            method: `function_calling`, which every model with tools has; `json_schema` and `json_mode` where the
                endpoint takes a `response_format`.
            include_raw: give `raw`, `parsed` and `parsing_error` instead, and raise no error of parsing.
            strict: whether the endpoint is to hold the reply to the schema, where it can.
            kwargs: further options of the reply.
        """
        return structured(self, schema, method=method, strict=strict, include_raw=include_raw, more=kwargs)

    # LangChain hands no run manager to `_stream` and `_astream`: these keep it where those find it.

    def _generate_with_cache(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        with calling(run_manager):
            return super()._generate_with_cache(messages, stop, run_manager, **kwargs)

    async def _agenerate_with_cache(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        with calling(run_manager):
            return await super()._agenerate_with_cache(messages, stop, run_manager, **kwargs)

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[AIMessageChunk]:
        """As every chat model streams."""
        caller, config = _watched(config)
        chunks = super().stream(input, config, **kwargs)
        with calling(caller):
            chunk = next(chunks, None)
        if chunk is not None:
            yield chunk
            yield from chunks

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        """As every chat model streams."""
        caller, config = _watched(config)
        # Closed at once where whoever listens leaves, so that the model stops writing.
        async with aclosing(super().astream(input, config, **kwargs)) as chunks:  # type: ignore[type-var]
            with calling(caller):
                chunk = await anext(chunks, None)
            while chunk is not None:
                yield chunk
                chunk = await anext(chunks, None)


def _watched(config: RunnableConfig | None) -> tuple[Caller, RunnableConfig]:
    """Who calls, and the config by which the caller hears which run the call is."""
    config = ensure_config(config)
    caller = Caller.by(config)
    return caller, merge_configs(config, {"callbacks": [caller]})


def _agent(given: Mapping[str, Any]) -> ReasoningAgent:
    """An agent of the arguments that are one's, and of those of its model."""
    options = dict(given)
    model = options.pop("model", None)
    model = "embedded" if model is None else model
    for_model = {OF_MODEL[name]: options.pop(name) for name in OF_MODEL if name in options}
    if isinstance(model, str):
        key = for_model.get("api_key")
        if key is not None and "base_url" not in for_model:
            raise UsageError(
                "`api_key` goes with `base_url`; a provider's own key is read from its environment variable"
            )
        if isinstance(key, SecretStr):
            for_model["api_key"] = key.get_secret_value()
        model = load_model(model, **for_model)
    elif for_model:
        name = next(name for name, own in OF_MODEL.items() if own in for_model)
        raise UsageError(f"`{name}` is for a model string, and a model was given: set it there")
    return ReasoningAgent(model, **options)
