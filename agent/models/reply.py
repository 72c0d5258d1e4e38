"""Request and Reply: what a block asks of a model, and what it gets back."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_serializer
from pydantic_core.core_schema import SerializerFunctionWrapHandler

from pilotage.agent.errors import BadReply, ModelUnavailable
from pilotage.agent.messages import Message as Message
from pilotage.agent.messages import ToolCall, ToolOffer
from pilotage.agent.models.parsing.finish_reasons import CUT
from pilotage.agent.models.transport.rate import Rate, Turn
from pilotage.agent.trace import Usage

LATER = ("tools", "more", "exact", "open_ended", "piece", "thinking")
"""Fields of a request that are left out of its JSON where they say nothing, so that older caches know it."""

INSISTED = frozenset({"temperature", "seed", "stop", "logprobs", "json_schema"})


class Request(BaseModel):
    """One model call. Two equal requests to the same model are the same call to the response cache.

    `json_schema`, `grammar` (GBNF) and `logprobs` are wishes: a backend without the feature gets the request
    without it, so whoever reads the reply still has to parse it. Where both are given and both are
    possible, the grammar wins. `sample` numbers repeats of one request: each repeat is its own call.

    Attributes:
        temperature: None leaves it to the model.
        seed: None leaves it to the model.
        tools: what the model may call instead of answering.
        more: further fields of OpenAI's chat completions, sent as they are.
        exact: a person asked for this in these words: what the endpoint refuses is an error, and is not left out.
        open_ended: the limit is not sent: the model may write as much as its endpoint lets it, and what comes back is
            read as far as the limit goes.
        piece: a piece of a text is asked for, which goes on from there: one that its limit cuts, or that is empty since
            there is nothing more to say, is what was asked for.
        thinking: of a piece, that what the model thinks is wanted, too: one that is cut while it thinks is no failure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: tuple[Message, ...] = Field(min_length=1)
    max_tokens: int = Field(ge=1)
    temperature: float | None = Field(0.0, ge=0.0)
    stop: tuple[str, ...] = ()
    json_schema: dict[str, Any] | None = None
    grammar: str | None = None
    logprobs: bool = False
    top_logprobs: int = Field(0, ge=0, le=20)
    seed: int | None = 0
    sample: int = Field(0, ge=0)
    tools: ToolOffer | None = None
    more: dict[str, Any] = Field(default_factory=dict)
    exact: bool = False
    open_ended: bool = False
    piece: bool = False
    thinking: bool = False

    @model_serializer(mode="wrap")
    def _as_before(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if value or name not in LATER}

    @property
    def insisted(self) -> frozenset[str]:
        """Features that are not left out, whatever the endpoint says of them."""
        return INSISTED if self.exact else frozenset()

    @property
    def backend_seed(self) -> int | None:
        """The seed for the model; repeats get seeds of their own, or sampling would give one text again."""
        if self.sample == 0 or self.seed is None:
            return self.seed
        return zlib.crc32(f"{self.seed}/{self.sample}".encode()) >> 1

    @property
    def prompt(self) -> str:
        """All that the model reads as text, to be counted: the messages and the tools on offer."""
        tools = json.dumps(self.tools.tools, ensure_ascii=False) if self.tools is not None else ""
        return "".join([*(message.written for message in self.messages), tools])


class TokenLogprob(BaseModel):
    """One token of a reply with its natural-log probability and the likeliest alternatives."""

    model_config = ConfigDict(frozen=True)

    token: str
    logprob: FiniteFloat
    top: tuple[tuple[str, FiniteFloat], ...] = ()


class Reply(BaseModel):
    """A usable answer of a model, with what it cost.

    `usage` includes attempts that were billed but gave no usable text. `estimated` is true where the backend
    reported no usage that can be true, and tokens were estimated at four characters each. `finish_reason` is `stop`,
    `length` where the reply was cut (see `cut`), or `tool` where it calls tools that were offered: what ended in
    another way is no usable answer. `thinking` is what a reasoning model wrote before its answer, as far as the backend
    shows it: it is in `usage`, and in no later prompt. `upstream` names which of a server's upstreams it is from. A
    `piece` was asked for as one, and may be empty.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    usage: Usage
    finish_reason: str
    model: str
    logprobs: tuple[TokenLogprob, ...] | None = None
    replayed: bool = False
    estimated: bool = False
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    upstream: str = ""
    piece: bool = False

    @property
    def thought_away(self) -> bool:
        """Whether thinking left its limit too little room for the answer."""
        return self.cut and len(self.thinking) > len(self.text) and not self.tool_calls

    @property
    def cut(self) -> bool:
        """Whether the text stops in the middle, at a limit: work to go on from, in which no answer is looked for."""
        return self.finish_reason == CUT

    @property
    def mean_logprob(self) -> float | None:
        """Mean token log-probability; None where the model gives none."""
        if not self.logprobs:
            return None
        return sum(token.logprob for token in self.logprobs) / len(self.logprobs)

    @property
    def min_logprob(self) -> float | None:
        """Log-probability of the least likely token; None where the model gives none."""
        return min(token.logprob for token in self.logprobs) if self.logprobs else None

    def replay(self) -> Reply:
        """This reply as an answer of the response cache: same cost, marked as not paid again."""
        usage = self.usage.model_copy(update={"replayed_calls": self.usage.llm_calls})
        return self.model_copy(update={"usage": usage, "replayed": True})


class Bill:
    """What a request has cost so far, for whoever asked: true also where it came to nothing or was given up.

    Attributes:
        usage: of all calls for it, those that failed too; a try that the endpoint refused before it worked is none.
            What is not known of a call is estimated.
        waiting: whether it waits for the endpoint's rate, so that nothing of it is under way.
    """

    def __init__(self) -> None:
        self.usage = Usage()
        self.waiting = False

    async def turn(self, rate: Rate, tokens: int) -> Turn:
        """Waits until the rate lets a call through. Raises UpstreamBusy."""
        self.waiting = True
        turn = await rate.turn(tokens)
        self.waiting = False
        return turn


class Capabilities(BaseModel):
    """What a backend can do beyond plain text.

    Attributes:
        prefill: goes on with an assistant's message that ends a conversation, instead of beginning another.
    """

    model_config = ConfigDict(frozen=True)

    logprobs: bool = False
    json_schema: bool = False
    grammar: bool = False
    prefill: bool = False

    def less(self, refused: Iterable[str]) -> Capabilities:
        """These without some."""
        return self.model_copy(update=dict.fromkeys(Capabilities.model_fields.keys() & set(refused), False))


class UnusableReply(BadReply):
    """A reply without usable text that was billed nevertheless; `usage` is to be charged."""

    def __init__(self, message: str, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.usage = usage or Usage()


class RequestRefused(UnusableReply, ModelUnavailable):
    """The endpoint would not answer this request, nor when it was asked again; it may well answer others."""


class BrokenReply(UnusableReply):
    """The reply was empty or broke off, also when it was asked for again; another endpoint may do better."""


class LimitUsedUp(UnusableReply):
    """The reply's token limit was used up before any answer, as by thinking; a larger one may bring it."""
