"""Plain subprocess: the weaker mode for machines without bubblewrap, only ever used on an explicit opt-in.

It has the limits, the empty environment, a temporary folder, and a supervisor (supervisor.py) that ends what the
program leaves behind, but the program can read what the user can read, reach the network, and harm its supervisor.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile

from agent.sandbox.execution import Limits
from agent.sandbox.folders import run_folder
from agent.sandbox.interpreter import base_executable
from agent.sandbox.launch import PROGRAM, Launch, code_of, python, python_command


@contextmanager
def plain(code: str, limits: Limits) -> Iterator[Launch]:
    """Prepares a run of `code` in a temporary folder, which is removed afterwards."""
    executable = str(base_executable())
    with run_folder() as folder, ExitStack() as files:
        (folder.work / PROGRAM).write_text(code, encoding="utf-8", errors="replace")
        notes = files.enter_context(TemporaryFile(buffering=0)).fileno()
        watched, lifeline = os.pipe()
        files.callback(os.close, watched)
        files.callback(os.close, lifeline)
        program = python_command(executable, notes, limits)[len(python(executable)) :]
        supervisor = (code_of("supervisor.py"), str(watched), str(folder.lock), str(folder.path))
        yield Launch(
            (*python(executable), *supervisor, *program),
            (watched, folder.lock, notes),
            notes=notes,
            folder=str(folder.work),
            lifeline=lifeline,
        )
