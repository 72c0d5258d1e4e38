"""Launch: one prepared run, and what every way of running has in common."""

from __future__ import annotations

import functools
import marshal
import os
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from pilotage.agent.sandbox.execution import LIMITS, Limits, StoppedBy

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
    """A folder, the program's working directory in it, and an open descriptor that holds the folder's lock."""

    path: Path
    work: Path
    lock: int


def supervised(
    limits: Limits,
    files: ExitStack,
    *,
    world: tuple[str, ...] = (),
    descriptors: tuple[int, ...] = (),
    folder: RunFolder | None = None,
) -> Launch:
    """A launch of a program under the supervisor.

    Args:
        limits: what the program may use.
        files: closes what the run needs.
        world: command line that makes a world of the program's own, and starts Python in it.
        descriptors: what that must inherit besides.
        folder: the run's folder, where there is no such world.
    """
    notes = handed_on(files.enter_context(TemporaryFile(buffering=0)).fileno(), files)
    ends = os.pipe()
    for end in ends:
        files.callback(os.close, end)
    watched = handed_on(ends[0], files)
    # Two processes of bubblewrap's count too, one of them inside the namespace.
    lock, place, work, threads, processes = -1, "", WORK_FOLDER, limits.threads + 2, limits.threads + 1
    if folder is not None:
        lock, place, work, threads, processes = handed_on(folder.lock, files), str(folder.path), "", limits.threads, 1
        descriptors = (lock,)
    supervisor = [watched, notes, lock, place, limits.wall_seconds, limits.cpu_seconds]
    supervisor += [limits.memory_mb << 20, threads, limits.files, work]
    # Without a world the supervisor's interpreter goes on as the program's, which saves the start of another.
    bootstrap = (code_of("bootstrap.py"), PROGRAM, str(notes), *limits.resources(processes))
    return Launch(
        (*python(str(base_executable())), code_of("supervisor.py"), *map(str, supervisor), *world, *bootstrap),
        (watched, notes, *descriptors),
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


def base_executable() -> Path:
    """The real binary of the interpreter that runs now, not a virtual environment's link to it."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))


def python(executable: str) -> tuple[str, ...]:
    """What every interpreter of a sandbox begins with: isolated, without packages; Python to execute follows."""
    return (executable, "-I", "-S", "-X", "utf8", "-c")


@functools.cache
def code_of(script: str) -> str:
    """Python that executes a file of this package elsewhere, compiled here, which takes longer than the rest of it."""
    text = Path(__file__).with_name(script).read_text(encoding="utf-8")
    code = marshal.dumps(compile(text, "<string>", "exec", dont_inherit=True, optimize=2))
    return f"import marshal; exec(marshal.loads(bytes.fromhex('{code.hex()}')))"
