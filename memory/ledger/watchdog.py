"""Watchdog: ends the connections of a server that has stopped answering.

The server's own time-outs come first and say what was wrong; but they come over the same line. Where that swallows
every answer and stays open, a client waits for ever: so after the deadline its socket is shut, which the driver takes
for a lost connection.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress

_TICK = 0.5  # seconds
_PATIENCE = 20  # ticks


class Watchdog:
    """Deadlines of any number of connections, kept by a thread that lives while there are any, and a little longer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: dict[int, tuple[float, int]] = {}
        self._last = 0
        self._thread: threading.Thread | None = None

    def arm(self, descriptor: int, seconds: float) -> int:
        """Shut the socket with this descriptor after so many seconds; returns what `disarm` takes."""
        with self._lock:
            self._last += 1
            self._due[self._last] = time.monotonic() + seconds, descriptor
            if self._thread is None or not self._thread.is_alive():  # a forked process has none
                self._thread = threading.Thread(target=self._watch, name="memory-watchdog", daemon=True)
                self._thread.start()
            return self._last

    def disarm(self, number: int) -> None:
        """The answer has come, or the connection is gone."""
        with self._lock:
            self._due.pop(number, None)

    def _watch(self) -> None:
        idle = 0
        while True:
            time.sleep(_TICK)
            with self._lock:
                now = time.monotonic()
                for number, (deadline, descriptor) in list(self._due.items()):
                    if now > deadline:
                        del self._due[number]
                        _shut(descriptor)
                idle = 0 if self._due else idle + 1
                if idle > _PATIENCE:
                    self._thread = None
                    return


def _shut(descriptor: int) -> None:
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as line:  # it may be closed by now
        line.shutdown(socket.SHUT_RDWR)
