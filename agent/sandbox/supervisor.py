"""Runs first in every mode: starts the program, holds it to its limits, and ends whatever it leaves behind.

Never imported: its code is handed to `python -I -S -c`. It is a process of its own so that the limits hold whatever the
agent does: its event loop may be busy, and it may be stopped or gone. Its arguments are those of `run`.

The program's end, a limit that is passed, a byte in the lifeline, or the lifeline's own end (the agent is gone, however
it went) makes it kill every process below it. On Linux that includes those that left the session or whose parent has
ended, since orphans are given to it; elsewhere it is their process group.
"""

import os
import select
import sys
import time

# Every run waits for this file's imports: `signal` and `ctypes` take longer than a whole interpreter's start.
from _signal import SIG_DFL, SIGCHLD, SIGKILL, SIGXCPU, set_wakeup_fd, signal  # type: ignore[import-not-found]

# How often it looks at what the program has used, in seconds.
PAUSE = 0.02
# Memory beyond the limit of the address space that is no fault: page tables of a program that fills it.
TABLES = 16 << 20
# Of the processor time that is allowed, how much a program that the kernel ended must have had for that to be why.
USED_UP = 0.8

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
LINUX = sys.platform == "linux"


def prctl(option: int, value: int) -> None:
    """A setting of this process that Python has no name for."""
    import _ctypes

    this = _ctypes.dlopen(None, os.RTLD_NOW)  # type: ignore[arg-type]
    function = _ctypes.dlsym(this, "prctl")
    if _ctypes.call_function(function, (option, value, 0, 0, 0)) != 0:
        raise OSError(f"prctl({option}, {value}) was refused")


def descendants() -> set[int]:
    """Every process below this one."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    parents[int(entry)] = int(file.read().rpartition(")")[2].split()[1])
            except OSError:  # it ended meanwhile
                continue
    below_this: set[int] = set()
    generation = {os.getpid()}
    while generation:
        generation = {pid for pid, parent in parents.items() if parent in generation} - below_this
        below_this |= generation
    return below_this


def below(most: int) -> list[int]:
    """The same without those whose parent was a thread, and little more than `most`: cheap enough to be asked often."""
    processes = [os.getpid()]
    for pid in processes:
        if len(processes) > most + 1:
            break
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                processes += map(int, file.read().split())
        except FileNotFoundError:  # it ended meanwhile, or this kernel has no such file
            if pid == processes[0]:
                return list(descendants())
        except OSError:
            continue
    return processes[1:]


class Watch:
    """What a program may use that no resource limit of the kernel's counts.

    Args:
        seconds: time on the clock, from now on.
        memory: bytes of each process, with its page tables: mappings far apart need three times their size.
        threads: of all processes together, so that a storm of them ends too where root is under no limit.
        files: files and folders in `work`.
        work: the work folder in a world of the program's own; empty where it has none.
    """

    def __init__(self, seconds: float, memory: int, threads: int, files: int, work: str) -> None:
        self.deadline = time.monotonic() + seconds
        self.memory, self.threads, self.files, self.work = memory + TABLES, threads, files, work

    def passed(self) -> str:
        """The limit that is passed; empty as long as none is."""
        if time.monotonic() >= self.deadline:
            return "time"
        all_threads = 0
        for pid in below(self.threads) if LINUX else ():
            try:
                if self.work and self.made(pid) > self.files:
                    return "files"
                memory, threads = used(pid)
            except OSError:  # it ended meanwhile
                continue
            if memory > self.memory:
                return "memory"
            all_threads += threads
            if all_threads > self.threads:
                return "threads"
        return ""

    def made(self, pid: int) -> int:
        """Files and folders in the work folder of a process; 0 where it is still in the host's world."""
        root = f"/proc/{pid}/root"
        try:
            if os.path.samefile(root, "/"):
                return 0
            folder = os.statvfs(root + self.work)
        except OSError:  # not made yet
            return 0
        return folder.f_files - folder.f_ffree


def used(pid: int) -> tuple[int, int]:
    """Bytes of memory with page tables, and threads."""
    facts = {"VmRSS": 0, "VmPTE": 0, "Threads": 0}
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name in facts:
                facts[name] = int(value.split()[0])
    return (facts["VmRSS"] + facts["VmPTE"]) << 10, facts["Threads"]


def end_descendants(program: int) -> None:
    """Kills all below, and again those that were made meanwhile, until there is nobody left.

    First the program's group, at once and as a whole: who makes processes faster than they can be listed is in it.
    """
    kill(-program)
    try:
        while LINUX:
            while os.waitpid(-1, os.WNOHANG)[0]:  # who has no child has no descendant: orphans would be its children
                pass
            for pid in descendants():
                kill(pid)
            os.waitpid(-1, 0)
    except ChildProcessError:
        return


def kill(whom: int) -> None:
    """Kills a process, or below 0 a group, if it is still there."""
    try:
        os.kill(whom, SIGKILL)
    except (ProcessLookupError, PermissionError):  # the second where macOS has only the ended left of a group
        pass


def ended(program: int) -> int | None:
    """Collects who has ended; the program's exit code once it is among them, 128 + n for signal n."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == program:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if pid == 0:
            return None


def supervise(program: int, lifeline: int, wake: int, watch: Watch) -> tuple[int, str, bool]:
    """Waits for the end: the program's exit code, the limit that it passed, and whether the agent is still there."""
    while True:
        ready, _, _ = select.select([lifeline, wake], [], [], PAUSE)
        if lifeline in ready:
            word = os.read(lifeline, 1)
            return 128 + SIGKILL, "", word != b""
        if wake in ready:
            os.read(wake, 4096)
            code = ended(program)
            if code is not None:
                return code, "", True
        limit = watch.passed()
        if limit:
            return 128 + SIGKILL, limit, True


def become_program(command: list[str], parent: int, descriptors: list[int]) -> None:
    """Goes on as the program, which dies with its supervisor and has nothing of it but what it was meant to have.

    A command that is not the path of an executable is Python for this interpreter, with its arguments.
    """
    os.setpgid(0, 0)
    set_wakeup_fd(-1)
    signal(SIGCHLD, SIG_DFL)
    for descriptor in descriptors:
        if descriptor >= 0:
            os.close(descriptor)
    if LINUX:
        prctl(_PR_SET_PDEATHSIG, SIGKILL)
        if os.getppid() != parent:  # it died before that was said
            os.kill(os.getpid(), SIGKILL)
    if command[0].startswith("/"):
        try:
            os.execv(command[0], command)
        except OSError as error:
            os.write(2, f"{error.strerror}: {command[0]}\n".encode(errors="replace"))
            os._exit(1)
    sys.argv = ["-c", *command[1:]]
    exec(command[0], {"__name__": "__main__"})


def run(lifeline: int, notes: int, lock: int, folder: str, cpu_seconds: int, watch: Watch, command: list[str]) -> None:
    """Starts the program, waits, and leaves neither a process nor, where the agent can't clear up, a folder.

    Lifeline, notes and lock are descriptors; a run without a folder has the lock -1 and an empty path. The notes get
    the program's process, and at the end the limit that it passed.
    """
    if LINUX:
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    set_wakeup_fd(waker)
    signal(SIGCHLD, lambda number, frame: None)
    supervisor = os.getpid()
    program = os.fork()
    if program == 0:
        become_program(command, supervisor, [lifeline, lock, wake, waker])
        return
    os.write(notes, f"\nprogram {program}\n".encode())
    code, limit, agent_lives = supervise(program, lifeline, wake, watch)
    end_descendants(program)
    spent = os.times()
    # The kernel ends a program for its processor time by SIGXCPU, which can be ignored, and then by SIGKILL.
    if not limit and code in (128 + SIGXCPU, 128 + SIGKILL):
        limit = "time" if spent.children_user + spent.children_system >= USED_UP * cpu_seconds else ""
    os.write(notes, f"\npassed {limit}\n".encode())
    if not agent_lives:
        if folder:
            import shutil

            shutil.rmtree(folder, ignore_errors=True)
        os.killpg(0, SIGKILL)
    os._exit(code)


if __name__ == "__main__":
    _lifeline, _notes, _lock, _folder, _seconds, _cpu, _memory, _threads, _files, _work = sys.argv[1:11]
    _watch = Watch(float(_seconds), int(_memory), int(_threads), int(_files), _work)
    run(int(_lifeline), int(_notes), int(_lock), _folder, int(_cpu), _watch, sys.argv[11:])
