"""Limits and Execution: what a program may use, and what came of running it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pilotage.agent.errors import UsageError

StoppedBy = Literal["time", "memory", "output", "files", "threads"]
LIMITS: tuple[StoppedBy, ...] = get_args(StoppedBy)

_STOPPED: dict[StoppedBy, str] = {
    "time": "the program took too long and was stopped",
    "memory": "the program took more memory than it may have and was stopped",
    "output": "the program printed too much and was stopped",
    "files": "the program made too many files and was stopped",
    "threads": "the program started too many threads and was stopped",
}

# With less of these the interpreter does not start; a limit is a whole number where it has no entry.
_LEAST = {"wall_seconds": 0.001, "memory_mb": 32, "open_files": 8}
_MOST = 1 << 31


@dataclass(frozen=True)
class Limits:
    """Hard limits of one run. In bubblewrap the program is one process.

    Attributes:
        cpu_seconds: processor time.
        wall_seconds: time on the clock, from start to end.
        memory_mb: address space of the process. With its page tables it may take 16 MB more; that, the threads and
            the files are counted now and then, so that a program is stopped a moment after it has passed the limit.
        file_mb: size of one file, and in bubblewrap of the whole work folder.
        open_files: open file descriptors.
        files: files and folders in bubblewrap's work folder, which are memory.
        threads: threads of all its processes; in the weaker mode it has one, unless root runs it.
        output_bytes: bytes of stdout, and of stderr; the program is stopped when it prints more.

    Raises:
        UsageError: a limit is no number, or one that no program could run under.
    """

    cpu_seconds: int = 5
    wall_seconds: float = 10.0
    memory_mb: int = 512
    file_mb: int = 16
    open_files: int = 64
    files: int = 4096
    threads: int = 64
    output_bytes: int = 65536

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            least = _LEAST.get(name, 1)
            kinds = (int, float) if isinstance(least, float) else int
            if not isinstance(value, kinds) or not least <= value <= _MOST:
                kind = "a number" if isinstance(least, float) else "a whole number"
                raise UsageError(f"the sandbox's limit {name} is {value!r}: give {kind} from {least} to {_MOST}")

    def resources(self, processes: int) -> list[str]:
        """`NAME=soft:hard` for each setrlimit resource, as the bootstrap reads them; a thread counts as a process."""
        most = {"AS": self.memory_mb << 20, "FSIZE": self.file_mb << 20, "NOFILE": self.open_files, "NPROC": processes}
        most |= {"CORE": 0, "MEMLOCK": 0, "MSGQUEUE": 0, "SIGPENDING": 64}
        fixed = [f"RLIMIT_{name}={value}:{value}" for name, value in most.items()]
        return [f"RLIMIT_CPU={self.cpu_seconds}:{self.cpu_seconds + 1}", *fixed]


@dataclass(frozen=True)
class Execution:
    """What one run printed and how it ended.

    Attributes:
        stdout: what it printed; bytes that are no UTF-8 become U+FFFD.
        stderr: its errors, such as the traceback of an uncaught exception.
        exit_code: 0 for a normal end, 128 + n when signal n ended it.
        seconds: wall-clock time.
        stopped_by: the limit that ended it, None when it ended by itself.
        truncated: whether output was cut off.
    """

    stdout: str
    stderr: str
    exit_code: int
    seconds: float
    stopped_by: StoppedBy | None = None
    truncated: bool = False

    @property
    def ok(self) -> bool:
        """Whether the program ended by itself and without an error."""
        return self.exit_code == 0 and self.stopped_by is None

    @property
    def error(self) -> str | None:
        """One line on what went wrong, None if nothing did."""
        if self.ok:
            return None
        lines = self.stderr.strip().splitlines()
        last = lines[-1] if lines else f"the program ended with exit code {self.exit_code}"
        # Python's own error says as much, and is what the program saw.
        return last if self.stopped_by is None or last == "MemoryError" else _STOPPED[self.stopped_by]
