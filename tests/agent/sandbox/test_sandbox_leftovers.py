"""Nothing outlives a run in the weaker mode, and what this machine lacks is said in one sentence in both."""

import asyncio
import fcntl
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from pilotage.agent.errors import SandboxUnavailable
from pilotage.agent.sandbox import Limits, Sandbox, open_sandbox
from pilotage.agent.sandbox.launch import Launch, supervised
from pilotage.agent.sandbox.plain import plain, run_folder, sweep

ROOT = Path(__file__).parents[3]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody is given another's orphans")

# Each leaves a process behind that waits for long, and writes its number into a file that only it knows.
CHILD = """
import os, sys, time
def leave(stay_with_the_program):
    if os.fork() == 0:
        if not stay_with_the_program:
            os.setsid()
            if os.fork(): os._exit(0)
        with open({note!r}, 'a') as file:
            file.write(f'{{os.getpid()}}\\n')
        if {closes}:
            for descriptor in (0, 1, 2): os.close(descriptor)
        time.sleep(600)
open({note!r}, 'a').close()
leave(True)
leave(False)
while len(open({note!r}).readlines()) < 2: time.sleep(0.01)
"""

# Forks need a limit that this user is under: only root is under none.
ROOT_ONLY = pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="RLIMIT_NPROC forbids others to fork")


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 300
    while any(map(running, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(running, pids))


def folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("pilotage-run-*"))


@pytest.fixture
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's runs have their folders, and no others."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def noted(note: Path, count: int) -> list[int]:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        pids = note.read_text().split() if note.exists() else []
        if len(pids) >= count:
            return [int(pid) for pid in pids]
        time.sleep(0.02)
    raise AssertionError("the program never came so far")


@LINUX
@ROOT_ONLY
@pytest.mark.parametrize("closes", [True, False], ids=["closes its output", "holds its output"])
@pytest.mark.parametrize(
    "end", ["", "time.sleep(600)", "while True: print('x' * 1000)"], ids=["ends", "time", "output"]
)
async def test_whoever_left_the_session_ends_with_the_run(opened, tmp_path: Path, end: str, closes: bool):
    sandbox = opened("subprocess", wall_seconds=4)
    note = tmp_path / "pids"
    execution = await sandbox.run(CHILD.format(note=str(note), closes=closes) + end)
    assert execution.stopped_by == {"": None, "t": "time", "w": "output"}[end[:1]], execution
    assert all_gone(noted(note, 2))


@LINUX
@ROOT_ONLY
async def test_many_processes_are_many_threads(opened):
    code = "import os, time\nfor _ in range(100):\n    if os.fork() == 0: time.sleep(600)\ntime.sleep(600)"
    execution = await opened("subprocess", wall_seconds=120).run(code)
    assert execution.stopped_by == "threads"


@LINUX
@ROOT_ONLY
async def test_a_killed_supervisor_leaves_nobody_of_the_programs_group(opened, tmp_path: Path):
    note = tmp_path / "pids"
    code = (
        "import os, signal, time\nsupervisor, child = os.getppid(), os.fork()\n"
        f"if child: print(os.getpid(), child, file=open({str(note)!r}, 'w'), flush=True)\n"
        "if child: os.kill(supervisor, signal.SIGKILL)\ntime.sleep(600)"
    )
    execution = await opened("subprocess").run(code)
    assert execution.exit_code == 137
    assert all_gone(noted(note, 2))


@LINUX
@ROOT_ONLY
async def test_cancelling_ends_whoever_left_the_session(opened, tmp_path: Path):
    note = tmp_path / "pids"
    code = CHILD.format(note=str(note), closes=True) + "time.sleep(600)"
    run = asyncio.create_task(opened("subprocess", wall_seconds=60).run(code))
    pids = await asyncio.to_thread(noted, note, 2)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert all_gone(pids)


AGENT = """
import asyncio, sys, tempfile
tempfile.tempdir = sys.argv[1]
from pilotage.agent.sandbox import Limits, open_sandbox
sandbox = open_sandbox('subprocess', Limits(wall_seconds=600))
asyncio.run(sandbox.run(sys.argv[2]))
"""


@LINUX
def test_killing_the_agent_leaves_no_process_and_no_folder(tmp_path: Path):
    note, place = tmp_path / "pids", tmp_path / "temporary"
    place.mkdir()
    code = f"import os, time\nopen({str(note)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    if os.getuid() == 0:
        code = CHILD.format(note=str(note), closes=True) + "time.sleep(600)"
    agent = subprocess.Popen([sys.executable, "-c", AGENT, str(place), code], cwd=ROOT)
    pids = noted(note, 2 if os.getuid() == 0 else 1)
    agent.send_signal(signal.SIGKILL)
    agent.wait()
    assert all_gone(pids)
    deadline = time.monotonic() + 300
    while any(place.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(place.iterdir())


def test_a_start_clears_up_what_nobody_holds_any_more(own_temporary_folder: Path):
    abandoned = own_temporary_folder / "pilotage-run-abandoned"
    (abandoned / "box").mkdir(parents=True)
    (abandoned / "box" / "program.py").touch()
    other = own_temporary_folder / "pilotage-other"
    other.mkdir()
    file = own_temporary_folder / "pilotage-run-file"
    file.touch()
    link = own_temporary_folder / "pilotage-run-link"
    link.symlink_to(other)
    with run_folder() as folder:
        sweep()
        assert folder.work.is_dir()
        assert not abandoned.exists()
        assert other.exists() and file.exists() and link.is_symlink()
    assert not folder.path.exists()


@LINUX
def test_a_folder_is_in_use_as_long_as_its_supervisor_is(own_temporary_folder: Path):
    with plain("import time; time.sleep(600)", "", Limits()) as launch:
        held = os.dup(launch.descriptors[1])  # what the supervisor inherits
        (path,) = folders()
        probe = os.open(path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(probe)
    os.close(held)
    assert not folders()


async def test_folders_are_gone_after_each_run(opened, own_temporary_folder: Path):
    sandbox = opened("subprocess")
    await asyncio.gather(*(sandbox.run("open('x', 'w')") for _ in range(6)))
    assert list(own_temporary_folder.iterdir()) == []


@pytest.mark.parametrize("mode", ["bubblewrap", "subprocess"])
@pytest.mark.parametrize("lead", ["\ufeff", "\ufeff\ufeff", "\ufeff# -*- coding: latin-1 -*-\n"])
async def test_a_byte_order_mark_is_no_syntax_error(opened, mode: str, lead: str):
    execution = await opened(mode).run(f"{lead}print('é')\n")
    assert execution.stdout == "é\n", execution.stderr


@pytest.mark.parametrize("mode", ["bubblewrap", "subprocess"])
async def test_whatever_is_printed_comes_back_as_text(opened, mode: str):
    printed = b"\xed\xa0\x80 \xff \x00 \x1b[31m " + b"x" * 30000 + b"\xe2\x82"
    execution = await opened(mode).run(f"import sys\nsys.stdout.buffer.write({printed!r})")
    assert execution.ok
    assert execution.stdout == printed.decode(errors="replace")
    assert execution.stdout.encode().decode() == execution.stdout
    raised = await opened(mode).run("raise ValueError('a\\ud800b')")
    assert raised.error is not None and raised.error.encode()


FEW_FILES = """
import asyncio, resource, sys
from pilotage.agent.sandbox import open_sandbox
from pilotage.agent.errors import PilotageError
sandbox = open_sandbox(sys.argv[1])
held = [open('/dev/null') for _ in range(int(sys.argv[2]))]
resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
try:
    print(asyncio.run(sandbox.run('print(6 * 7)')).stdout)
except PilotageError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("mode", ["bubblewrap", "subprocess"])
@pytest.mark.parametrize("held", range(0, 16, 3))
def test_too_few_descriptors_are_one_sentence(mode: str, held: int):
    run = subprocess.run(
        [sys.executable, "-c", FEW_FILES, mode, str(held)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0 and "Traceback" not in run.stderr, run.stderr
    assert run.stdout.startswith(("42", "SandboxUnavailable the sandbox could not start a program: ")), run.stdout
    assert held > 0 or "42" in run.stdout
    assert held < 15 or "Too many open files" in run.stdout


def test_few_descriptors_mean_few_runs_at_once():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(64, soft), hard))
        assert 1 <= Sandbox("subprocess", plain)._max_parallel <= 2
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_sandbox_that_breaks_later_is_no_failure_of_the_program(tmp_path: Path):
    sandbox = open_sandbox("bubblewrap")
    assert sandbox is not None
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No space left on device' >&2\nexit 1\n")
    broken.chmod(0o755)
    from pilotage.agent.sandbox.bubblewrap import bubblewrap

    def launch(code: str, stdin: str, limits: Limits):
        return bubblewrap(broken, code, stdin, limits)

    with pytest.raises(SandboxUnavailable, match="could not start a program: bwrap: No space left on device"):
        await Sandbox("bubblewrap", launch).run("print(1)")
    broken.unlink()
    with pytest.raises(SandboxUnavailable, match="No such file or directory"):
        await Sandbox("bubblewrap", launch).run("print(1)")


def test_notes_tell_a_start_from_a_failure():
    with tempfile.TemporaryFile(buffering=0) as notes:
        launch = Launch((), (), notes.fileno(), -1)
        assert not launch.reached_python() and launch.exceeded_limit() is None
        notes.write(b"\nbegun\n")
        assert launch.reached_python() and launch.exceeded_limit() is None
        notes.write(b"\npassed files\n")
        assert launch.reached_python() and launch.exceeded_limit() == "files"


def test_a_launch_in_a_folder_keeps_what_its_caller_has_it_inherit():
    with run_folder() as folder, ExitStack() as files, tempfile.TemporaryFile() as given:
        launch = supervised(Limits(), files, descriptors=(given.fileno(),), folder=folder)
        assert {given.fileno(), folder.lock} < set(launch.descriptors)


CLOSED = """
import asyncio, os, sys
for descriptor in {closed}:
    os.close(descriptor)
from pilotage.agent.sandbox import open_sandbox
sandbox = open_sandbox({mode!r})
execution = asyncio.run(sandbox.run('print(input())', stdin='42'))
assert execution.stdout == '42\\n', execution
os._exit(7)
"""


@pytest.mark.parametrize("mode", ["bubblewrap", "subprocess"])
@pytest.mark.parametrize("closed", [(0,), (0, 1), (0, 1, 2)])
def test_closed_standard_streams_are_no_descriptors_to_hand_on(mode: str, closed: tuple[int, ...]):
    code = CLOSED.format(closed=closed, mode=mode)
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 7, run.stderr


@pytest.mark.parametrize("mode", ["bubblewrap", "subprocess"])
async def test_a_program_larger_than_its_files_may_be_is_a_failure_of_its_own(opened, mode: str):
    execution = await opened(mode).run("#" * (20 << 20))
    assert execution.error == "the program has 20 MB, and its files may have 16 MB together"
