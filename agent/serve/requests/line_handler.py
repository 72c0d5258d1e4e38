"""LineHandler: writes what is logged beside the event loop, so that nobody who reads the log slowly holds up a request.

A pipe whose reader has stopped takes 64 KiB and then lets whoever writes to it wait for good.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import TextIO

from pilotage.common.text import printable

log = logging.getLogger("pilotage.serve")

MOST_WAITING = 4 * 2**20
"""Bytes of lines that wait to be written."""
END_SECONDS = 1.0
"""That the end of the server waits for what is still to be written."""
_PIECE = 64 * 1024
"""Bytes that are written at once."""


class LineHandler(logging.Handler):
    """Writes lines to a stream from a thread of its own. What does not fit is left out, counted, and told of once.

    Args:
        stream: where to; None for one that is closed, as Python has it.
        name: of the stream, for the log; empty where it is the log itself, which cannot tell of itself.
        most: bytes that wait to be written.

    Attributes:
        dropped: lines that were left out, or could not be written.
    """

    def __init__(self, stream: TextIO | None, name: str = "", most: int = MOST_WAITING) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self.dropped = 0
        self._stream = stream
        self._what = name
        self._most = most
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._writing = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a line to write."""
        try:
            line = printable(self.format(record)).encode("utf-8", "backslashreplace") + b"\n"
        except Exception:  # arguments that do not fit are a fault of who logs, and of no request
            self.handleError(record)
            return
        with self._changed:
            fits = self._bytes + len(line) <= self._most
            if fits:
                self._waiting.append(line)
                self._bytes += len(line)
                self._changed.notify_all()
            if self._thread is None:  # a daemon, or a reader that has stopped would keep the process from its end
                self._thread = threading.Thread(target=self._write_all, name="log lines", daemon=True)
                self._thread.start()
        if not fits:
            self._drop(1, "its reader does not keep up")

    def flush(self) -> None:
        """Waits a little for what is still to be written."""
        until = time.monotonic() + END_SECONDS
        with self._changed:
            while (self._waiting or self._writing) and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)

    def close(self) -> None:
        """Flushes."""
        self.flush()
        super().close()

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                while not self._waiting:
                    self._changed.wait()
                lines = [self._waiting.popleft()]
                size = len(lines[0])
                while self._waiting and size + len(self._waiting[0]) <= _PIECE:
                    lines.append(self._waiting.popleft())
                    size += len(lines[-1])
                self._bytes -= size
                self._writing = True
            try:
                self._write(b"".join(lines))
            except (OSError, ValueError) as error:  # a full disk, a closed pipe or stream
                self._drop(len(lines), str(error))

    def _write(self, lines: bytes) -> None:
        if self._stream is None:
            raise ValueError("it is closed")
        try:
            descriptor = self._stream.fileno()
        except OSError:  # a stream of Python's own
            self._stream.write(lines.decode())
            self._stream.flush()
            return
        # Beneath the stream: its lock, held by a write that waits, would not let the interpreter end.
        while lines:
            try:
                lines = lines[os.write(descriptor, lines) :]
            except BlockingIOError:
                select.select([], [descriptor], [])

    def _drop(self, lines: int, why: str) -> None:
        first = not self.dropped
        self.dropped += lines
        if first and self._what:
            log.warning("lines of %s are left out: %s", self._what, why)


@contextlib.contextmanager
def logs_of_the_command(access_log: logging.Logger) -> Iterator[None]:
    """Within, what the process logs goes to standard error, and its access log to standard output, by such handlers.

    Args:
        access_log: the log of accesses.
    """
    root = logging.getLogger()
    before, propagated = list(root.handlers), access_log.propagate
    errors, accesses = LineHandler(sys.stderr), LineHandler(sys.stdout, "the access log")
    # Those that an imported package has set up for standard error (OPENAI_LOG=info) would say everything twice.
    root.handlers = [one for one in before if type(one) is not logging.StreamHandler] + [errors]
    access_log.addHandler(accesses)
    access_log.propagate = False
    try:
        yield
    finally:
        root.handlers = before
        access_log.removeHandler(accesses)
        access_log.propagate = propagated
        accesses.close()
        errors.close()
