"""Rate headers: what is left of a key's limits, as OpenAI tells it (https://platform.openai.com/docs/guides/rate-limits).

Each limit has three headers: `x-ratelimit-limit-requests` is the limit itself, `-remaining-` what a request could still
take now, `-reset-` the time until nothing counts any more, as `120ms`, `1s` or `6m0s`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilotage.agent.serve.keys.limits import Remaining

NAMES = tuple(f"x-ratelimit-{what}-{of}" for of in ("requests", "tokens") for what in ("limit", "remaining", "reset"))


def rate_headers(left: Mapping[str, Remaining]) -> list[tuple[bytes, bytes]]:
    """The headers for what is left, by what the limits count."""
    return [
        (f"x-ratelimit-{what}-{of}".encode("ascii"), value.encode("ascii"))
        for of, one in left.items()
        for what, value in (
            ("limit", str(one.limit)),
            ("remaining", str(one.remaining)),
            ("reset", duration(one.reset)),
        )
    ]


def duration(seconds: float) -> str:
    """Seconds, 0 or more, in OpenAI's form; rounded up, so that whoever waits for so long does not come too early."""
    if 0 < seconds < 1 and (thousandths := math.ceil(seconds * 1000)) < 1000:
        return f"{thousandths}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
