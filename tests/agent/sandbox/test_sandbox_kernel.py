"""What a hostile program tries with the host's inodes, and with kernel memory that no resource limit counts."""

import fcntl
import os
from pathlib import Path

import pytest

from pilotage.agent.sandbox import Sandbox
from pilotage.agent.sandbox.launch import base_executable
from pilotage.agent.sandbox.packages import NONE, Packages, numpy


@pytest.fixture(params=[NONE, numpy()], ids=["standard library", "numpy"])
def packages(request: pytest.FixtureRequest) -> Packages:
    return request.param


# Changes nothing even where it succeeds: mode and times are set to what they are.
CHANGES = """
import os, stat
host = set({devices!r})
def touch(path, facts):
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns), follow_symlinks=False)
def change_mode(path, facts):
    os.chmod(path, stat.S_IMODE(facts.st_mode))
def take(path, facts):
    os.chown(path, facts.st_uid, facts.st_gid, follow_symlinks=False)
def attribute(path, facts):
    os.setxattr(path, 'user.probe', b'')
seen = 0
for folder, folders, files in os.walk('/'):
    for path in [folder] + [os.path.join(folder, name) for name in files]:
        facts = os.lstat(path)
        if stat.S_ISCHR(facts.st_mode) or stat.S_ISBLK(facts.st_mode):
            print('a device:', path)
        if facts.st_dev not in host or stat.S_ISLNK(facts.st_mode):
            continue
        seen += 1
        for change in (touch, change_mode, take, attribute):
            try:
                change(path, facts)
                print(change.__name__, path)
            except OSError:
                pass
print(seen > 500)
"""


def devices() -> set[int]:
    """The host's file systems that could be seen from inside."""
    return {os.stat(path).st_dev for path in ("/", "/dev", os.__file__, base_executable())}


async def test_no_inode_of_the_host_can_be_changed(opened):
    sandbox = opened(cpu_seconds=30, wall_seconds=120)
    execution = await sandbox.run(CHANGES.format(devices=devices()))
    assert (execution.stdout, execution.stderr) == ("True\n", "")


async def test_what_is_not_needed_takes_what_is_written(sandbox: Sandbox):
    execution = await sandbox.run(
        "import contextlib, os, stat\n"
        "assert not stat.S_ISCHR(os.stat(os.devnull).st_mode), 'the host may never be tried on'\n"
        "with open(os.devnull) as null:\n    print(repr(null.read()))\n"
        "with open(os.devnull, 'w') as null, contextlib.redirect_stdout(null):\n    print('noise' * 1000)\n"
        "os.chmod(os.devnull, 0)"
    )
    assert execution.stdout == "''\n" and execution.ok, execution.stderr
    again = await sandbox.run("import os; open(os.devnull, 'w').write('x')")
    assert again.ok, again.stderr


async def test_advice_and_options_are_granted_and_change_nothing(sandbox: Sandbox):
    execution = await sandbox.run(
        "import os, socket, sys\n"
        "one, _ = socket.socketpair()\n"
        "before = one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)\n"
        "one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)\n"
        "print(one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == before)\n"
        "with open('program.py', 'rb') as file:\n"
        "    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)\n"
    )
    assert (execution.stdout, execution.stderr) == ("True\n", "")


async def test_no_lock_of_a_program_reaches_the_host(sandbox: Sandbox):
    with base_executable().open("rb") as binary:
        fcntl.flock(binary, fcntl.LOCK_SH)
        execution = await sandbox.run(
            "import fcntl, sys\n"
            "with open(sys.executable, 'rb') as binary:\n"
            "    fcntl.flock(binary, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
            "    fcntl.lockf(binary, fcntl.LOCK_SH | fcntl.LOCK_NB)\n"
            "    print('granted')\n"
            "    for command in (fcntl.F_SETLEASE, fcntl.F_NOTIFY, fcntl.F_SETOWN, 1036):\n"
            "        try:\n            fcntl.fcntl(binary, command, 0)\n            print('set', command)\n"
            "        except PermissionError:\n            pass\n"
        )
    assert (execution.stdout, execution.stderr) == ("granted\n", "")


async def test_programs_that_lock_their_own_files_work(sandbox: Sandbox):
    execution = await sandbox.run(
        "import dbm, fcntl, os, sqlite3, stat, tempfile\n"
        "with sqlite3.connect('data.db') as database:\n"
        "    database.execute('create table t (x)')\n"
        "    database.executemany('insert into t values (?)', [(n,) for n in range(100)])\n"
        "print(sqlite3.connect('data.db').execute('select sum(x) from t').fetchone()[0])\n"
        "with dbm.open('names', 'c') as names:\n    names['a'] = 'b'\n    print(names['a'])\n"
        "with open('mine', 'w') as file:\n    fcntl.flock(file, fcntl.LOCK_EX)\n    fcntl.lockf(file, fcntl.LOCK_EX)\n"
        "os.chmod('mine', 0o600)\nos.utime('mine', (1, 2))\n"
        "print(oct(stat.S_IMODE(os.stat('mine').st_mode)), os.stat('mine').st_mtime)\n"
        "with tempfile.NamedTemporaryFile() as file:\n    file.write(b'x')\n"
        "with tempfile.TemporaryDirectory() as folder:\n    open(folder + '/x', 'w')\n"
    )
    assert execution.stderr == ""
    assert execution.stdout == f"{sum(range(100))}\nb'b'\n0o600 2.0\n"


@pytest.mark.parametrize(
    "make",
    [
        "open(str(n), 'w').close()",
        "os.mkdir(str(n))",
        "os.symlink('x', str(n))",
        "os.link('program.py', str(n))",
        "os.mkfifo(str(n))",
        "os.makedirs('d/' * 20 + str(n)) if n % 2 else open('d/' * 20 + 'f' * 200 + str(n), 'x')",
    ],
    ids=["files", "folders", "symbolic links", "hard links", "pipes", "deep"],
)
async def test_making_files_without_end(opened, make: str):
    sandbox = opened(cpu_seconds=30, wall_seconds=60)
    execution = await sandbox.run(f"import os\nos.makedirs('d/' * 20)\nn = 0\nwhile True:\n    {make}\n    n += 1")
    assert execution.stopped_by == "files", execution.stderr
    assert execution.error == "the program made too many files and was stopped"


async def test_as_many_files_as_a_program_needs(sandbox: Sandbox):
    many = sandbox.limits.files - 100
    execution = await sandbox.run(
        f"import os, time\nfor n in range({many}): open(str(n), 'w').close()\n"
        "time.sleep(0.3)\nprint(len(os.listdir('.')))"
    )
    assert execution.stdout == f"{many + 1}\n", execution


async def test_extended_attributes_are_not_there(sandbox: Sandbox):
    execution = await sandbox.run(
        "import errno, os, shutil\n"
        "for path in ('program.py', '.', os.devnull):\n"
        "    try:\n        os.setxattr(path, 'user.x', b'x' * 60000)\n        print('set')\n"
        "    except OSError as error:\n        print(errno.errorcode[error.errno])\n"
        "shutil.copy2('program.py', 'copy.py')\nprint(os.listxattr('copy.py'))"
    )
    assert (execution.stdout, execution.stderr) == ("ENOTSUP\n" * 3 + "[]\n", "")


@pytest.mark.parametrize(
    "code",
    [
        "import fcntl, os; fcntl.fcntl(os.pipe()[1], fcntl.F_SETPIPE_SZ, 1 << 20)",
        "import fcntl; fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 1 << 20)",
        "import array, socket; a, b = socket.socketpair(); socket.send_fds(a, [b'x'], [0])",
        "import socket; socket.socketpair(socket.AF_INET)",
        "import socket; socket.socketpair(30)",
        "import os; a, b = os.pipe(); os.splice(a, b, 1)",
        "libc.inotify_init1(0)",
        "libc.timer_create(0, None, ctypes.byref(ctypes.c_void_p()))",
        "libc.sigqueue(os.getpid(), 34, 0)",
        "libc.prctl(1, 0, 0, 0, 0)",
        "libc.syncfs(1)",
    ],
    ids="pipe stdout descriptors inet tipc splice inotify timer signals deathsig syncfs".split(),
)
async def test_kernel_memory_and_reach_that_no_limit_counts(sandbox: Sandbox, code: str):
    if code.startswith("libc."):
        code = (
            "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
            f"if {code} < 0: raise OSError(ctypes.get_errno(), 'refused')"
        )
    execution = await sandbox.run(code)
    assert execution.error is not None and execution.error.startswith("PermissionError"), execution


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the other ABI is that of x86_64")
@pytest.mark.parametrize("number", [457, 458, 463, 467, 469, 512, 600])
async def test_calls_newer_than_the_filter_are_unknown(sandbox: Sandbox, number: int):
    execution = await sandbox.run(
        "import ctypes, errno; libc = ctypes.CDLL(None, use_errno=True)\n"
        f"print(libc.syscall(ctypes.c_long({number}), 0, 0, 0, 0, 0), errno.errorcode[ctypes.get_errno()])"
    )
    assert execution.stdout == "-1 ENOSYS\n"


async def test_the_mounts_do_not_tell_where_the_interpreter_lies(sandbox: Sandbox):
    execution = await sandbox.run(
        "import ctypes, os, struct, sys\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "told = ctypes.create_string_buffer(65536)\n"
        "ids = (ctypes.c_uint64 * 512)()\n"
        "every = struct.pack('=IIQQ', 24, 0, 0xFFFFFFFFFFFFFFFF, 0)\n"
        "count = libc.syscall(ctypes.c_long(458), every, ids, ctypes.c_size_t(512), 0)\n"
        "for mount in ids[:max(count, 0)]:\n"
        "    asked = struct.pack('=IIQQ', 24, 0, mount, 0xFFFF)\n"
        "    if libc.syscall(ctypes.c_long(457), asked, told, ctypes.c_size_t(65536), 0) == 0:\n"
        "        print(told.raw.replace(b'\\0', b' '))\n"
        "print(sys.executable, sys.prefix, sys.exec_prefix, sys.path, os.getcwd(), os.__file__)"
    )
    assert execution.stderr == "" and execution.stdout.count("\n") == 1
    assert str(base_executable().parent) not in execution.stdout
    assert str(Path(os.__file__).parent) not in execution.stdout
