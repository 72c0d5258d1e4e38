"""ModelClient, what blocks call: a chat model with exact usage, retries, cache and clean degradation."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from pilotage.agent.errors import ModelUnavailable, PilotageError
from pilotage.agent.event_loop import OneProcess
from pilotage.agent.models.call_reading import read_call
from pilotage.agent.models.call_span import call_span, replied
from pilotage.agent.models.chat_call import ChatCall, WrappedModel
from pilotage.agent.models.dialect import Terms, is_providers, speaks_openai
from pilotage.agent.models.parsing.collector import Attempt, Collector, ListenerFailed, TokenRelay
from pilotage.agent.models.parsing.finish_reasons import UNFINISHED
from pilotage.agent.models.parsing.token_usage import expected_tokens
from pilotage.agent.models.reply import Bill, Capabilities, Reply, Request, RequestRefused, UnusableReply
from pilotage.agent.models.transport.credentials import remember_keys, without_keys
from pilotage.agent.models.transport.deadline import within
from pilotage.agent.models.transport.guard import Elsewhere, Garbled, Overlong, Reading, byte_limit
from pilotage.agent.models.transport.pooling import met_another_loop
from pilotage.agent.models.transport.refused_parameters import refusal_in
from pilotage.agent.models.transport.retry import Failure, RetryPolicy, causes, diagnose, is_no_stream, took_too_long
from pilotage.agent.models.transport.work import may_have_worked, refuses
from pilotage.agent.trace import Usage
from pilotage.common.redaction import SecretFilter, public_address, redact_message, remember_address
from pilotage.common.text import carriable

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import Runnable

    from pilotage.agent.models.cache import ResponseCache
    from pilotage.agent.models.likelihood import Way
    from pilotage.agent.models.prices import Price
    from pilotage.agent.models.transport.rate import Rate, Turn

# What client libraries raise on a body that is no chat completion: they parse it without checking first.
GARBAGE = (ValueError, TypeError, KeyError, AttributeError, IndexError)
Repeats = Callable[[Usage, str], bool]
TELLING = (ValueError, Garbled, json.JSONDecodeError)
"""Those of them whose words are about the body, and not about the inside of a library."""
STRANGER_RETRIES = 100
"""More than the connections that client libraries keep open."""


class ModelClient:
    """Asks one chat model; safe to share by any number of asyncio tasks.

    Args:
        model: any LangChain chat model, also behind `.bind()`, `.with_retry()`, `.with_fallbacks()` and the like.
        name: what traces and reports call it; the model's own type by default.
        identity: what the response cache knows it by; made from the model's parameters by default.
        capabilities: what the backend can do; by default what the model or its class says.
        cache: answers repeated requests without a call.
        retry: backoff for failures that may pass.
        timeout: seconds for one attempt; None waits as long as it takes.
        price: of its tokens, where it is known.
        rate: lets attempts through; None lets all through at once.

    Attributes:
        thinking_tokens: what each reply needs beside its answer, for thinking; whoever asks adds it to the limit.
        alias: what errors call it, in place of its address and its name, and without advice for whoever chose these:
            for a server, whose clients read them.
        keeps_cut: whether a cut reply answers its request again: of methods compared, later ones would else draw anew.
    """

    def __init__(
        self,
        model: Runnable[Any, Any],
        *,
        name: str | None = None,
        identity: str | None = None,
        capabilities: Capabilities | None = None,
        cache: ResponseCache | None = None,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        price: Price | None = None,
        rate: Rate | None = None,
    ) -> None:
        self.model = model
        self._wrapped = WrappedModel(model)
        self.name = name or self._wrapped.main._llm_type
        self.identity = identity or self._wrapped.identity
        self.capabilities = capabilities or self._wrapped.capabilities
        self.cache = cache
        self.retry = retry or RetryPolicy()
        self.timeout = timeout
        self.price = price
        self.rate = rate
        remember_address(self._wrapped.address)
        for holder in (model, *self._wrapped.leaves):
            remember_keys(holder)
        self.where = public_address(self._wrapped.address) or self.name
        self.alias = ""
        self.keeps_cut = False
        self._process = OneProcess(f"the model {self.name}")
        self.thinking_tokens = self._wrapped.thinking_tokens
        self._asked_for_grammar = False
        self._terms = Terms()
        self._begins_in_thought = False
        self._names_finish_reasons = all(map(is_providers, self._wrapped.leaves))  # of others it is known once they do

    @property
    def main(self) -> BaseChatModel:
        """The chat model that is asked first."""
        return self._wrapped.main

    async def scores_given(self) -> Way | None:
        """How the backend tells the likelihood of a given text (`pilotage.agent.models.likelihood`), if it can."""
        one = self._wrapped.only
        return await one.scores_given() if one is not None and hasattr(one, "scores_given") else None

    async def tokenized(self, text: str) -> Any:
        """What the backend's tokenizer answers, in llama.cpp's form; None where it has none of its own."""
        one = self._wrapped.only
        return await one.tokenized(text) if one is not None and hasattr(one, "tokenized") else None

    def load(self, *, quick: bool = False) -> None:
        """Loads weights before the first call, where the model has any. Blocks. `quick`: sooner ready, slower later."""
        for model in self._wrapped.leaves:
            if (load := getattr(model, "load", None)) is not None:
                load(quick=quick)

    async def ask(
        self,
        request: Request,
        on_token: Callable[[str], None] | None = None,
        repeats: Repeats = lambda billed, trouble: True,
        on_thought: Callable[[str], None] | None = None,
        bill: Bill | None = None,
    ) -> Reply:
        """Answers a request, from the cache or by a call.

        Args:
            request: what to ask.
            on_token: gets the text as it comes.
            on_thought: gets what the model thinks before it, where the backend shows that beside the text.
            repeats: asked before each further attempt, with what those so far have billed and why the last one came
                to nothing; false makes that the end.
            bill: is written what the request costs, however it ends.

        Raises:
            ModelUnavailable: the endpoint could not be reached, or refused, after every retry; a `RequestRefused`
                where another request may fare better.
            BadReply: it answered with something that is no usable completion.
        """
        self._process.enter()
        account = bill or Bill()

        def call() -> Coroutine[Any, Any, Reply]:
            return self._call(request, on_token, repeats, on_thought, account)

        with call_span(self, request, streaming=on_token is not None) as span:
            if self.cache is None:
                reply = await call()
            else:  # a cut reply is none to keep, but of a piece, or where first tokens' probabilities were asked for
                reply = await self.cache.answer(
                    self.cache.key(self.identity, request),
                    partial(self._keeping_cut, request, call, self.cache) if self.keeps_cut else call,
                    keep=lambda reply: not reply.cut or request.piece or request.top_logprobs > 0,
                )
                reply, account.usage = without_keys(reply), reply.usage
            span.tell(replied, reply)
        if reply.replayed and on_token is not None:
            on_token(reply.text)
        return reply

    async def _keeping_cut(
        self, request: Request, call: Callable[[], Coroutine[Any, Any, Reply]], cache: ResponseCache
    ) -> Reply:
        """The cut reply that is kept for a request, or that of `call`; kept apart, so that others ask anew."""
        key = cache.key(f"{self.identity}, cut", request)
        if (kept := await asyncio.to_thread(cache.get, key)) is not None:
            return kept.replay()
        reply = await call()
        if reply.cut:
            await asyncio.to_thread(cache.put, key, reply)
        return reply

    async def _call(
        self,
        request: Request,
        on_token: Callable[[str], None] | None,
        repeats: Repeats,
        on_thought: Callable[[str], None] | None,
        bill: Bill,
    ) -> Reply:
        """Tries until there is a usable reply; whatever was billed on the way is in its usage.

        It and its text as it comes are without any credential that the endpoint echoes.
        """
        await self._prepare(request)
        shown = SecretFilter(on_token) if on_token is not None else None
        mused = SecretFilter(on_thought) if on_thought is not None else None
        relay, thoughts = TokenRelay(shown or _ignored), TokenRelay(mused or _ignored)
        failures = useless = strangers = 0
        terms, room = self._terms, None
        while True:
            sent_terms = terms.also(most_tokens=room)
            call = self._wrapped.call_for(request, self.capabilities, sent_terms, streaming=on_token is not None)
            collector = Collector(request, begins_in_thought=self._begins_in_thought)
            turn = await bill.turn(self.rate, expected_tokens(request)) if self.rate is not None else None
            started, reading = time.perf_counter(), Reading(byte_limit(request))

            def spent() -> Usage:  # as far as anybody knows
                seconds = time.perf_counter() - started  # noqa: B023 (called in this round alone)
                collector.told(reading.usage)  # noqa: B023
                return self._priced(collector.usage.model_copy(update={"seconds": seconds}))  # noqa: B023

            try:
                await self._attempt(request, call, collector, relay.attempt(), thoughts.attempt(), reading, turn)
            except (ListenerFailed, asyncio.CancelledError) as ended:
                if not refuses(reading.status):
                    bill.usage += spent()
                raise (ended.error if isinstance(ended, ListenerFailed) else ended) from None
            except Exception as error:  # every integration raises its own kinds
                if collector.text:
                    bill.usage += spent()
                refusal = refusal_in(error, call.sent, sent_terms.limit_of(request))
                if refusal.room is not None:
                    room = refusal.room  # beside this prompt; another one leaves more
                    continue
                if (more := terms.also(refusal.features - request.insisted, refusal.most_tokens)) != terms:
                    terms = more
                    continue
                if met_another_loop(error) and strangers < STRANGER_RETRIES:
                    strangers += 1  # the library drops the connection that it found, and takes another
                    continue
                if not collector.text and may_have_worked(error, reading.status):
                    bill.usage += spent()
                failure = self._failure(error, request, bill.usage)
                failures += 1
                delay = self.retry.delay(failures, failure.retry_after)
                again = failure.retryable and (self.retry.after_timeouts or not took_too_long(error))
                again = repeats(bill.usage, failure.detail) and again
                if not again or failures > self.retry.retries or delay > self.retry.longest_wait:
                    what = failure.told(self.alias or self.where, self.name, failures, advise=not self.alias)
                    raise (
                        ModelUnavailable(what) if failure.of_endpoint else RequestRefused(what, bill.usage)
                    ) from error
                await asyncio.sleep(delay)
                continue
            self._remember(terms)  # the endpoint accepts the request on these
            self._begins_in_thought |= collector.began_in_thought
            reply = collector.reply(self.name, time.perf_counter() - started)
            bill.usage += self._priced(reply.usage)
            unusable = collector.why_unusable(reply)
            if unusable is None:
                for listener in (mused, shown):
                    if listener is not None:
                        listener.end()
                return without_keys(reply.model_copy(update={"usage": bill.usage}))
            useless += 1
            if not unusable.passing or useless > self.retry.unusable or not repeats(bill.usage, unusable.what):
                # What is to be done about a reply is the client's own affair, and about a block's the server's.
                said = unusable.what.partition("; ")[0] if self.alias and not request.exact else unusable.what
                raise unusable.kind(f"{self._called} {said}.", bill.usage)
            # Under the same seed a sampling backend would give the same nothing again.
            if request.backend_seed is not None:
                request = request.model_copy(update={"seed": request.backend_seed + 1, "sample": 0})

    async def _attempt(
        self,
        request: Request,
        call: ChatCall,
        collector: Collector,
        shown: Attempt,
        thoughts: Attempt,
        reading: Reading,
        turn: Turn | None,
    ) -> None:
        """One call, at most `timeout` seconds of it; what has come by then is in the collector."""
        try:
            await within(self.timeout, read_call(request, call, collector, shown, thoughts, reading))
        finally:
            shown.end()
            thoughts.end()
            if turn is not None:
                turn.end(collector.usage.total_tokens if collector.began else 0)
        # A reply of a model that says why its replies end is cut if it does not say so.
        if collector.finish_reason is not None:
            self._names_finish_reasons = True
        elif self._names_finish_reasons and not reading.done and not collector.overflowed:
            collector.finish_reason = UNFINISHED

    async def _prepare(self, request: Request) -> None:
        if not all(getattr(model, "loaded", True) for model in self._wrapped.leaves):
            await asyncio.to_thread(self.load)  # before the clock of the first call starts
        if request.grammar and self.capabilities.grammar and not self._asked_for_grammar:
            self._asked_for_grammar = True
            if not await self._wrapped.speaks_grammar():
                self._remember(self._terms.also({"grammar"}))

    @property
    def _called(self) -> str:
        return self.alias or f"{self.where} ({self.name})"

    def _priced(self, usage: Usage) -> Usage:
        return self.price.of(usage) if self.price is not None else usage

    def _remember(self, terms: Terms) -> None:
        self._terms = self._terms.also(terms.refused, terms.most_tokens)
        self.capabilities = self.capabilities.less(self._terms.refused)

    def _failure(self, error: Exception, request: Request, billed: Usage) -> Failure:
        """What kind of failure of the endpoint an error is.

        Raises:
            PilotageError: it is no failure that another try could mend.
        """
        for cause in causes(error):
            if isinstance(cause, UnusableReply):
                raise UnusableReply(str(cause), billed) from error
            if isinstance(cause, PilotageError):
                raise cause
            if isinstance(cause, Elsewhere):
                advice = "the prompt was not sent there; if it is the right one, give it as the base URL"
                told = f"{self.alias} redirects elsewhere" if self.alias else f"{self.where} {cause}; {advice}"
                raise RequestRefused(f"{told}.", billed) from error
            if isinstance(cause, Overlong):
                what = f"answered with too much: {cause}, and {request.max_tokens} tokens were asked for"
                raise UnusableReply(f"{self._called} {what}.", billed) from error
        failure = diagnose(error)
        if failure is None:
            raise self._unreadable(error, billed) from error
        return failure

    def _unreadable(self, error: Exception, billed: Usage) -> UnusableReply:
        kind, no_stream = type(error).__name__, is_no_stream(error)
        text = " ".join(redact_message(carriable(str(error))).split())[:200]
        what = f"{kind}: {text}" if text else kind
        if not ((isinstance(error, GARBAGE) or no_stream) and is_providers(self._wrapped.main)):
            return UnusableReply(f"{self._called} gave no reply, its client failed ({what}).", billed)
        protocol = f"an API that {type(self._wrapped.main).__name__} speaks"
        if all(map(speaks_openai, self._wrapped.leaves)):
            protocol = "an OpenAI-compatible API (it often ends in /v1)"
        what = what if no_stream or type(error) in TELLING else kind
        advice = "" if self.alias else f"; check that the base URL is that of {protocol}"
        where = self.alias or self.where
        return UnusableReply(f"{where} answered, but not with a chat completion ({what}){advice}.", billed)


def _ignored(text: str) -> None:
    """Listens to nothing."""
