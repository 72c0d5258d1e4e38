"""The filter of system calls: what the kernel makes of each number and argument, for machines that are not here too."""

import errno
import sys

import pytest

from pilotage.agent.errors import SandboxUnavailable
from pilotage.agent.sandbox.seccomp import MACHINES, assemble
from pilotage.agent.sandbox.syscalls import ALLOWED, GRANTED, MISSING, NOT_SUPPORTED, RULES

ALLOW, GRANT, KILL = 0x7FFF0000, 0x00050000, 0x80000000
DENY, UNKNOWN = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS

# What no program may do, by number: x86_64, aarch64.
DANGEROUS = {
    "clone": (56, 220),  # without the flags of a thread
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "fsopen": (430, 430),
    "open_tree": (428, 428),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "socket": (41, 198),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "timer_create": (222, 107),
    "rt_sigqueueinfo": (129, 138),
    "io_setup": (206, 0),
    "io_uring_setup": (425, 425),
    "vmsplice": (278, 75),
    "splice": (275, 76),
    "tee": (276, 77),
    "sync": (162, 81),
    "syncfs": (306, 267),
    "mincore": (27, 232),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "pidfd_open": (434, 434),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "seccomp": (317, 277),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "reboot": (169, 142),
    "settimeofday": (164, 170),
    "personality": (135, 92),
}
# Calls that came after the denied ones: cachestat, statmount, listmount, lsm_get_self_attr, setxattrat, open_tree_attr,
# file_setattr, and whatever comes next.
NEWER = (451, 457, 458, 459, 463, 467, 469, 470, 512, 547, 600, 0x3FFFFFFF)


def verdict(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """Runs the filter as the kernel would; its return value."""
    program = assemble(machine)
    data = {0: number, 4: MACHINES[machine][0] if architecture is None else architecture}
    for place in range(6):
        value = arguments[place] if place < len(arguments) else 0
        low, high = (16, 20) if sys.byteorder == "little" else (20, 16)
        data |= {low + 8 * place: value & 0xFFFFFFFF, high + 8 * place: value >> 32}
    accumulator, at = 0, 0
    while True:
        code = int.from_bytes(program[at * 8 : at * 8 + 2], sys.byteorder)
        if_true, if_false = program[at * 8 + 2], program[at * 8 + 3]
        operand = int.from_bytes(program[at * 8 + 4 : at * 8 + 8], sys.byteorder)
        if code == 0x06:
            return operand
        if code == 0x20:
            accumulator = data[operand]
        else:
            holds = accumulator == operand if code == 0x15 else accumulator >= operand
            at += if_true if holds else if_false
        at += 1


def numbers(calls: dict[str, tuple[int | None, int | None]], machine: str) -> set[int]:
    place = list(MACHINES).index(machine)
    return {number for call in calls.values() if (number := call[place]) is not None}


@pytest.mark.parametrize("machine", MACHINES)
def test_a_call_is_allowed_if_and_only_if_it_is_listed(machine: str):
    judged_by_argument = numbers({name: call for name, (call, _) in RULES.items()}, machine)
    allowed, granted = numbers(ALLOWED, machine), numbers(GRANTED, machine)
    unsupported = numbers(NOT_SUPPORTED, machine)
    for number in sorted(set(range(700)) - judged_by_argument):
        expected = (
            ALLOW
            if number in allowed
            else GRANT
            if number in granted
            else 0x00050000 | errno.EOPNOTSUPP
            if number in unsupported
            else DENY
            if number <= 450 and number not in numbers(MISSING, machine)
            else UNKNOWN
        )
        assert verdict(machine, number) == expected, number


@pytest.mark.parametrize("machine", MACHINES)
def test_nothing_dangerous_and_nothing_newer_passes(machine: str):
    place = list(MACHINES).index(machine)
    assert {name: verdict(machine, call[place]) for name, call in DANGEROUS.items()} == dict.fromkeys(DANGEROUS, DENY)
    assert [verdict(machine, number) for number in NEWER] == [UNKNOWN] * len(NEWER)


@pytest.mark.parametrize("machine", MACHINES)
def test_another_abi_is_no_way_round_the_filter(machine: str):
    assert verdict(machine, 0, architecture=0x40000003) == KILL  # i386
    x32 = 0x40000000
    assert {verdict(machine, number | x32) for number in range(600)} == {DENY}
    assert verdict(machine, 0xFFFFFFFF) == DENY


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("clone", (0x3D0F00,), ALLOW),  # a thread
        ("clone", (0x3D0F00 | 0x10000000,), DENY),  # in a namespace of its own
        ("clone", (0x3D0F00 & ~0x10000,), DENY),  # no thread, but a process
        ("clone", (0x1200011,), DENY),  # fork
        ("clone", (0x4111,), DENY),  # vfork
        ("fcntl", (0, 1), ALLOW),  # F_GETFD
        ("fcntl", (0, 6), GRANT),  # F_SETLK
        ("fcntl", (0, 38), GRANT),  # F_OFD_SETLKW
        ("fcntl", (0, 8), DENY),  # F_SETOWN
        ("fcntl", (0, 10), DENY),  # F_SETSIG
        ("fcntl", (0, 1024), DENY),  # F_SETLEASE
        ("fcntl", (0, 1026), DENY),  # F_NOTIFY
        ("fcntl", (0, 1031), DENY),  # F_SETPIPE_SZ
        ("fcntl", (0, 1036), DENY),  # F_SET_RW_HINT
        ("fcntl", (0, 1 << 32 | 1024), DENY),  # the kernel looks at the low half only
        ("ioctl", (0, 0x5401), ALLOW),  # TCGETS
        ("ioctl", (0, 0x5412), 0x00050000 | errno.ENOTTY),  # TIOCSTI
        ("ioctl", (0, 0x8912), 0x00050000 | errno.ENOTTY),  # SIOCGIFCONF
        ("ioctl", (0, 0x40086602), 0x00050000 | errno.ENOTTY),  # FS_IOC_SETFLAGS
        ("madvise", (0, 0, 4), ALLOW),  # MADV_DONTNEED
        ("madvise", (0, 0, 21), 0x00050000 | errno.EINVAL),  # MADV_PAGEOUT
        ("prctl", (15,), ALLOW),  # PR_SET_NAME
        ("prctl", (1,), DENY),  # PR_SET_PDEATHSIG
        ("prctl", (22,), DENY),  # PR_SET_SECCOMP
        ("socketpair", (1,), ALLOW),  # AF_UNIX
        ("socketpair", (30,), DENY),  # AF_TIPC
    ],
)
def test_some_calls_are_judged_by_an_argument(machine: str, name: str, arguments: tuple[int, ...], expected: int):
    number = RULES[name][0][list(MACHINES).index(machine)]
    assert number is not None
    assert verdict(machine, number, *arguments) == expected


def test_an_unknown_machine_has_no_filter():
    with pytest.raises(SandboxUnavailable, match="riscv64"):
        assemble("riscv64")
