"""Launch: one prepared run, and what every way of running has in common."""

from __future__ import annotations

import functools
import marshal
import os
import re
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.sandbox.execution import Limits

PROGRAM = "program.py"
# Where bubblewrap's program works.
WORK_FOLDER = "/box"


@dataclass(frozen=True)
class Launch:
    """A command line that runs one program.

    Attributes:
        command: executable and arguments.
        descriptors: open files that the command must inherit.
        notes: file in which bwrap notes the process that it started, and the bootstrap that it was reached.
        folder: working directory to start in, None for any.
        lifeline: end of a pipe that a supervisor watches: a byte, or its end, bids it to end all; None without one.
    """

    command: tuple[str, ...]
    descriptors: tuple[int, ...]
    notes: int
    folder: str | None = None
    lifeline: int | None = None

    def inner_pid(self) -> int | None:
        """First process of the new namespaces, whose end takes all others along; None as long as there is none."""
        noted = re.search(rb'"child-pid": (\d+)', self._noted())
        return int(noted[1]) if noted else None

    def end(self) -> None:
        """Ends what was launched where that takes more than killing its process group; may be said twice."""
        if self.lifeline is not None:
            os.write(self.lifeline, b"x")
        # While bwrap sets up its child, that child has left the group and does not yet die with its parent: it has
        # to be killed by its number. bwrap notes the number before it lets the child go that far.
        inner = self.inner_pid()
        if inner is not None:
            with suppress(ProcessLookupError):
                os.kill(inner, signal.SIGKILL)

    def begun(self) -> bool:
        """Whether the interpreter was reached; before that, a failure is none of the program's."""
        return b"begun" in self._noted()

    def files(self) -> int:
        """Files and folders in bubblewrap's work folder; 0 without one."""
        inner = self.inner_pid()
        root = f"/proc/{inner}/root"
        try:
            if inner is None or os.path.samefile(root, "/"):  # still the host's
                return 0
            folder = os.statvfs(root + WORK_FOLDER)
        except OSError:  # not made yet, or gone with its process
            return 0
        return folder.f_files - folder.f_ffree

    def _noted(self) -> bytes:
        return os.pread(self.notes, 4096, 0)


# From a program's text and limits to its launch; files and folders that it needs live as long as the context.
Launcher = Callable[[str, Limits], AbstractContextManager[Launch]]


def python_command(executable: str, notes: int, limits: Limits) -> tuple[str, ...]:
    """Python, isolated (-I), without installed packages (-S), lowering its limits to run the program."""
    return (*python(executable), code_of("bootstrap.py"), PROGRAM, str(notes), *limits.resources())


def python(executable: str) -> tuple[str, ...]:
    """What every interpreter of a sandbox begins with; Python to execute follows."""
    return (executable, "-I", "-S", "-X", "utf8", "-c")


@functools.cache
def code_of(script: str) -> str:
    """Python that executes a file of this package elsewhere, compiled here, which takes longer than the rest of it."""
    text = Path(__file__).with_name(script).read_text(encoding="utf-8")
    code = marshal.dumps(compile(text, "<string>", "exec", dont_inherit=True, optimize=2))
    return f"import marshal; exec(marshal.loads(bytes.fromhex('{code.hex()}')))"
