"""Work: whether a try that failed may have set the model to work, so that it counts as a call.

What a server says before it works costs nothing. What it may have done is counted, since a limit has to hold for it.
"""

from __future__ import annotations

from pilotage.agent.errors import PilotageError
from pilotage.agent.models.reply import UnusableReply
from pilotage.agent.models.transport.guard import Elsewhere
from pilotage.agent.models.transport.retry import UNREACHED, causes, diagnose, kinds_of

REFUSING = frozenset({501, 503, 505, 521, 523, 529})
"""Statuses above 499 that say that nothing was begun: not offered, overloaded, or a server that is not there.

Of the others nobody can tell: a 500, 502 or 504 may end a reply that was nearly written.
"""
UNSENT = UNREACHED | {
    "InvalidURL",
    "LocalProtocolError",
    "PoolTimeout",
    "ProxyError",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
}
"""Errors of client libraries, by name, that come before the whole request was sent."""


def refuses(status: int | None) -> bool:
    """Whether a server that answers with this HTTP status has not begun to work; None is no answer yet."""
    return status is not None and (300 <= status < 500 or status in REFUSING)


def may_have_worked(error: BaseException, status: int | None = None) -> bool:
    """Whether the model may have read the prompt of a try that ended with an error.

    Args:
        error: what the client library raised.
        status: the HTTP status that came before it, as far as it was seen.
    """
    for cause in causes(error):
        if isinstance(cause, UnusableReply):
            return True
        if isinstance(cause, PilotageError | Elsewhere) or kinds_of(cause) & UNSENT:
            return False
    failure = diagnose(error)
    if failure is None:
        return not refuses(status)
    return failure.reached and not refuses(status if failure.status is None else failure.status)
