"""The seccomp filter of the sandbox: the table of system calls as a hand-assembled BPF program.

Namespaces hide the host's files and network, but some doors stay open: RLIMIT_NPROC does not bind the host's root,
memory can be taken past RLIMIT_AS, locks reach the host's files through read-only mounts, and kernel interfaces with
a history of holes can be reached. So a program makes the calls in syscalls.py, and no others. Those are answered with
EPERM, which Python raises as `PermissionError`, newer ones with ENOSYS.
"""

from __future__ import annotations

import functools
import struct
import sys

from pilotage.agent.errors import SandboxUnavailable
from pilotage.agent.sandbox.syscalls import ALLOWED, GRANTED, LAST_DENIED, MISSING, NOT_SUPPORTED, RULES, Rule, Verdict

# machine name -> AUDIT_ARCH constant, and the machine's place in the table
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

# Classic BPF: load a word, jump if equal, jump if greater or equal, return.
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
# Offsets in `struct seccomp_data`; eight bytes an argument, of which the kernel's `int` parameters use the low four.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_LOW = 0 if sys.byteorder == "little" else 4
# The x32 ABI reaches the same calls under these numbers; nothing here uses it.
_X32_BIT = 0x40000000


@functools.cache
def assemble(machine: str) -> bytes:
    """The filter for `bwrap --seccomp`, as `struct sock_filter[]`.

    Raises:
        SandboxUnavailable: for a machine whose system call numbers are not listed here.
    """
    if machine not in MACHINES:
        known = ", ".join(MACHINES)
        raise SandboxUnavailable(f"the sandbox has no system call filter for {machine} machines (only {known})")
    architecture, place = MACHINES[machine]
    program = _load(_ARCHITECTURE) + _unless(_JUMP_EQUAL, architecture, Verdict.KILL) + _load(_NUMBER)
    rules = {number: rule for numbers, rule in RULES.values() if (number := numbers[place]) is not None}
    for number, rule in sorted(rules.items()):
        program += _by_argument(number, rule)
    # One comparison a run of numbers with the same verdict, from the first on: whoever is not beyond it gets it.
    by_number = _by_number(place)
    current = by_number[0]
    for number in range(1, max(by_number) + 2):
        following = by_number.get(number, Verdict.UNKNOWN)
        if following != current:
            program += _unless(_JUMP_GREATER_EQUAL, number, current)
            current = following
    return program + _unless(_JUMP_GREATER_EQUAL, _X32_BIT, current) + _return(Verdict.DENY)


def _by_number(place: int) -> dict[int, Verdict]:
    """What becomes of each call that is judged by its number alone; calls without an entry are unknown."""
    by_number = dict.fromkeys(range(LAST_DENIED + 1), Verdict.DENY)
    for calls, verdict in (
        (ALLOWED, Verdict.ALLOW),
        (GRANTED, Verdict.GRANT),
        (NOT_SUPPORTED, Verdict.NOT_SUPPORTED),
        (MISSING, Verdict.UNKNOWN),
    ):
        by_number |= {number: verdict for numbers in calls.values() if (number := numbers[place]) is not None}
    return by_number


def _by_argument(number: int, rule: Rule) -> bytes:
    """Judges the call with this number, and falls through for every other."""
    judged = _load(_ARGUMENTS + 8 * rule.argument + _LOW)
    for values, verdict in ((rule.allowed, Verdict.ALLOW), (rule.granted, Verdict.GRANT)):
        for value in values:
            judged += _instruction(_JUMP_EQUAL, value, if_false=1) + _return(verdict)
    judged += _return(rule.otherwise)
    return _instruction(_JUMP_EQUAL, number, if_false=len(judged) // 8) + judged


def _unless(jump: int, value: int, verdict: Verdict) -> bytes:
    return _instruction(jump, value, if_true=1) + _return(verdict)


def _load(offset: int) -> bytes:
    return _instruction(_LOAD, offset)


def _return(verdict: Verdict) -> bytes:
    return _instruction(_RETURN, verdict)


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One `struct sock_filter`; jumps count the instructions to skip."""
    return struct.pack("=HBBI", code, if_true, if_false, operand)
