"""Collector: puts a reply together from LangChain messages, whole or in chunks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from pilotage.agent.models.parsing.finish_reasons import (
    CUT,
    FAILED,
    FILTERED,
    REFUSED,
    TOOL,
    UNFINISHED,
    WHOLE,
    finish_reason_in,
    worse,
)
from pilotage.agent.models.parsing.thinking import part, thoughts_in
from pilotage.agent.models.parsing.thinking_filter import ThinkingFilter
from pilotage.agent.models.parsing.token_usage import Reports
from pilotage.agent.models.parsing.tool_calls import ToolCalls
from pilotage.agent.models.reply import BrokenReply, LimitUsedUp, Reply, Request, TokenLogprob, UnusableReply
from pilotage.agent.models.transport.guard import character_limit
from pilotage.agent.trace import Usage
from pilotage.common.redaction import redact
from pilotage.common.text import carriable

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

SHOWN = 200
"""Characters of what a model or a tool says in an error."""
SLACK = 1e-3
"""How far above 0 rounding may take a log-probability."""


@dataclass(frozen=True)
class Unusable:
    """Why a reply cannot be used, as a sentence about the model; `passing` where another try may fare better."""

    what: str
    passing: bool = False
    kind: type[UnusableReply] = UnusableReply


_UNUSABLE = {
    FILTERED: Unusable("did not finish its reply: a content filter stopped it; word the task differently"),
    UNFINISHED: Unusable(
        "broke off its reply: it came without a finish reason, or with one that nobody knows; check the server and "
        "what stands between",
        passing=True,
        kind=BrokenReply,
    ),
    FAILED: Unusable(
        "broke off its reply, and says that it failed; see the server's log", passing=True, kind=BrokenReply
    ),
}


class ListenerFailed(Exception):
    """What gets the text as it comes raised `error`, which is none of the model's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Collector:
    """Adds up text, token log-probabilities, usage and finish reason of one call, thinking apart from the answer.

    Args:
        request: what was asked, which tells how much may come.
        begins_in_thought: this model's replies are known to begin in the middle of its thinking.

    Attributes:
        finish_reason: why the reply ended, in the words of `finish_reasons`; None while nobody has said.
        refusal: what the model said instead of an answer, where the protocol keeps that apart.
        tools: the tools that the model called.
        thought: thinking in the message that was added last.
        overflowed: whether more text came than was asked for; the rest is left out, and the reply counts as cut.
        began_in_thought: whether this reply turned out to begin in the middle of its thinking.
    """

    def __init__(self, request: Request, *, begins_in_thought: bool = False) -> None:
        self.finish_reason: str | None = None
        self.refusal = ""
        self.tools = ToolCalls()
        self.overflowed = False
        self.began_in_thought = False
        self._begins_in_thought = begins_in_thought
        self._filter = ThinkingFilter(begins_in_thought)
        self.thought = ""
        self._thoughts: list[str] = []
        self._called: list[str] = []
        self._request = request
        self._room = character_limit(request)
        self._texts: list[str] = []
        self._half = ""
        self._logprobs: list[TokenLogprob] | None = []
        self._reports = Reports()

    def add(self, message: BaseMessage) -> str:
        """Takes in one message or chunk; returns what of its text may be shown as answer."""
        metadata = message.response_metadata
        self.finish_reason = worse(self.finish_reason, finish_reason_in(metadata))
        self._take_logprobs(metadata.get("logprobs"))
        self._reports.add(getattr(message, "usage_metadata", None))
        self._look_for_refusal(message)
        self._called.append(self._fit(self.tools.add(message)))
        self.thought = self._fit(carriable(thoughts_in(message)))
        self._thoughts.append(self.thought)
        return self._filter.add(self._take(str(message.text)))

    def told(self, usage: Any) -> None:
        """Takes in the account of an answer that became no message, in OpenAI's words; None where there is none."""
        self._reports.add_openai(usage)

    def finish(self) -> str:
        """No more comes; returns what of the answer is still to be shown."""
        rest, self._half = carriable(self._half), ""
        self._texts.append(rest)
        return self._filter.add(rest) + self._filter.rest(self._answer()[0])

    @property
    def text(self) -> str:
        """The text so far, with thinking that stands in it."""
        return "".join(self._texts)

    @property
    def began(self) -> bool:
        """Whether anything has come."""
        return bool(self._texts)

    @property
    def usage(self) -> Usage:
        """What the call has cost so far, as far as anybody knows."""
        return self._reports.usage(self._request, "".join([*self._thoughts, *self._called, self.text, self.refusal]))

    def reply(self, model: str, seconds: float) -> Reply:
        """The reply so far, as the result of one call that took `seconds`."""
        usage = self.usage
        answer, thinking = self._answer()
        logprobs = self._logprobs or []
        return Reply(
            text=answer,
            thinking=thinking,
            usage=usage.model_copy(update={"seconds": seconds}),
            finish_reason=self._final_reason,
            model=model,
            logprobs=tuple(_of_answer(logprobs, answer) if thinking else logprobs) or None,
            estimated=usage.estimated_calls > 0,
            tool_calls=self.tools.calls if self._request.tools is not None else (),
            piece=self._request.piece,
        )

    def why_unusable(self, reply: Reply) -> Unusable | None:
        """What is wrong with a reply; None where it is whole, cut at a limit after some text, or an empty piece."""
        if reply.finish_reason in _UNUSABLE:
            return _UNUSABLE[reply.finish_reason]
        if reply.finish_reason == REFUSED:
            words = " ".join(redact(self.refusal or reply.text).split())[:SHOWN]
            return Unusable(f"refused to answer: {words!r}" if words else "refused to answer")
        if reply.finish_reason == TOOL and self._request.tools is None:
            tool = redact(self.tools.first_name)[:SHOWN] or "without a name"
            return Unusable(f"called a tool ({tool}) instead of answering; none was offered")
        if reply.text.strip() or reply.tool_calls or (reply.piece and (not reply.thinking or self._request.thinking)):
            return None
        if reply.finish_reason == CUT:
            return self._used_up()
        return Unusable(
            "answered with empty text: asked again it did the same; check the model and its chat template",
            passing=True,
            kind=BrokenReply,
        )

    def _used_up(self) -> Unusable:
        """No answer came before a limit: the endpoint's own, the caller's, or that of a block."""
        if self._request.open_ended:
            return Unusable(
                "answered with empty text: its own limit of tokens went before any answer, most likely into thinking; "
                "ask for less thinking, or set a larger limit"
            )
        spent = f"all {self._request.max_tokens} tokens of the reply's limit went before any answer"
        advice = "--reply-tokens (Budget.reply_tokens), and --max-tokens where the budget was too small for it"
        return Unusable(
            f"answered with empty text: {spent}, most likely into thinking; raise "
            f"{'it' if self._request.exact else advice}",
            kind=LimitUsedUp,
        )

    def _answer(self) -> tuple[str, str]:
        """The answer, and what was thought before it."""
        text, cut = self.text, self._final_reason == CUT
        parted = part(text, cut=cut)
        self.began_in_thought = parted.headless
        beside = "".join(self._thoughts)
        if cut and self._begins_in_thought and not parted.thinking and not beside:
            return "", text
        return parted.answer, "\n".join(filter(None, [beside, parted.thinking]))

    @property
    def _final_reason(self) -> str:
        if self.refusal:
            return REFUSED
        if self.tools and not (self.finish_reason == CUT or self.overflowed):
            return TOOL
        return CUT if self.overflowed else self.finish_reason or WHOLE

    def _take(self, text: str) -> str:
        """Keeps text as far as there is room; half a character at the end of a chunk waits for its other half."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        text = self._fit(carriable(text))
        self._texts.append(text)
        return text

    def _fit(self, text: str) -> str:
        """As much of a text as there is room for."""
        if len(text) > self._room:
            self.overflowed, self._half, text = True, "", text[: self._room]
        self._room -= len(text)
        return text

    def _take_logprobs(self, given: Any) -> None:
        """Log-probabilities of a message. If one cannot be read, none of the reply can be trusted to fit its text."""
        content = given.get("content") if isinstance(given, Mapping) else given
        if content is None or self._logprobs is None:
            return
        tokens = [_token(entry) for entry in content] if isinstance(content, Sequence) else [None]
        if None in tokens:
            self._logprobs = None
        else:
            self._logprobs += filter(None, tokens)

    def _look_for_refusal(self, message: BaseMessage) -> None:
        refusals = [message.additional_kwargs.get("refusal")]
        if isinstance(message.content, list):
            blocks = [block for block in message.content if isinstance(block, dict)]
            refusals += [block.get("refusal") for block in blocks if block.get("type") == "refusal"]
        self.refusal += "".join(carriable(text) for text in refusals if isinstance(text, str))


class TokenRelay:
    """Passes streamed text on once, also when a retry streams the same text from its beginning again.

    Where the retry's text differs from what was shown, nothing more is shown: the reply is what counts.
    """

    def __init__(self, on_token: Callable[[str], None]) -> None:
        self._on_token = on_token
        self._shown: list[str] = []

    def attempt(self) -> Attempt:
        """A new attempt begins."""
        return Attempt(self, "".join(self._shown))

    def show(self, text: str) -> None:
        """Passes on what nobody has seen yet; raises ListenerFailed where its listener raises."""
        self._shown.append(text)
        try:
            self._on_token(text)
        except Exception as error:
            raise ListenerFailed(error) from error


class Attempt:
    """One attempt's text on its way to the relay; `shown` is what earlier attempts have shown."""

    def __init__(self, relay: TokenRelay, shown: str) -> None:
        self._relay: TokenRelay | None = relay
        self._shown = shown
        self._at = 0

    def add(self, text: str) -> None:
        """Shows the part of `text` that is new."""
        if self._relay is None:
            return
        known = min(len(text), len(self._shown) - self._at)
        if not self._shown.startswith(text[:known], self._at):
            self.end()
            return
        self._at += known
        if known < len(text):
            self._relay.show(text[known:])

    def end(self) -> None:
        """Nothing of this attempt is shown any more, whatever still comes of it."""
        self._relay = None


def _of_answer(tokens: list[TokenLogprob], answer: str) -> list[TokenLogprob]:
    """The tokens that make up the answer, where they can be told from those of the thinking before it."""
    start = "".join(token.token for token in tokens).rfind(answer)
    if not answer or start < 0:
        return tokens
    ends = accumulate(len(token.token) for token in tokens)
    return [token for token, end in zip(tokens, ends, strict=True) if end > start]


def _token(entry: Any) -> TokenLogprob | None:
    """One token of OpenAI's form; None where it is not readable. Alternatives that cannot be drawn are left out."""
    pair = _pair(entry)
    others = (entry.get("top_logprobs") or ()) if pair else None
    if pair is None or not isinstance(others, Sequence):
        return None
    return TokenLogprob(token=pair[0], logprob=pair[1], top=tuple(filter(None, map(_pair, others))))


def _pair(entry: Any) -> tuple[str, float] | None:
    """A token and its log-probability."""
    if not isinstance(entry, Mapping):
        return None
    token, value = entry.get("token"), entry.get("logprob")
    if not isinstance(token, str) or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        logprob = float(value)
    except OverflowError:
        return None
    return (carriable(token), logprob) if math.isfinite(logprob) and logprob <= SLACK else None
