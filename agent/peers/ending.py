"""Ending: kills a worker with what it has started, as far as a system tells what that is."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

MARK = "PILOTAGE_PEER"
"""A variable of the environment of a worker and of all that it starts, by which they are found."""
PASSES = 50
"""Looks at the list of processes, of which each kills what the one before has not seen."""


def end_all(mark: str, leader: int, *, reaped: bool) -> None:
    """Kills the processes of a session's first group, and, on Linux, those that have left it.

    These are known by the mark in their environment, or by descent from the leader: as a subreaper (prctl(2)) it is the
    parent of all whose own has ended, and it is stopped, so that it begets no more, until they are gone. What stays is
    who began with a clean environment and outlived the leader, and who forks faster than the list is read.

    Args:
        mark: of the worker.
        leader: number of its first process.
        reaped: whether that has ended and was waited for, so that its number may be another's by now.
    """
    if not reaped:
        _kill(leader, signal.SIGSTOP)
    wanted, killed = f"{MARK}={mark}".encode(), {leader}
    for _ in range(PASSES):
        parents = _parents()
        found = {pid for pid in parents if _carries(pid, wanted)} | (set() if reaped else _descent(leader, parents))
        if not (found := found - killed):
            break
        for pid in found:
            _kill(pid, signal.SIGKILL)
        killed |= found
    if not reaped:
        with suppress(OSError):
            os.killpg(leader, signal.SIGKILL)


def _kill(pid: int, how: signal.Signals) -> None:
    with suppress(OSError):  # it has ended, or runs as somebody else
        os.kill(pid, how)


def _parents() -> dict[int, int]:
    """The parent of each process; nothing on systems without /proc."""
    found = {}
    with suppress(OSError):
        for name in filter(str.isdecimal, os.listdir("/proc")):
            with suppress(OSError):
                after_its_name = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2]
                found[int(name)] = int(after_its_name.split()[1])
    return found


def _descent(leader: int, parents: Mapping[int, int]) -> set[int]:
    """The children of a process, theirs, and so on."""
    found: set[int] = set()
    while more := {pid for pid, parent in parents.items() if parent == leader or parent in found} - found:
        found |= more
    return found


def _carries(pid: int, wanted: bytes) -> bool:
    try:
        return wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is somebody else's
        return False
