"""Runs first in the weaker mode: starts the program as its child, and ends whatever that leaves behind.

Never imported: its code is handed to `python -I -S -c`. Its arguments are a descriptor to watch (`lifeline`), the
lock and the path of the run's folder, and what the program's interpreter is then given: the bootstrap, its arguments.

The program's end, a byte in the lifeline, or the lifeline's own end (the agent is gone, however it went) makes it kill
every process below it. On Linux that includes those that left the session or whose parent has ended, since orphans
are given to it; elsewhere it is their process group.
"""

import os
import select
import sys

# Every run waits for this file's imports: `signal` and `ctypes` take longer than a whole interpreter's start.
from _signal import SIG_DFL, SIGCHLD, SIGKILL, set_wakeup_fd, signal  # type: ignore[import-not-found]

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
    found: set[int] = set()
    generation = {os.getpid()}
    while generation:
        generation = {pid for pid, parent in parents.items() if parent in generation} - found
        found |= generation
    return found


def end_descendants() -> None:
    """Kills all below, and again those that were made meanwhile, until there is nobody left."""
    try:
        while LINUX:
            os.waitpid(-1, os.WNOHANG)  # who has no child has no descendant, since orphans would be its children
            for pid in descendants():
                try:
                    os.kill(pid, SIGKILL)
                except ProcessLookupError:
                    pass
            os.waitpid(-1, 0)
    except ChildProcessError:
        return


def ended(program: int) -> int | None:
    """Collects who has ended; the program's exit code once it is among them, 128 + n for signal n."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == program:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if pid == 0:
            return None


def supervise(program: int, lifeline: int, wake: int) -> tuple[int, bool]:
    """Waits for the program or for the word to end it: its exit code, and whether the agent is still there."""
    while True:
        ready, _, _ = select.select([lifeline, wake], [], [])
        if lifeline in ready:
            word = os.read(lifeline, 1)
            return 128 + SIGKILL, word != b""
        os.read(wake, 4096)
        code = ended(program)
        if code is not None:
            return code, True


def become_program(bootstrap: str, arguments: list[str], parent: int, descriptors: list[int]) -> None:
    """Goes on as the program, which dies with its supervisor and has nothing of it but the standard streams."""
    set_wakeup_fd(-1)
    signal(SIGCHLD, SIG_DFL)
    for descriptor in descriptors:
        os.close(descriptor)
    if LINUX:
        prctl(_PR_SET_PDEATHSIG, SIGKILL)
        if os.getppid() != parent:  # it died before that was said
            os.kill(os.getpid(), SIGKILL)
    sys.argv = ["-c", *arguments]
    exec(bootstrap, {"__name__": "__main__"})


def run(lifeline: int, lock: int, folder: str, bootstrap: str, arguments: list[str]) -> None:
    """Starts the program, waits, and leaves neither a process nor, where the agent can't clear up, a folder."""
    if LINUX:
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    set_wakeup_fd(waker)
    signal(SIGCHLD, lambda number, frame: None)
    supervisor = os.getpid()
    program = os.fork()
    if program == 0:
        become_program(bootstrap, arguments, supervisor, [lifeline, lock, wake, waker])
        return
    code, agent_lives = supervise(program, lifeline, wake)
    end_descendants()
    if not agent_lives:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
        os.killpg(0, SIGKILL)
    os._exit(code)


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:])
