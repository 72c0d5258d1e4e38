"""The system calls that a sandboxed program may make; seccomp.py turns this table into the kernel's filter.

Whatever is not listed is denied: a list of what is dangerous would be out of date with each new kernel. What is
listed is what plain Python needs for files in its work folder, memory, time, signals and event loops. Left out on
purpose: every call that makes a process, namespace or mount; those that take kernel memory which no limit
counts (System V and POSIX queues, memfd, inotify, POSIX timers, queued signals, asynchronous I/O, `splice`, messages
that carry descriptors); those that reach past the work folder (`sync`, sockets, handles); and all for administrators.

Numbers come from the kernel's `unistd_64.h` (x86_64) and `asm-generic/unistd.h` (aarch64).
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import IntEnum


class Verdict(IntEnum):
    """What the kernel does with a call: `SECCOMP_RET_*` and its data."""

    ALLOW = 0x7FFF0000
    # The program sees success, and nothing has happened.
    GRANT = 0x00050000
    DENY = 0x00050000 | errno.EPERM
    # The answers that a program is prepared for, where something is merely not supported.
    UNKNOWN = 0x00050000 | errno.ENOSYS
    INVALID = 0x00050000 | errno.EINVAL
    NO_TERMINAL = 0x00050000 | errno.ENOTTY
    NOT_SUPPORTED = 0x00050000 | errno.EOPNOTSUPP
    KILL = 0x80000000


@dataclass(frozen=True)
class Rule:
    """A call that is judged by the low 32 bits of one argument.

    Attributes:
        argument: its place, from 0.
        allowed: values that pass.
        otherwise: what happens with others.
        granted: values that are answered with success and not carried out.
    """

    argument: int
    allowed: tuple[int, ...]
    otherwise: Verdict
    granted: tuple[int, ...] = ()


# Calls by name: their numbers on x86_64 and on aarch64, None where a call does not exist.
Numbers = tuple[int | None, int | None]

# The newest call that a kernel before 5.18 has. Later ones are answered as such a kernel would answer.
LAST_DENIED = 450

ALLOWED: dict[str, Numbers] = {
    # Reading and writing what is open.
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "preadv": (295, 69),
    "pwritev": (296, 70),
    "preadv2": (327, 286),
    "pwritev2": (328, 287),
    "lseek": (8, 62),
    "close": (3, 57),
    "close_range": (436, 436),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "sendfile": (40, 71),
    "copy_file_range": (326, 285),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "getdents": (78, None),
    "getdents64": (217, 61),
    # Paths. Only the work folder can be changed: all else is mounted read-only.
    "open": (2, None),
    "creat": (85, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "stat": (4, None),
    "lstat": (6, None),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "truncate": (76, 45),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "umask": (95, 166),
    "getcwd": (79, 17),
    "chdir": (80, 49),
    "fchdir": (81, 50),
    "getxattr": (191, 8),
    "lgetxattr": (192, 9),
    "fgetxattr": (193, 10),
    "listxattr": (194, 11),
    "llistxattr": (195, 12),
    "flistxattr": (196, 13),
    # Memory that RLIMIT_AS counts.
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "msync": (26, 227),
    "brk": (12, 214),
    # Waiting: pipes, event loops, timers.
    "pipe": (22, None),
    "pipe2": (293, 59),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "epoll_create": (213, None),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_wait": (232, None),
    "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441),
    "eventfd": (284, None),
    "eventfd2": (290, 19),
    "timerfd_create": (283, 85),
    "timerfd_settime": (286, 86),
    "timerfd_gettime": (287, 87),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "shutdown": (48, 210),
    "getsockname": (51, 204),
    "getpeername": (52, 205),
    "getsockopt": (55, 209),
    # Time.
    "time": (201, None),
    "gettimeofday": (96, 169),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "times": (100, 153),
    "alarm": (37, None),
    "getitimer": (36, 102),
    "setitimer": (38, 103),
    # Signals, to itself.
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "rt_sigpending": (127, 136),
    "rt_sigsuspend": (130, 133),
    "rt_sigtimedwait": (128, 137),
    "sigaltstack": (131, 132),
    "pause": (34, None),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "restart_syscall": (219, 128),
    # The one process and its threads. `execve` is what starts the interpreter.
    "execve": (59, 221),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "wait4": (61, 260),
    "waitid": (247, 95),
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "set_tid_address": (218, 96),
    "rseq": (334, 293),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getpgid": (121, 155),
    "getpgrp": (111, None),
    "setpgid": (109, 154),
    "getsid": (124, 156),
    "setsid": (112, 157),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getresuid": (118, 148),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getresgid": (120, 150),
    "getgroups": (115, 158),
    "capget": (125, 90),
    "getrlimit": (97, 163),
    "setrlimit": (160, 164),
    "prlimit64": (302, 261),
    "getrusage": (98, 165),
    "getpriority": (140, 141),
    "setpriority": (141, 140),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126),
    "sched_rr_get_interval": (148, 127),
    "getcpu": (309, 168),
    # The machine.
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "getrandom": (318, 278),
}

# Success without effect. A lock has nobody to keep out in the work folder, which this one process has for itself;
# it would keep others out where it is the host's: the files of the interpreter.
GRANTED: dict[str, Numbers] = {
    "flock": (73, 32),
    # Advice, and the size of a pair's buffers, reach the host's page cache and memory that no limit counts.
    "fadvise64": (221, 223),
    "setsockopt": (54, 208),
}

# Answered as by a kernel that lacks them, so that the C library takes the older call: its arguments can be judged.
MISSING: dict[str, Numbers] = {
    "clone3": (435, 435),
}

# Extended attributes are kernel memory that no limit counts.
NOT_SUPPORTED: dict[str, Numbers] = {
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
}

RULES: dict[str, tuple[Numbers, Rule]] = {
    # A thread of the C library's: CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, PARENT_SETTID, CHILD_CLEARTID;
    # glibc, and musl, which adds CLONE_DETACHED. Each shares all that a limit counts; the supervisor counts them.
    "clone": ((56, 220), Rule(0, (0x3D0F00, 0x7D0F00), Verdict.DENY)),
    # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_OFD_GETLK, F_DUPFD_CLOEXEC, F_GETPIPE_SZ; the locks are
    # granted as `flock` is. No lease, no signal on changes, no larger pipe, no hint that the file keeps.
    "fcntl": (
        (72, 25),
        Rule(1, (0, 1, 2, 3, 4, 5, 36, 1030, 1032), Verdict.DENY, granted=(6, 7, 37, 38)),
    ),
    # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
    "ioctl": ((16, 29), Rule(1, (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451), Verdict.NO_TERMINAL)),
    # What memory allocators ask for: NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED, FREE, HUGEPAGE, NOHUGEPAGE,
    # DONTDUMP, DODUMP. Others reach the page cache of the host's files.
    "madvise": ((28, 233), Rule(2, (0, 1, 2, 3, 4, 8, 14, 15, 16, 17), Verdict.INVALID)),
    # PR_SET_NAME, PR_GET_NAME
    "prctl": ((157, 167), Rule(0, (15, 16), Verdict.DENY)),
    # ARCH_SET_FS, ARCH_GET_FS: thread-local storage
    "arch_prctl": ((158, None), Rule(0, (0x1002, 0x1003), Verdict.INVALID)),
    # AF_UNIX: asyncio wakes its loop with such a pair. There is no other socket: a fresh network namespace does not
    # isolate every family (AF_VSOCK).
    "socketpair": ((53, 199), Rule(0, (1,), Verdict.DENY)),
}
