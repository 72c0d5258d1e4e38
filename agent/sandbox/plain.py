"""Plain subprocess: the weaker mode for machines without bubblewrap, only ever used on an explicit opt-in.

It has the limits, the empty environment, a temporary folder, and a supervisor (supervisor.py) that ends what the
program leaves behind, but the program can read what the user can read, reach the network, and harm its supervisor.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pilotage.agent.sandbox.execution import Limits
from pilotage.agent.sandbox.folders import run_folder
from pilotage.agent.sandbox.launch import PROGRAM, Launch, bootstrap, supervised


@contextmanager
def plain(code: str, stdin: str, limits: Limits) -> Iterator[Launch]:
    """Prepares a run of `code` in a temporary folder, which is removed afterwards."""
    with run_folder() as folder, ExitStack() as files:
        (folder.work / PROGRAM).write_text(code, encoding="utf-8", errors="replace")
        # The supervisor's interpreter goes on as the program's, which saves the start of another.
        program = functools.partial(bootstrap, resources=limits.resources(1))
        with supervised(program, limits, files, folder=folder) as launch:
            yield launch
