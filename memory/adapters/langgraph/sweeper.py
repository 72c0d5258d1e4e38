"""Sweeper: calls a clean-up regularly in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from pilotage.memory.errors import LedgerError

_log = logging.getLogger(__name__)


class Sweeper:
    """Runs `sweep` every so many minutes. A ledger that is busy is logged and tried again at the next turn."""

    def __init__(self, sweep: Callable[[], int]) -> None:
        self._sweep = sweep
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, minutes: float) -> None:
        """Start the thread; nothing when it runs already."""
        if self._thread is not None:
            return
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, args=(minutes * 60,), name="ttl-sweeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for its end."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, seconds: float) -> None:
        while not self._stopped.wait(seconds):
            try:
                self._sweep()
            except LedgerError as error:
                _log.warning("expired items were not deleted this time: %s", error)
