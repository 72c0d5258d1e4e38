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
        notes: descriptor of the file in which the bootstrap notes that it was reached, and the supervisor the process
            that it started and, at the end, which limit was exceeded.
        lifeline: end of a pipe that the supervisor watches: a byte, or its end, bids it to end all.
        folder: working directory to start in, None for any.
    """

    command: tuple[str, ...]
    descriptors: tuple[int, ...]
    notes: int
    lifeline: int
    folder: str | None = None

    def kill(self) -> None:
        """Has the supervisor kill every process of the run; may be called again."""
        os.write(self.lifeline, b"x")

    def reached_python(self) -> bool:
        """Whether the sandbox's interpreter was reached; a failure before that is not the program's."""
        return b"begun" in self._noted()

    def exceeded_limit(self) -> StoppedBy | None:
        """The limit that the program exceeded, as the supervisor noted it; None for none."""
        noted = self._noted()
        return next((limit for limit in LIMITS if f"\npassed {limit}\n".encode() in noted), None)

    def unsupervised_group(self) -> int | None:
        """The process group of a program whose supervisor was killed before it was done; None where there is none."""
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
    isolation: tuple[str, ...] = (),
    descriptors: tuple[int, ...] = (),
    folder: RunFolder | None = None,
    packages: str = "",
) -> Launch:
    """A launch of a program under the supervisor.

    Args:
        limits: what the program may use.
        files: closes what the run needs.
        isolation: command line that isolates the program (bubblewrap's) and starts Python there.
        descriptors: open files that the command must inherit besides its own.
        folder: the run's folder, where nothing isolates the program.
        packages: the folder of those that the program may import, as it sees it; empty for none.
    """
    notes = handed_on(files.enter_context(TemporaryFile(buffering=0)).fileno(), files)
    ends = os.pipe()
    for end in ends:
        files.callback(os.close, end)
    watched = handed_on(ends[0], files)
    if folder is None:
        lock, run_folder, work_folder = -1, "", WORK_FOLDER
        # Two processes of bubblewrap's count too, one of them inside the namespace.
        threads, processes = limits.threads + 2, limits.threads + 1
    else:
        lock, run_folder, work_folder = handed_on(folder.lock, files), str(folder.path), ""
        threads, processes = limits.threads, 1
        descriptors = (*descriptors, lock)
    supervisor = {  # in the order in which supervisor.py reads them
        "lifeline": watched,
        "notes": notes,
        "lock": lock,
        "folder": run_folder,
        "wall_seconds": limits.wall_seconds,
        "cpu_seconds": limits.cpu_seconds,
        "memory": limits.memory_mb << 20,
        "threads": threads,
        "files": limits.files,
        "work": work_folder,
    }
    # Without isolation the supervisor's interpreter goes on as the program's, which saves the start of another.
    bootstrap = (code_of("bootstrap.py"), PROGRAM, str(notes), packages, *limits.resources(processes))
    return Launch(
        (
            *python(str(base_executable())),
            code_of("supervisor.py"),
            *map(str, supervisor.values()),
            *isolation,
            *bootstrap,
        ),
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
