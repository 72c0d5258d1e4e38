"""Failing: whether an error is the upstream's, so that another one may fare better, or the request's own."""

from __future__ import annotations

from pilotage.agent.errors import PilotageError, UpstreamBusy
from pilotage.agent.models.client import GARBAGE
from pilotage.agent.models.reply import BrokenReply
from pilotage.agent.models.transport.retry import RETRYABLE_STATUS, causes, diagnose, is_no_stream

REFUSED_KEY = frozenset({401, 402, 407})
"""What an upstream says of a key or an account that is not good. They are the server's: its client's own key is."""

ITS_OWN = RETRYABLE_STATUS | REFUSED_KEY
"""Statuses below 500 that are no fault of a request: haste, and a key or an account of the server's that is not good.

403 and 404 are not among them: some services refuse with these what a request holds, and a model's name that does not
exist is to be seen and not to be hidden by another model's replies.
"""


DOUBTFUL = frozenset({"500", "broken", "garbage", "error", "time_limit"})
"""Failures that a single request may have caused: a template that takes no such conversation is a 500 to some, and a
reply may be so long that it breaks off, or that the time of its request is over.
"""


def is_failing(status: int) -> bool:
    """Whether a status tells that the upstream, and not the request, is at fault."""
    return status >= 500 or status in ITS_OWN


def why_failed(error: Exception) -> str:
    """In a word, how the upstream failed, as metrics count it; empty where the fault is the request's own."""
    if isinstance(error, UpstreamBusy):
        return "rate"
    for cause in causes(error):
        if isinstance(cause, BrokenReply):
            return "broken"
        if isinstance(cause, PilotageError):
            continue
        failure = diagnose(cause)
        if failure is not None and failure.status is not None:
            return str(failure.status) if is_failing(failure.status) else ""
        if failure is not None:
            return "timeout" if isinstance(cause, TimeoutError) else "error" if failure.answered else "connection"
        if isinstance(cause, GARBAGE) or is_no_stream(cause):
            return "garbage"
    return ""
