"""Plain subprocess: the weaker mode for machines without bubblewrap, only ever used on an explicit opt-in.

It has the limits, the empty environment and a temporary folder, but the program can read what the user can
read, reach the network, and leave a child behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.sandbox.execution import Limits
from agent.sandbox.interpreter import base_executable
from agent.sandbox.launch import PROGRAM, Launch, python_command


@contextmanager
def plain(code: str, limits: Limits) -> Iterator[Launch]:
    """Prepares a run of `code` in a temporary folder, which is removed afterwards."""
    with TemporaryDirectory(prefix="pilotage-", ignore_cleanup_errors=True) as folder:
        Path(folder, PROGRAM).write_text(code, encoding="utf-8", errors="replace")
        yield Launch(python_command(str(base_executable()), limits), folder=folder)
