"""Interrupts: when Ctrl-C and SIGTERM end something, and when there is nothing to end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self


class Interrupts:
    """When Ctrl-C and SIGTERM are heard: while something is awaited, so that nothing between is half done.

    SIGTERM ends what is awaited as Ctrl-C does, and then the conversation.
    """

    def __init__(self) -> None:
        self.ended = False
        self._heard: Any = signal.default_int_handler

    def __enter__(self) -> Self:
        self._heard = signal.signal(signal.SIGINT, _ignore)
        self._terminated = signal.signal(signal.SIGTERM, self._end)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._terminated)
        signal.signal(signal.SIGINT, self._heard)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Within it they raise KeyboardInterrupt."""
        signal.signal(signal.SIGINT, self._heard)
        try:
            if self.ended:
                raise KeyboardInterrupt
            yield
        finally:
            signal.signal(signal.SIGINT, _ignore)

    def _end(self, number: int, frame: object) -> None:
        self.ended = True
        if self._heard is signal.SIG_IGN:  # a shell starts so what runs in the background
            self._heard = signal.default_int_handler
        signal.raise_signal(signal.SIGINT)


def _ignore(number: int, frame: object) -> None:
    """Nothing is awaited that could be ended."""
