"""What a hostile program tries; none of it may succeed."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pilotage.agent.sandbox import Sandbox
from pilotage.agent.sandbox.packages import NONE, Packages, numpy


@pytest.fixture(params=[NONE, numpy()], ids=["standard library", "numpy"])
def packages(request: pytest.FixtureRequest) -> Packages:
    return request.param


READ = """
import sys
try:
    print(open({path!r}).read())
except OSError as error:
    print(type(error).__name__)
"""


def descendants(pid: int) -> set[int]:
    """Every process below `pid`."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found: set[int] = set()
    frontier = {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier} - found
        found |= frontier
    return found


def alive(pids: set[int]) -> set[int]:
    """Which of them still run; a zombie does not."""
    running = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            running.add(pid)
    return running


def gone_soon(pids: set[int], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pids)


async def started(task: "asyncio.Task[object]", count: int, before: set[int]) -> set[int]:
    """The processes of a run that is under way, once there are `count` of them beside those that were there before."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not task.done():
        below = descendants(os.getpid()) - before
        if len(below) >= count:
            return below
        await asyncio.sleep(0.001)
    raise AssertionError(f"the run never started: {task}")


async def test_reading_host_files(sandbox: Sandbox, tmp_path: Path):
    canary = tmp_path / "canary.txt"
    canary.write_text("CANARY")
    for path in (
        str(canary),
        "/etc/passwd",
        "/proc/self/environ",
        "/proc/1/root" + str(canary),
        "/sys/kernel",
    ):
        execution = await sandbox.run(READ.format(path=path))
        assert execution.stdout in {"FileNotFoundError\n", "PermissionError\n"}, path


async def test_finding_anything_of_the_host_by_walking(sandbox: Sandbox, tmp_path: Path):
    (tmp_path / "canary.txt").write_text("CANARY")
    execution = await sandbox.run(
        "import os\n"
        "print(sorted(os.listdir('/')))\n"
        "for folder, _, files in os.walk('/'):\n"
        "    for file in files:\n"
        "        if 'canary' in file or folder.startswith(('/home', '/root', '/tmp', '/etc', '/var')):\n"
        "            print(folder, file)\n"
    )
    assert execution.stdout.splitlines()[1:] == []
    own = {"box", "dev", "lib", "lib64", "libraries", "packages", "python", "tmp", "usr"}
    assert set(eval(execution.stdout)) <= own
    assert str(Path.home()) not in execution.stdout


async def test_following_links_out(sandbox: Sandbox, tmp_path: Path):
    (tmp_path / "canary.txt").write_text("CANARY")
    execution = await sandbox.run(
        f"import os\nos.symlink({str(tmp_path)!r}, 'way')\nos.symlink('/', 'up')\n"
        "for path in ('way/canary.txt', 'up/etc/passwd', '../../../../../../etc/passwd'):\n"
        "    try:\n        print(open(path).read())\n    except OSError:\n        print('no')\n"
        "try:\n    os.link('/python/lib', 'hard')\nexcept OSError:\n    print('no')\n"
    )
    assert execution.stdout == "no\n" * 4


async def test_reading_the_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_KEY", "CANARY")
    execution = await sandbox.run(
        "import ctypes, os, sys\n"
        "getenv = ctypes.CDLL(None).getenv\n"
        "getenv.restype = ctypes.c_char_p\n"
        "print(dict(os.environ), getenv(b'SECRET_KEY'), sys.argv, sys.orig_argv[0], os.uname().nodename)"
    )
    assert "CANARY" not in execution.stdout
    own = {"HOME", "LC_CTYPE", "LD_LIBRARY_PATH", "PWD", "USER", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}
    assert set(eval(execution.stdout[: execution.stdout.index("}") + 1])) <= own
    assert "} None ['program.py'] /python/bin/python3" in execution.stdout
    assert execution.stdout.endswith(" sandbox\n")


async def test_inherited_descriptors(sandbox: Sandbox, tmp_path: Path):
    with (tmp_path / "canary.txt").open("w+") as held:
        os.set_inheritable(held.fileno(), True)
        execution = await sandbox.run(
            "import os\n"
            "def is_open(fd):\n"
            "    try:\n        os.fstat(fd)\n        return True\n    except OSError:\n        return False\n"
            "print([fd for fd in range(64) if is_open(fd)])"
        )
    assert execution.stdout == "[0, 1, 2]\n"


@pytest.mark.parametrize("trick", ["socket", "ctypes", "vsock"])
async def test_opening_a_socket(sandbox: Sandbox, trick: str):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        port = server.getsockname()[1]
        code = {
            "socket": f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=2)",
            "ctypes": "import ctypes, os\n"
            "libc = ctypes.CDLL(None, use_errno=True)\n"
            "if libc.socket(2, 1, 0) < 0: raise OSError(ctypes.get_errno(), 'no socket')",
            "vsock": "import socket; socket.socket(40, socket.SOCK_STREAM)",
        }[trick]
        execution = await sandbox.run(code)
        assert execution.exit_code == 1
        assert execution.error is not None and execution.error.startswith("PermissionError")
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    "code",
    [
        "import os\nwhile True: os.fork()",
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1)'])",
        "import multiprocessing as m; m.get_context('fork').Process(target=print).start()",
        "import ctypes; l = ctypes.CDLL(None, use_errno=True)\n"
        "if l.syscall(56, 0x4000 | 0x100 | 17, 0, 0, 0, 0) < 0: raise OSError(ctypes.get_errno(), 'no')",
        "import os; os.posix_spawn('/python/bin/python3', ['python3'], {})",
        "import ctypes; l = ctypes.CDLL(None, use_errno=True)\n"
        "if l.syscall(56, 0x11, 0, 0, 0, 0) < 0: raise OSError(ctypes.get_errno(), 'no')",
        "import ctypes; l = ctypes.CDLL(None, use_errno=True)\n"
        "if l.syscall(57) < 0: raise OSError(ctypes.get_errno(), 'no')",
    ],
    ids=["fork", "subprocess", "multiprocessing", "raw-vfork", "spawn", "clone", "raw-fork"],
)
async def test_making_another_process(sandbox: Sandbox, code: str):
    execution = await sandbox.run(code)
    assert execution.stopped_by is None
    assert execution.exit_code == 1
    assert execution.error is not None
    assert execution.error.startswith(("PermissionError", "OSError"))


@pytest.mark.parametrize("stack", [0, 32768], ids=["default stack", "small stack"])
async def test_starting_threads_without_end(opened, stack: int):
    sandbox = opened(cpu_seconds=20, wall_seconds=60)
    execution = await sandbox.run(
        f"import threading\nthreading.stack_size({stack})\nwait = threading.Event().wait\n"
        "while True: threading.Thread(target=wait, daemon=True).start()"
    )
    refused = execution.error is not None and execution.error.startswith("RuntimeError: can't start new thread")
    assert execution.stopped_by == "threads" or refused, execution


# Two pages a mapping, on both sides of the border of a gigabyte: four pages of tables for each.
TABLES = """
import ctypes
mmap = ctypes.CDLL(None).mmap
mmap.restype, mmap.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
for n in range(1, 60000):
    at = mmap((n << 30) - 4096, 8192, 3, 0x22, -1, 0)
    ctypes.memset(at, 1, 1)
    ctypes.memset(at + 4096, 1, 1)
import time
time.sleep(60)
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="borders and flags are those of x86_64")
async def test_page_tables_are_memory_too(opened):
    execution = await opened(cpu_seconds=30, wall_seconds=60, memory_mb=64).run(TABLES)
    assert execution.stopped_by == "memory", execution


FULL = "import os\nos.makedirs('d')\nn = 0\nwhile True:\n    open(f'd/{n}', 'x').close()\n    n += 1"


@pytest.mark.parametrize("mode", ["bubblewrap", "subprocess"])
@pytest.mark.parametrize(("limit", "code"), [("time", "while True: pass"), ("files", FULL), ("memory", TABLES)])
async def test_limits_hold_while_the_agent_is_busy(opened, mode: str, limit: str, code: str):
    if (mode, limit) == ("subprocess", "files"):
        pytest.skip("the weaker mode counts no files")
    sandbox = opened(mode, cpu_seconds=60, wall_seconds=3 if limit == "time" else 60, memory_mb=64)
    before = descendants(os.getpid())
    run = asyncio.create_task(sandbox.run(code))
    await started(run, 1, before)
    assert gone_soon(descendants(os.getpid()) - before, 45)  # without giving the event loop a turn
    execution = await run
    assert execution.stopped_by == limit, execution


@pytest.mark.parametrize(
    "code",
    [
        "x = [0] * 10**9",
        "x = []\nwhile True: x.append('x' * 1_000_000)",
        "import mmap; mmap.mmap(-1, 2**31)",
        "import os; os.memfd_create('m')",
        "import ctypes; l = ctypes.CDLL(None, use_errno=True)\n"
        "if l.shmget(0, 1 << 30, 0o1600) < 0: raise OSError(ctypes.get_errno(), 'no')",
    ],
    ids=["list", "strings", "mmap", "memfd", "shared-memory"],
)
async def test_taking_much_memory(sandbox: Sandbox, code: str):
    execution = await sandbox.run(code)
    assert not execution.ok
    assert execution.error is not None
    assert execution.error.startswith(("MemoryError", "OSError: [Errno 12]", "PermissionError"))
    assert (execution.stopped_by == "memory") == execution.error.startswith("MemoryError")


async def test_raising_the_limits_again(sandbox: Sandbox):
    execution = await sandbox.run(
        "import resource as r\n"
        "for kind in (r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_NPROC):\n"
        "    try:\n        r.setrlimit(kind, (r.RLIM_INFINITY, r.RLIM_INFINITY)); print('raised')\n"
        "    except (ValueError, OSError):\n        print('no')"
    )
    assert execution.stdout == "no\n" * 4


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
        "import time\ntime.sleep(60)",
        "input()\nimport select; select.select([], [], [])",
    ],
    ids=["loop", "ignores-the-signal", "sleep", "waits"],
)
async def test_never_ending(code: str, opened):
    sandbox = opened(cpu_seconds=1, wall_seconds=3)
    before = descendants(os.getpid())
    execution = await sandbox.run(code, stdin="\n")
    assert execution.stopped_by == "time"
    assert execution.error == "the program took too long and was stopped"
    assert execution.seconds < 30
    assert gone_soon(descendants(os.getpid()) - before)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_printing_without_end(sandbox: Sandbox, stream: str):
    execution = await sandbox.run(f"import sys\nwhile True: sys.{stream}.write('é' * 1000)")
    assert execution.stopped_by == "output" and execution.truncated
    cap = sandbox.limits.output_bytes
    assert len(getattr(execution, stream).encode()) <= cap + 2
    assert getattr(execution, stream).startswith("ééé")


async def test_output_of_exactly_the_cap_is_not_cut(sandbox: Sandbox):
    cap = sandbox.limits.output_bytes
    execution = await sandbox.run(f"print('x' * {cap - 1})")
    assert len(execution.stdout) == cap and execution.ok and not execution.truncated


VANDAL = """
import os, sys
stdlib = os.path.dirname(os.__file__)
places = ['/', '/usr', '/dev', '/dev/shm', '/python', '/libraries', stdlib, stdlib + '/site-packages']
for folder in [{canary!r}, *places]:
    try:
        open(folder + '/mine', 'w')
        print('wrote', folder)
    except OSError:
        pass
for path in (os.__file__, sys.executable):
    for act in (os.remove, lambda path: os.chmod(path, 0o777), lambda path: open(path, 'a')):
        try:
            act(path)
            print('changed', path)
        except OSError:
            pass
"""


async def test_writing_outside_its_folder(sandbox: Sandbox, tmp_path: Path):
    execution = await sandbox.run(VANDAL.format(canary=str(tmp_path)))
    assert execution.stderr == ""
    assert execution.stdout == ""
    assert list(tmp_path.iterdir()) == []
    assert Path(os.__file__).exists()


@pytest.mark.parametrize("files", [1, 40])
async def test_filling_the_disk(sandbox: Sandbox, files: int):
    execution = await sandbox.run(
        f"for n in range({files}):\n"
        "    with open(f'big{n}', 'wb') as file:\n"
        "        for _ in range(64):\n            file.write(b'x' * 2**20)\n"
    )
    assert execution.error is not None and execution.error.startswith("OSError: [Errno")
    assert execution.exit_code == 1


@pytest.mark.parametrize(
    "number",
    [101, 165, 161, 272, 308, 250, 321, 323, 298, 425, 41 + 0x40000000],
    ids="ptrace mount chroot unshare setns keyctl bpf userfaultfd perf io_uring x32-socket".split(),
)
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86_64")
async def test_forbidden_system_calls(sandbox: Sandbox, number: int):
    execution = await sandbox.run(
        "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"
        f"print(libc.syscall(ctypes.c_long({number}), 0, 0, 0, 0, 0), ctypes.get_errno())"
    )
    assert execution.stdout == "-1 1\n"


async def test_no_capability_is_left(sandbox: Sandbox):
    execution = await sandbox.run(
        "import ctypes\n"
        "header = (ctypes.c_uint32 * 2)(0x20080522, 0)\n"
        "data = (ctypes.c_uint32 * 6)()\n"
        "print(ctypes.CDLL(None).capget(header, data), list(data))"
    )
    assert execution.stdout == "0 [0, 0, 0, 0, 0, 0]\n"


async def test_signalling_the_host(sandbox: Sandbox):
    # An orphan's parent is 1, and there is a 1 inside as well: the sandbox's own.
    outside = [pid for pid in (os.getpid(), os.getppid()) if pid > 1]
    execution = await sandbox.run(
        "import os\n"
        f"for pid in {outside}:\n"
        "    try:\n        os.kill(pid, 0)\n        print('reached')\n"
        "    except ProcessLookupError:\n        print('no')"
    )
    assert execution.stdout == "no\n" * len(outside)


@pytest.mark.parametrize("processes", [1, 2, 3, 4], ids=["supervisor", "launcher", "namespace", "program"])
async def test_cancelling_kills_the_program_however_far_it_has_come(sandbox: Sandbox, processes: int):
    before = descendants(os.getpid())
    for _ in range(5):
        run = asyncio.create_task(sandbox.run("import time; time.sleep(60)"))
        below = await started(run, processes, before)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert gone_soon(below | (descendants(os.getpid()) - before))


AGENT = """
import asyncio
from pilotage.agent.sandbox import Limits, open_sandbox
sandbox = open_sandbox('bubblewrap', Limits(wall_seconds=60))
print('ready', flush=True)
asyncio.run(sandbox.run('import time; time.sleep(60)'))
"""


@pytest.mark.parametrize("mode", ["bubblewrap", "subprocess"])
def test_limits_hold_while_the_agent_is_stopped(mode: str):
    code = AGENT.replace("'bubblewrap', Limits(wall_seconds=60)", f"{mode!r}, Limits(wall_seconds=5)")
    agent = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3], stdout=subprocess.PIPE)
    assert agent.stdout is not None
    with agent, agent.stdout:
        agent.stdout.readline()
        deadline = time.monotonic() + 300
        while not (processes := descendants(agent.pid)) and time.monotonic() < deadline:
            time.sleep(0.02)
        agent.send_signal(signal.SIGSTOP)
        assert processes and gone_soon(processes | descendants(agent.pid))
        agent.kill()


def test_killing_the_agent_kills_its_programs():
    root = Path(__file__).parents[3]
    agent = subprocess.Popen([sys.executable, "-c", AGENT], cwd=root, stdout=subprocess.PIPE)
    assert agent.stdout is not None
    with agent, agent.stdout:
        agent.stdout.readline()
        deadline = time.monotonic() + 300
        while len(processes := descendants(agent.pid)) < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
        agent.send_signal(signal.SIGKILL)
    assert len(processes) >= 4
    assert gone_soon(processes)
