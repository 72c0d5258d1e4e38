"""AccessLog: a line for each request, which tells nothing of what was said."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Literal

from pilotage.agent.serve.requests.line_handler import LineHandler
from pilotage.agent.serve.requests.request_context import RequestContext

log = logging.getLogger("pilotage.serve.access")

MOST_CHARACTERS = 100
"""Of the name of a model: a client may ask for any."""
_PLAIN = re.compile(r"(?!-\Z)[!#-<>-\[\]-~]+")
"""Values that need no quotes: no blank, no quote, no `=` and no `\\`."""


class AccessLog:
    """Writes to the log `pilotage.serve.access`; to standard output where nobody has set up where logs go.

    Args:
        form: `"json"` for objects, True for `key=value`.
    """

    def __init__(self, form: Literal[True, "json"]) -> None:
        self._written = _json if form == "json" else _text
        if log.level == logging.NOTSET:
            log.setLevel(logging.INFO)
        if not log.hasHandlers():
            log.addHandler(LineHandler(sys.stdout, "the access log"))

    @property
    def dropped(self) -> int:
        """Lines that were left out, as nobody took them in time."""
        return sum(handler.dropped for handler in log.handlers if isinstance(handler, LineHandler))

    def flush(self) -> None:
        """Waits a little for lines that are still to be written."""
        for handler in log.handlers:
            handler.flush()

    def write(
        self, context: RequestContext, method: str, route: str, status: int, seconds: float, *, whole: bool
    ) -> None:
        """Tells of a request that is over.

        Args:
            context: of the request.
            method: of HTTP.
            route: without the names in it.
            status: of the reply.
            seconds: from the request to the end of its reply.
            whole: whether all of the reply was sent.
        """
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "request_id": context.id,
            "method": method,
            "route": route,
            "status": status,
            "seconds": round(seconds, 3),
            "whole": whole,
            "key": context.key or None,
            "model": context.model[:MOST_CHARACTERS] or None,
            "tokens": (context.account.tokens or None) if context.account is not None else None,
        }
        log.info("%s", self._written(line))


def _text(line: dict[str, Any]) -> str:
    return " ".join(f"{name}={_value(value)}" for name, value in line.items())


def _value(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    return value if _PLAIN.fullmatch(value) else _json(value)


def _json(data: Any) -> str:
    """In ASCII, whatever the encoding of the output and of the model's name."""
    return json.dumps(data).replace("\x7f", r"\u007f")
