"""The system calls that a sandboxed program may not make: a hand-assembled seccomp BPF filter.

Namespaces hide the host's files and network, but some doors stay open: RLIMIT_NPROC does not bind the host's
root, memory can be taken past RLIMIT_AS (memfd, System V shared memory), and kernel interfaces with a history
of holes (io_uring, bpf, userfaultfd, ...) can be reached. The filter answers all of those with EPERM, which
Python raises as `PermissionError` (or `RuntimeError: can't start new thread`). Everything else is allowed.

Numbers come from the kernel's `unistd_64.h` (x86_64) and `asm-generic/unistd.h` (aarch64).
"""

from __future__ import annotations

import struct

from agent.errors import SandboxUnavailable

# Denied calls: their numbers on x86_64 and on aarch64, None where a call does not exist.
_CALLS: dict[str, tuple[int, int | None]] = {
    # One process and one thread: no call that makes another.
    "clone": (56, 220),
    "clone3": (435, 435),
    "fork": (57, None),
    "vfork": (58, None),
    # A fresh network namespace does not isolate AF_VSOCK, so no socket at all. `socketpair` stays, since
    # asyncio wakes its loop with one.
    "socket": (41, 198),
    # Memory that RLIMIT_AS does not count.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    # Calls made by others in the program's name, past this filter.
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # Other processes.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    # Mounts and namespaces.
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    # Kernel interfaces that a puzzle never needs.
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "syslog": (103, 116),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "personality": (135, 92),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
}

# machine name -> (AUDIT_ARCH constant, denied calls by name)
DENIED: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (0xC000003E, {name: x86 for name, (x86, _) in _CALLS.items()}),
    "aarch64": (0xC00000B7, {name: arm for name, (_, arm) in _CALLS.items() if arm is not None}),
}

# Classic BPF: load a word, jump if equal, jump if greater or equal, return.
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
# Offsets in `struct seccomp_data`.
_NUMBER, _ARCHITECTURE = 0, 4
_KILL_PROCESS, _ALLOW = 0x80000000, 0x7FFF0000
_ERRNO_EPERM = 0x00050000 | 1
# The x32 ABI reaches the same calls under these numbers; nothing here uses it.
_X32_BIT = 0x40000000


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One `struct sock_filter`; jumps count the instructions to skip."""
    return struct.pack("=HBBI", code, if_true, if_false, operand)


def assemble(machine: str) -> bytes:
    """The filter for `bwrap --seccomp`, as `struct sock_filter[]`.

    Raises:
        SandboxUnavailable: for a machine whose system call numbers are not listed here.
    """
    if machine not in DENIED:
        raise SandboxUnavailable(
            f"the sandbox has no system call filter for {machine} machines (only {', '.join(DENIED)})"
        )
    architecture, calls = DENIED[machine]
    numbers = sorted(calls.values())
    # Layout: check the architecture, load the number, one jump a denied number, ALLOW, DENY.
    program = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_JUMP_EQUAL, architecture, if_true=1),
        _instruction(_RETURN, _KILL_PROCESS),
        _instruction(_LOAD, _NUMBER),
        # Past the comparisons lie ALLOW and then DENY, so a jump to DENY skips what is left plus one.
        _instruction(_JUMP_GREATER_EQUAL, _X32_BIT, if_true=len(numbers) + 1),
    ]
    for position, number in enumerate(numbers):
        program.append(_instruction(_JUMP_EQUAL, number, if_true=len(numbers) - position))
    program.append(_instruction(_RETURN, _ALLOW))
    program.append(_instruction(_RETURN, _ERRNO_EPERM))
    return b"".join(program)
