"""Likelihood: how probable a model finds a text that it is given, token by token, at the price of ordinary calls.

Two kinds of backend can tell it, and each call goes through `ModelClient`, so it is cached and counted as any other:

- llama.cpp, embedded or as a server: a GBNF grammar leaves the model no other tokens than those of the text, in its own
  tokenizer's division. The log-probabilities that come with them are those of the model *before* the grammar, so they
  are what a teacher-forced pass gives. (A grammar of the text's characters would not do: the greedy way through them
  takes ` ` before `hundred` where ` hundred` is far likelier as a whole.) Rules of tokens are in llama.cpp since
  December 2025.
- vLLM: the text stands at the end of the prompt, and `prompt_logprobs` tells how likely each of its tokens was.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pilotage.agent.errors import BadReply, UsageError
from pilotage.agent.messages import Message
from pilotage.agent.models.client import ModelClient
from pilotage.agent.models.dialect import CONTINUED
from pilotage.agent.models.reply import Reply, Request, TokenLogprob, UnusableReply
from pilotage.agent.trace import Usage
from pilotage.common.tokens import estimate_tokens

Way = Literal["grammar", "prompt"]
"""How a backend tells the likelihood of a given text: by a grammar of it, or as a part of the prompt."""

AFRESH = {"cache_prompt": False}
"""Asks llama.cpp to read the whole prompt. Quantised weights read a prompt a little otherwise where a part of it is
cached (0.17 nats a token were seen), so that a difference of two likelihoods would depend on what was asked before."""
LONGEST = 512
"""Tokens of a text whose likelihood is asked for at most."""
IMPOSSIBLE = -700.0
"""A token of a lower log-probability is one that a backend calls impossible (-9999, or a float's lowest number): no
softmax is as sure, and a perplexity would be beyond what a float holds."""


@dataclass(frozen=True)
class Given:
    """How likely a model found a text.

    Attributes:
        tokens: the text in the model's tokens, each with its natural-log probability after those before it.
        usage: what asking cost.
    """

    tokens: tuple[TokenLogprob, ...]
    usage: Usage

    @property
    def mean_logprob(self) -> float:
        """Mean log-probability of a token, at most 0."""
        return sum(token.logprob for token in self.tokens) / len(self.tokens)

    @property
    def perplexity(self) -> float:
        """Exp of the mean negative log-probability of a token: 1 for a text that is certain."""
        return math.exp(-self.mean_logprob)


class Likelihood:
    """Asks one model how likely texts are.

    Args:
        client: the model; `of` opens it, since whether its backend can do this may have to be asked.
        way: how the backend does it.
    """

    def __init__(self, client: ModelClient, way: Way) -> None:
        self.client = client
        self._way = way

    @classmethod
    async def of(cls, client: ModelClient) -> Likelihood:
        """Looks at what the backend can do; no call is paid.

        Raises:
            UsageError: it cannot tell how likely a given text is.
        """
        way = await client.scores_given()
        if way is None:
            raise UsageError(
                f"{client.name} cannot tell how likely a given text is: use an embedded model (embedded:NAME, or a "
                "GGUF path), or --base-url with a llama.cpp server or vLLM"
            )
        return cls(client, way)

    async def count(self, text: str) -> tuple[int, bool]:
        """Tokens of a text, and whether its model's tokenizer counted them; else they are estimated."""
        pieces = await self._pieces(text) if self._way == "grammar" else None
        return (estimate_tokens(text), False) if pieces is None else (len(pieces), True)

    async def ask(self, messages: Sequence[Message], begun: str, text: str) -> Given:
        """How likely the model goes on with `text`, in a reply that it has begun.

        Args:
            messages: the conversation before the reply.
            begun: the reply so far; it ends where a new token begins, with a line end say.
            text: what is to come next, without white space at its ends.

        Raises:
            UnusableReply: the text is longer than `LONGEST` tokens, or the backend told something else than its tokens,
                or called one impossible; what that cost is in it.
            ModelError: the model did not answer.
        """
        asked = self._by_grammar if self._way == "grammar" else self._by_prompt
        request = await asked(messages, begun, text)
        reply = await self.client.ask(request)
        tokens = _at_end(text, reply) if self._way == "prompt" else _written(begun, text, reply)
        if tokens is None:
            raise UnusableReply(
                f"{self.client.name} did not tell the likelihood of the text it was given.", reply.usage
            )
        if min(token.logprob for token in tokens) < IMPOSSIBLE:
            raise UnusableReply(f"{self.client.name} called a token of the text it was given impossible.", reply.usage)
        return Given(tokens, reply.usage)

    async def _by_grammar(self, messages: Sequence[Message], begun: str, text: str) -> Request:
        pieces = await self._pieces(text)
        _require_short(len(text) if pieces is None else len(pieces))
        going_on = {} if self.client.capabilities.prefill else CONTINUED  # what a server has to be told
        return Request(
            messages=(*messages, Message(role="assistant", content=begun)),
            max_tokens=len(text.encode()) + 1,  # the grammar ends it sooner
            grammar=f"root ::= {_literal(text) if pieces is None else _sequence(pieces)}",
            logprobs=True,
            more={**going_on, **AFRESH},
        )

    async def _by_prompt(self, messages: Sequence[Message], begun: str, text: str) -> Request:
        _require_short(len(text) // 4)  # more characters than that a token has in no text worth asking about
        whole = Message(role="assistant", content=begun + text)
        more = {**CONTINUED, "prompt_logprobs": 0}  # of the tokens themselves, without alternatives
        return Request(messages=(*messages, whole), max_tokens=1, more=more, piece=True)

    async def _pieces(self, text: str) -> list[tuple[int, bytes]] | None:
        """The text's tokens, as number and bytes; None for a scripted model, whose tokens are words.

        Raises:
            BadReply: the tokenizer answered something else.
        """
        answer = await self.client.tokenized(text)
        if answer is None:
            return None
        try:
            pieces = [(int(one["id"]), _bytes(one["piece"])) for one in answer["tokens"]]
        except (KeyError, TypeError, ValueError) as error:
            raise BadReply(f"{self.client.name} answered with something that is no list of tokens.") from error
        return pieces


def _require_short(tokens: int) -> None:
    if tokens > LONGEST:
        raise UnusableReply(f"The answer is longer than {LONGEST} tokens.")


def _bytes(piece: Any) -> bytes:
    """A token's text; llama.cpp writes what is no whole character as a list of bytes."""
    return piece.encode() if isinstance(piece, str) else bytes(piece)


def _sequence(pieces: Sequence[tuple[int, bytes]]) -> str:
    """A grammar rule for these tokens, in this order.

    llama.cpp drops a rule of tokens at one that ends within a character, so such a run is written as characters.
    """
    terms: list[str] = []
    half = b""
    for number, piece in pieces:
        half += piece
        try:
            whole = half.decode()
        except UnicodeDecodeError:
            continue
        terms.append(f"<[{number}]>" if half == piece else _literal(whole))
        half = b""
    return " ".join(terms)


def _literal(text: str) -> str:
    """A text as GBNF writes it, whose escapes are those of JSON for what needs one."""
    return json.dumps(text, ensure_ascii=False)


def _written(begun: str, text: str, reply: Reply) -> tuple[TokenLogprob, ...] | None:
    """The tokens of a reply that is the text; None where it is another.

    llama.cpp's server repeats what was begun, and counts the empty token at the end of a reply.
    """
    if reply.text not in (text, begun + text) or not reply.logprobs:
        return None
    *before, last = reply.logprobs
    tokens = tuple(before) if before and not last.token else reply.logprobs
    return tokens if _ascii("".join(token.token for token in tokens)) == _ascii(text) else None


def _ascii(text: str) -> str:
    """What of a text no token can end within; a token that is a part of another character shows as anything else."""
    return "".join(filter(str.isascii, text))


def _at_end(text: str, reply: Reply) -> tuple[TokenLogprob, ...] | None:
    """The last of a prompt's tokens, as many as the text has; None where that is not what they say."""
    tokens, taken = reply.logprobs or (), ""
    for place in range(len(tokens) - 1, -1, -1):
        taken = tokens[place].token + taken
        if len(taken) >= len(text):
            return tokens[place:] if taken.endswith(text) else None
    return None
