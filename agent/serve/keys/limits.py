"""Limiter: what each key may use, counted in this process."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from pilotage.agent.errors import LimitReached
from pilotage.agent.serve.keys.window import SECONDS, SlidingWindow

MOST = 10**12
"""Of any limit: beyond it is no limit at all."""

Limit = Annotated[int, Field(ge=1, le=MOST)] | None


class Limits(BaseModel):
    """What a key may use; None is no limit.

    Attributes:
        requests_per_minute: that are admitted.
        tokens_per_minute: prompt and completion tokens together.
        concurrent_requests: that are being answered at the same time.
        request_bytes: of the body of a request. Who reads the body holds it, not the limiter: it is no matter of time.
    """

    model_config = ConfigDict(frozen=True)

    requests_per_minute: Limit = None
    tokens_per_minute: Limit = None
    concurrent_requests: Limit = None
    request_bytes: Limit = None


@dataclass(frozen=True)
class Remaining:
    """What is left of one limit.

    Attributes:
        limit: as it is set.
        remaining: what a request could still take now; 0 or more.
        reset: seconds until nothing counts any more.
    """

    limit: int
    remaining: int
    reset: float


@dataclass
class _Use:
    """What a key has used of late, and what it has reserved."""

    requests: SlidingWindow = field(default_factory=SlidingWindow)
    tokens: SlidingWindow = field(default_factory=SlidingWindow)
    running: int = 0
    reserved: int = 0

    def is_idle(self, now: float) -> bool:
        return not (self.running or self.requests.used(now) or self.tokens.used(now))

    def remaining(self, limits: Limits, now: float) -> dict[str, Remaining]:
        found = {}
        for name, limit, window, reserved in (
            ("requests", limits.requests_per_minute, self.requests, 0),
            ("tokens", limits.tokens_per_minute, self.tokens, self.reserved),
        ):
            if limit is not None:
                left = max(0, limit - window.used(now) - reserved)
                found[name] = Remaining(limit, left, window.reset(now, reserved))
        return found


class Admission:
    """A request that was admitted, until it is closed; a context manager.

    Attributes:
        tokens: what is charged at the end: the estimate, until `settle` has said what was used.
        charge_late: charges tokens that were used after the end, by what had not stopped yet.
    """

    def __init__(
        self,
        tokens: int,
        release: Callable[[int], None],
        reserve: Callable[[int], None],
        keep: Callable[[int], None],
        charge: Callable[[int], None],
    ) -> None:
        self.tokens = tokens
        self.charge_late = charge
        self._release: Callable[[int], None] | None = release
        self._reserve = reserve
        self._keep = keep

    def expect(self, tokens: int) -> None:
        """Raises the estimate, when more is known of the request; a lower one changes nothing.

        Raises:
            LimitReached: so much does not fit now. The request goes on counting as one until it is closed.
        """
        if tokens > self.tokens:
            self._reserve(tokens)
            self.tokens = tokens

    def settle(self, tokens: int) -> None:
        """Says what the request has truly used; 0 or more. The last one counts, and alone is reserved from then on."""
        if tokens < 0:
            raise ValueError(f"{tokens} tokens cannot have been used")
        self.tokens = tokens
        if self._release is not None:
            self._keep(tokens)

    def close(self) -> None:
        """Charges the tokens and lets the next request in; a second time it does nothing."""
        release, self._release = self._release, None
        if release is not None:
            release(self.tokens)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Limiter:
    """Admits or refuses the requests of each key. Safe to use from several threads; every process has its own.

    No 60 s see more requests admitted than a key's limit. Its tokens are reserved by an estimate when a request is
    admitted, and charged by true usage when it ends: as long as no estimate is too low, no 60 s see more tokens
    either. What was used beyond the limit is a debt that delays what comes (see `SlidingWindow`), for ten minutes at
    most. A request that is estimated at more than the limit is taken for one of exactly the limit, or it would never
    be admitted; the rest is paid in this way. Refused requests count for nothing, so asking too early costs nobody.

    Keys that have used nothing for a while are forgotten.

    Args:
        clock: seconds, as `time.monotonic`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._uses: dict[str, _Use] = {}
        self._next_sweep = -math.inf

    def __len__(self) -> int:
        """How many keys it remembers something of."""
        return len(self._uses)

    def admit(self, key: str, limits: Limits, tokens: int = 0) -> Admission:
        """Admits a request; whoever asks closes what is returned when the request has ended, however it did.

        Args:
            key: id of the key.
            limits: of the key.
            tokens: an estimate of what the request will use.

        Raises:
            LimitReached: the key has used up one of its limits; of several, the one that takes longest is named.
        """
        with self._lock:
            now = self._clock()
            self._forget_idle(now)
            use = self._uses.get(key) or _Use()
            estimate = max(1, tokens)  # or requests estimated at nothing would be admitted while there is a debt
            if limits.tokens_per_minute is not None:
                estimate = min(estimate, limits.tokens_per_minute)
            _require_room(use, limits, estimate, now)
            if limits.requests_per_minute is not None:
                use.requests.charge(now, 1, limits.requests_per_minute)
            use.running += 1
            use.reserved += estimate
            self._uses[key] = use

        def reserve(tokens: int) -> None:
            with self._lock:
                wanted = tokens if limits.tokens_per_minute is None else min(tokens, limits.tokens_per_minute)
                if wanted > estimate:
                    _require_tokens(use, limits, wanted, use.reserved - estimate, self._clock())
                    replace(wanted)

        def keep(tokens: int) -> None:
            if limits.tokens_per_minute is not None:
                with self._lock:
                    replace(min(tokens, limits.tokens_per_minute))

        def replace(wanted: int) -> None:
            nonlocal estimate
            use.reserved += wanted - estimate
            estimate = wanted

        def release(used: int) -> None:
            with self._lock:
                use.running -= 1
                use.reserved -= estimate
                count(used)

        def charge(used: int) -> None:
            with self._lock:
                count(used)

        def count(used: int) -> None:
            if limits.tokens_per_minute is not None and used > 0:
                kept = self._uses.setdefault(key, use)  # what is idle may have been forgotten meanwhile
                kept.tokens.charge(self._clock(), used, limits.tokens_per_minute)

        return Admission(tokens, release, reserve, keep, charge)

    def remaining(self, key: str, limits: Limits) -> dict[str, Remaining]:
        """What is left to a key now, under `requests` and `tokens`, as far as it has these limits."""
        with self._lock:
            return (self._uses.get(key) or _Use()).remaining(limits, self._clock())

    def _forget_idle(self, now: float) -> None:
        if now >= self._next_sweep:
            self._next_sweep = now + SECONDS
            self._uses = {key: use for key, use in self._uses.items() if not use.is_idle(now)}


def _require_room(use: _Use, limits: Limits, estimate: int, now: float) -> None:
    """Raises LimitReached where a request does not fit."""
    waits: list[tuple[float, str, str]] = []
    if limits.concurrent_requests is not None and use.running >= limits.concurrent_requests:
        waits.append((1.0, "concurrent_requests", f"{limits.concurrent_requests} requests at once"))
    if (most := limits.requests_per_minute) is not None:
        waits.append((use.requests.wait(now, 1, most), "requests_per_minute", f"{most} requests a minute"))
    if (most := limits.tokens_per_minute) is not None:
        wait = use.tokens.wait(now, estimate, most, use.reserved)
        waits.append((wait, "tokens_per_minute", f"{most} tokens a minute"))
    _refuse(*max(waits, default=(0.0, "", "")))


def _require_tokens(use: _Use, limits: Limits, tokens: int, reserved: int, now: float) -> None:
    """Raises LimitReached where so many tokens do not fit beside those that others have reserved."""
    if (most := limits.tokens_per_minute) is not None:
        _refuse(use.tokens.wait(now, tokens, most, reserved), "tokens_per_minute", f"{most} tokens a minute")


def _refuse(seconds: float, limit: str, allowed: str) -> None:
    if seconds > 0:
        retry_after = max(1, math.ceil(seconds))
        raise LimitReached(limit, retry_after, f"this key is limited to {allowed}: try again in {retry_after} seconds")
