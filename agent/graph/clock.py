"""Clock: how long a run has taken, as its graph's state carries it from node to node.

The limit on seconds is one on the time since the run began, whatever passes between two blocks; a process that was
stopped and goes on has lost that time. What lies between a kill, or an interrupt, and the resumption does not count:
nobody was at work.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

PROCESS = secrets.token_hex(8)
"""Tells this process from those that a run was in before."""
_RESUMING = "__pregel_resuming"
"""What LangGraph sets in `configurable` throughout an invocation that goes on with an unfinished run."""


@dataclass(frozen=True)
class Clock:
    """Seconds that a run had taken at a moment of this process's monotonic clock."""

    seconds: float
    at: float

    @classmethod
    def start(cls) -> Clock:
        """The clock of a run that begins now."""
        return cls(0.0, time.monotonic())

    @classmethod
    def read(cls, kept: dict[str, Any] | None, configurable: dict[str, Any]) -> Clock:
        """The clock that a state keeps, counting on from here where the run was interrupted since."""
        if kept is None:
            return cls.start()
        went_on = kept["process"] == PROCESS and not configurable.get(_RESUMING, False)
        return cls(kept["seconds"], kept["at"] if went_on else time.monotonic())

    @property
    def elapsed(self) -> float:
        """Seconds that the run has taken by now."""
        return self.seconds + (time.monotonic() - self.at)

    def keep(self) -> dict[str, Any]:
        """The clock as it is now, as plain JSON."""
        return {"seconds": self.elapsed, "at": time.monotonic(), "process": PROCESS}
