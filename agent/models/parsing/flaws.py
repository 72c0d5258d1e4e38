"""Flaws: what makes a reply that arrived no answer, in words for people."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage.agent.models.parsing.collector import Collector
from pilotage.agent.models.parsing.finish_reasons import CUT, FAILED, FILTERED, REFUSED, TOOL, UNFINISHED
from pilotage.agent.models.reply import LimitUsedUp, Reply, Request, UnusableReply
from pilotage.common.redaction import redact

SHOWN = 200


@dataclass(frozen=True)
class Flaw:
    """Why a reply cannot be used.

    Attributes:
        what: the end of a sentence that begins with the model.
        passing: whether it may be another time when it is asked again.
        kind: the error that tells it.
    """

    what: str
    passing: bool = False
    kind: type[UnusableReply] = UnusableReply


def flaw_of(reply: Reply, collector: Collector, request: Request) -> Flaw | None:
    """What is wrong with a reply; None where it is whole, or cut at a limit after some text."""
    if reply.finish_reason == REFUSED:
        words = " ".join(redact(collector.refusal or reply.text).split())[:SHOWN]
        return Flaw(f"refused to answer: {words!r}" if words else "refused to answer")
    if reply.finish_reason == FILTERED:
        return Flaw("did not finish its reply: a content filter stopped it; word the task differently")
    if reply.finish_reason == TOOL:
        tool = redact(collector.tool)[:SHOWN] or "without a name"
        return Flaw(f"called a tool ({tool}) instead of answering; none was offered")
    if reply.finish_reason == UNFINISHED:
        what = "broke off its reply: it came without a finish reason, or with one that nobody knows"
        return Flaw(f"{what}; check the server and what stands between", passing=True)
    if reply.finish_reason == FAILED:
        return Flaw("broke off its reply, and says that it failed; see the server's log", passing=True)
    if reply.text.strip():
        return None
    if reply.finish_reason == CUT:
        spent = (
            f"all {request.max_tokens} tokens of the reply's limit went before any answer, most likely into thinking"
        )
        advice = "raise --reply-tokens (Budget.reply_tokens), and --max-tokens where the budget was too small for it"
        return Flaw(f"answered with empty text: {spent}; {advice}", kind=LimitUsedUp)
    return Flaw(
        "answered with empty text: asked again it did the same; check the model and its chat template", passing=True
    )
