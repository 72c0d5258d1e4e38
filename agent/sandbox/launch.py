"""Launch: one prepared run, and what every way of running has in common."""

from __future__ import annotations

import functools
import marshal
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from pilotage.agent.sandbox.execution import LIMITS, Limits, StoppedBy
from pilotage.agent.sandbox.interpreter import base_executable

PROGRAM = "program.py"
# Where bubblewrap's program works.
WORK_FOLDER = "/box"


@dataclass(frozen=True)
class Launch:
    """A command line that runs one program.

    Attributes:
        command: executable and arguments.
        descriptors: open files that the command must inherit.
        notes: file in which the bootstrap notes that it was reached, and the supervisor the process that it started
            and, at the end, which limit was passed.
        lifeline: end of a pipe that the supervisor watches: a byte, or its end, bids it to end all.
        folder: working directory to start in, None for any.
    """

    command: tuple[str, ...]
    descriptors: tuple[int, ...]
    notes: int
    lifeline: int
    folder: str | None = None

    def end(self) -> None:
        """Bids the supervisor end all; may be said twice."""
        os.write(self.lifeline, b"x")

    def begun(self) -> bool:
        """Whether the interpreter was reached; before that, a failure is none of the program's."""
        return b"begun" in self._noted()

    def passed(self) -> StoppedBy | None:
        """The limit that the supervisor noted."""
        noted = self._noted()
        return next((limit for limit in LIMITS if f"\npassed {limit}\n".encode() in noted), None)

    def abandoned(self) -> int | None:
        """The process, and group, of a program whose supervisor was ended before its work was done."""
        started = re.search(rb"\nprogram (\d+)\n", self._noted())
        return None if started is None or b"\npassed " in self._noted() else int(started[1])

    def _noted(self) -> bytes:
        return os.pread(self.notes, 4096, 0)


# From a program's text, input and limits to its launch; files and folders that it needs live as long as the context.
Launcher = Callable[[str, str, Limits], AbstractContextManager[Launch]]


@dataclass(frozen=True)
class RunFolder:
    """A locked folder.

    Attributes:
        path: the folder as a whole.
        work: the program's working directory in it.
        lock: open descriptor that holds the lock.
    """

    path: Path
    work: Path
    lock: int


@contextmanager
def supervised(
    command: Callable[[int], tuple[str, ...]],
    limits: Limits,
    files: ExitStack,
    *,
    descriptors: tuple[int, ...] = (),
    folder: RunFolder | None = None,
) -> Iterator[Launch]:
    """A launch of a command under the supervisor.

    Args:
        command: what the supervisor starts (see there), from the descriptor of the notes.
        limits: what the program may use.
        files: closes what the run needs.
        descriptors: what the command must inherit besides.
        folder: the run's folder; without one the program has a world of its own.
    """
    notes = handed_on(files.enter_context(TemporaryFile(buffering=0)).fileno(), files)
    ends = os.pipe()
    for end in ends:
        files.callback(os.close, end)
    watched, lock = handed_on(ends[0], files), -1 if folder is None else handed_on(folder.lock, files)
    arguments = [watched, notes, lock, "" if folder is None else folder.path, limits.wall_seconds, limits.cpu_seconds]
    # In a world of its own, two processes of bubblewrap's count too.
    threads, work = (limits.threads + 2, WORK_FOLDER) if folder is None else (limits.threads, "")
    arguments += [limits.memory_mb << 20, threads, limits.files, work]
    yield Launch(
        (*python(str(base_executable())), code_of("supervisor.py"), *map(str, arguments), *command(notes)),
        (watched, notes, *descriptors, *(() if folder is None else (lock,))),
        notes=notes,
        lifeline=ends[1],
        folder=None if folder is None else str(folder.work),
    )


def handed_on(descriptor: int, files: ExitStack) -> int:
    """The same as a command can inherit it: none of the standard streams, even where those are closed."""
    if descriptor > 2:
        return descriptor
    import fcntl  # not on every system that can import this package

    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    files.callback(os.close, copy)
    return copy


def bootstrap(notes: int, resources: list[str]) -> tuple[str, ...]:
    """Python that lowers its limits and runs the program, with its arguments."""
    return (code_of("bootstrap.py"), PROGRAM, str(notes), *resources)


def python(executable: str) -> tuple[str, ...]:
    """What every interpreter of a sandbox begins with: isolated, without packages; Python to execute follows."""
    return (executable, "-I", "-S", "-X", "utf8", "-c")


@functools.cache
def code_of(script: str) -> str:
    """Python that executes a file of this package elsewhere, compiled here, which takes longer than the rest of it."""
    text = Path(__file__).with_name(script).read_text(encoding="utf-8")
    code = marshal.dumps(compile(text, "<string>", "exec", dont_inherit=True, optimize=2))
    return f"import marshal; exec(marshal.loads(bytes.fromhex('{code.hex()}')))"
