"""Pace: how far a run over many tasks is, and how long the rest takes at its present pace."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Pace:
    """How far a run is.

    Attributes:
        total: how many things there are to do.
        before: how many were done when this sitting began.
        done: how many this sitting has done.
    """

    total: int
    before: int = 0
    done: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def behind(self) -> int:
        """How many are done in all."""
        return self.before + self.done

    @property
    def seconds_left(self) -> float | None:
        """At the pace of this sitting; None before there is one."""
        if not self.done:
            return None
        return (time.monotonic() - self.started) / self.done * (self.total - self.behind)
