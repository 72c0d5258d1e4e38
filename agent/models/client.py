"""ModelClient, what blocks call: a chat model with exact usage, retries, cache and clean degradation."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from agent.errors import BadReply, ModelUnavailable, PilotageError
from agent.models.collector import Collector, TokenRelay
from agent.models.dialect import Dialect, native
from agent.models.refusal import refused_features, without
from agent.models.reply import Capabilities, Reply, Request, UnusableReply
from agent.models.retry import Failure, RetryPolicy, diagnose
from agent.redaction import Veil, public_address, redact, remember, remember_address
from agent.trace import Usage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

    from agent.models.cache import ResponseCache

# What client libraries raise on a body that is no chat completion: they parse it without checking first.
GARBAGE = (ValueError, TypeError, KeyError, AttributeError, IndexError)
EMPTY_RETRIES = 1


class ModelClient:
    """Asks one chat model; safe to share by any number of asyncio tasks.

    Args:
        model: any LangChain chat model.
        name: what traces and reports call it; the model's own type by default.
        identity: what the response cache knows it by; made from the model's parameters by default.
        capabilities: what the backend can do; read from `model.capabilities` where it has them.
        dialect: how a request becomes keyword arguments of the integration.
        cache: answers repeated requests without a call.
        retry: backoff for failures that may pass.
        timeout: seconds for one attempt; None waits as long as it takes.
        where: the endpoint's URL, for messages to people.
        speaks_grammar: asks the endpoint whether it knows GBNF grammars, once, before the first one is sent.
    """

    def __init__(
        self,
        model: BaseChatModel,
        *,
        name: str | None = None,
        identity: str | None = None,
        capabilities: Capabilities | None = None,
        dialect: Dialect = native,
        cache: ResponseCache | None = None,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        where: str = "",
        speaks_grammar: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self.model = model
        self.name = name or model._llm_type
        self.identity = identity or _identity(model)
        self.capabilities = capabilities or _claims(model)
        self.cache = cache
        self.retry = retry or RetryPolicy()
        self.timeout = timeout
        remember_address(where)
        _remember_keys(model)
        self.where = public_address(where) or self.name
        self._dialect = dialect
        self._speaks_grammar = speaks_grammar
        self._refused: frozenset[str] = frozenset()

    def load(self, *, quick: bool = False) -> None:
        """Loads weights into memory before the first call, where the model has any. Blocks: use a thread.

        Args:
            quick: be ready sooner, at the price of some speed later.
        """
        load = getattr(self.model, "load", None)
        if load is not None:
            load(quick=quick)

    async def ask(self, request: Request, on_token: Callable[[str], None] | None = None) -> Reply:
        """Answers a request, from the cache or by a call; `on_token` gets the text as it comes.

        Raises:
            ModelUnavailable: the endpoint could not be reached, or refused, after every retry.
            BadReply: it answered with something that is no usable completion.
        """
        if self.cache is None:
            return await self._answer(request, on_token)
        key = self.cache.key(self.identity, request)
        reply = await self.cache.answer(key, lambda: self._answer(request, on_token))
        if reply.replayed and on_token is not None:
            on_token(reply.text)
        return reply

    async def _answer(self, request: Request, on_token: Callable[[str], None] | None) -> Reply:
        """A reply, and its text as it comes, without any credential that the endpoint echoes."""
        veil = Veil(on_token) if on_token is not None else None
        reply = await self._call(request, veil)
        if veil is not None:
            veil.end()
        return _without_keys(reply)

    async def _call(self, request: Request, on_token: Callable[[str], None] | None) -> Reply:
        """Tries until there is a usable reply; whatever was billed on the way is in its usage."""
        await self._prepare(request)
        relay = TokenRelay(on_token) if on_token is not None else None
        billed, failures, empties = Usage(), 0, 0
        refused = self._refused
        while True:
            try:
                reply = await self._attempt(without(request, refused), relay)
            except PilotageError:
                raise
            except Exception as error:  # every integration raises its own kinds; unknown ones surface
                failure = diagnose(error)
                if failure is None and isinstance(error, GARBAGE):
                    raise self._unreadable(error, billed) from error
                if failure is None:
                    raise
                more = refused_features(request, failure) - refused
                if more:
                    refused |= more
                    continue
                failures += 1
                await self._back_off(failure, failures, error)
                continue
            if refused - self._refused:  # the endpoint accepts the request without them: remember
                self._remember(refused)
            billed += reply.usage
            if reply.text.strip():
                return reply.model_copy(update={"usage": billed})
            empties += 1
            if reply.finish_reason == "length" or empties > EMPTY_RETRIES:
                raise self._empty(reply, request, billed)
            # Under the same seed a sampling backend would give the same nothing again.
            request = request.model_copy(update={"seed": request.backend_seed + 1, "sample": 0})

    async def _attempt(self, request: Request, relay: TokenRelay | None) -> Reply:
        messages = _messages(request)
        options = self._dialect(request, self.capabilities)
        collector = Collector()
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self.timeout):
                if relay is None:
                    collector.add(await self.model.ainvoke(messages, **options))
                else:
                    await self._stream(messages, options, collector, relay)
        except TimeoutError as error:
            raise TimeoutError(f"no answer within {self.timeout} seconds") from error
        return collector.reply(request, self.name, time.perf_counter() - started)

    async def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any], collector: Collector, relay: TokenRelay
    ) -> None:
        relay.restart()
        # Closed at once on cancellation, so that the backend stops generating.
        async with aclosing(self.model.astream(messages, **options)) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                relay.add(collector.add(chunk))

    async def _prepare(self, request: Request) -> None:
        if not getattr(self.model, "loaded", True):
            await asyncio.to_thread(self.load)  # before the clock of the first call starts
        if request.grammar and self.capabilities.grammar and self._speaks_grammar is not None:
            probe, self._speaks_grammar = self._speaks_grammar, None
            if not await probe():
                self._remember(frozenset({"grammar"}))

    def _remember(self, refused: frozenset[str]) -> None:
        self._refused |= refused
        missing = {feature: False for feature in refused}
        self.capabilities = self.capabilities.model_copy(update=missing)

    async def _back_off(self, failure: Failure, failures: int, error: Exception) -> None:
        delay = self.retry.delay(failures, failure.retry_after)
        if not failure.retryable or failures > self.retry.retries or delay > self.retry.longest_wait:
            raise ModelUnavailable(_unavailable(self.where, self.name, failure, failures)) from error
        await asyncio.sleep(delay)

    def _unreadable(self, error: Exception, billed: Usage) -> BadReply:
        text = " ".join(str(error).split())[:200]
        return UnusableReply(
            f"{self.where} answered, but not with a chat completion ({type(error).__name__}: {text}); "
            "check that the base URL is that of an OpenAI-compatible API (it often ends in /v1).",
            billed,
        )

    def _empty(self, reply: Reply, request: Request, billed: Usage) -> BadReply:
        if reply.finish_reason == "length":
            why = f"all {request.max_tokens} tokens of the limit went before any text; raise max_tokens"
        else:
            why = "asked again it did the same; check the model and its chat template"
        return UnusableReply(f"{self.where} ({self.name}) answered with empty text: {why}.", billed)


def _claims(model: BaseChatModel) -> Capabilities:
    """What a model of this package says about itself; plain text for any other."""
    claims = getattr(model, "capabilities", None)
    return claims if isinstance(claims, Capabilities) else Capabilities()


def _remember_keys(model: BaseChatModel) -> None:
    """Makes known what credentials a LangChain object holds, which its endpoint may echo."""
    from pydantic import SecretStr

    for value in vars(model).values():
        if isinstance(value, SecretStr):
            remember(value.get_secret_value())
        elif isinstance(value, str) and "://" in value:
            remember_address(value)


def _without_keys(reply: Reply) -> Reply:
    """A reply that echoes no credential, and then has no log-probabilities, whose tokens would spell it."""
    text = redact(reply.text)
    return reply if text == reply.text else reply.model_copy(update={"text": text, "logprobs": None})


def _identity(model: BaseChatModel) -> str:
    """What sets this model apart: what it says itself, or what LangChain knows to decide its answers."""
    own = getattr(model, "identity", None)
    parameters = json.dumps(model._identifying_params, sort_keys=True, default=str)
    return own if isinstance(own, str) else f"{model._llm_type}:{parameters}"


def _messages(request: Request) -> list[BaseMessage]:
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds: dict[str, Any] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    return [kinds[message.role](content=message.content) for message in request.messages]


def _unavailable(where: str, name: str, failure: Failure, failures: int) -> str:
    tries = "1 try" if failures == 1 else f"{failures} tries"
    if failure.status is None:
        advice = "check that the server runs and that the URL is right"
        return f"{where} could not be reached after {tries} ({failure.detail}); {advice}."
    advice = {
        401: "check the API key",
        403: "check the API key and its permissions",
        404: f"check the model name ({name}) and the base URL",
        429: "wait, or lower the concurrency",
    }.get(failure.status, "see the server's message")
    return f"{where} refused with HTTP {failure.status} after {tries} ({failure.detail}); {advice}."
