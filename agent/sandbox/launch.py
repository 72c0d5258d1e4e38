"""Launch: one prepared run, and what every way of running has in common."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from agent.sandbox.execution import Limits

PROGRAM = "program.py"


@dataclass(frozen=True)
class Launch:
    """A command line that runs one program.

    Attributes:
        command: executable and arguments.
        descriptors: open files that the command must inherit.
        folder: working directory to start in, None for any.
        info: file in which bwrap notes the process that it started, None without bwrap.
    """

    command: tuple[str, ...]
    descriptors: tuple[int, ...] = ()
    folder: str | None = None
    info: int | None = None

    def inner_pid(self) -> int | None:
        """First process of the new namespaces, whose end takes all others along; None as long as there is none."""
        noted = re.search(rb'"child-pid": (\d+)', os.pread(self.info, 4096, 0)) if self.info is not None else None
        return int(noted[1]) if noted else None


# From a program's text and limits to its launch; files and folders that it needs live as long as the context.
Launcher = Callable[[str, Limits], AbstractContextManager[Launch]]


def python_command(executable: str, limits: Limits) -> tuple[str, ...]:
    """Python, isolated (-I), without installed packages (-S), lowering its limits to run the program."""
    return (executable, "-I", "-S", "-X", "utf8", "-c", _bootstrap(), PROGRAM, *limits.resources())


@functools.cache
def _bootstrap() -> str:
    return Path(__file__).with_name("bootstrap.py").read_text(encoding="utf-8")
