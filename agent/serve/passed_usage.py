"""Usage of what is passed through: as the upstream tells it, else as its stream shows."""

from __future__ import annotations

from typing import Any

from pilotage.agent.account import charge
from pilotage.common.json_text import NotJson, read_json

_LONGEST_LINE = 2**20


def told(data: Any) -> int | None:
    """The tokens that a reply or a chunk says it took; None where it does not say."""
    usage = data.get("usage") if isinstance(data, dict) else None
    if not isinstance(usage, dict):
        return None
    parts = [usage.get(one) for one in ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")]
    return sum(part for part in parts if type(part) is int and part > 0)


def charge_reply(body: bytes, estimate: int) -> None:
    """Charges a whole reply; by the estimate where it tells nothing."""
    tokens = _told_by(body)
    charge(estimate if tokens is None else tokens)


class StreamCharge:
    """Charges a stream while it comes, a token an event until the upstream tells better: it may end at any time.

    Args:
        prompt_tokens: an estimate of what was charged for reading.
    """

    def __init__(self, prompt_tokens: int) -> None:
        self._charged = 0
        self._line = b""
        self._add(prompt_tokens)

    def feed(self, piece: bytes) -> None:
        """The next bytes of the stream."""
        *lines, self._line = (self._line + piece).split(b"\n")
        if len(self._line) > _LONGEST_LINE:
            self._line = b""
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            tokens = _told_by(line[5:]) if b'"usage"' in line else None
            self._add(1 if tokens is None else tokens - self._charged)

    def _add(self, tokens: int) -> None:
        self._charged += tokens
        charge(tokens)


def _told_by(text: bytes) -> int | None:
    try:
        return told(read_json(text))
    except NotJson:
        return None
