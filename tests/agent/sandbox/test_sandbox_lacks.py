"""What the sandbox says where this machine lacks something, and that it never runs half of a program."""

import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.agent.errors import UsageError
from pilotage.agent.sandbox import Execution, Limits
from pilotage.agent.sandbox.execution import LIMITS

ROOT = Path(__file__).parents[3]


def told(code: str, *arguments: str) -> str:
    """What `code` prints in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert run.returncode == 0 and "Traceback" not in run.stderr, run.stderr
    return run.stdout


# A limit on the size of files does what a disk does that is nearly full: it takes a part of what is written.
SHORT = """
import asyncio, resource, sys
from pilotage.agent.sandbox import open_sandbox
from pilotage.agent.errors import PilotageError
sandbox = open_sandbox(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
try:
    print(asyncio.run(sandbox.run('print(1)\\n' + '#\\n' * 20_000 + 'print(2)')).stdout)
except PilotageError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("mode", ["bubblewrap", "subprocess"])
def test_half_of_a_program_is_never_run(mode: str):
    assert told(SHORT, mode).startswith("SandboxUnavailable the sandbox could not start a program: File too large")


NO_FILE = """
import resource
from pilotage.agent.sandbox import open_sandbox
from pilotage.agent.errors import PilotageError
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    open_sandbox("subprocess")
except PilotageError as error:
    print(type(error).__name__, error)
"""


def test_no_temporary_folder_is_one_sentence():
    said = told(NO_FILE)
    assert said.startswith("SandboxUnavailable no program can be run: No usable temporary directory found"), said


@pytest.mark.parametrize(
    "limit",
    [
        {"cpu_seconds": -1},
        {"cpu_seconds": 1.5},
        {"wall_seconds": 0},
        {"wall_seconds": float("nan")},
        {"wall_seconds": float("inf")},
        {"memory_mb": 1},
        {"memory_mb": 1 << 50},
        {"file_mb": 0},
        {"open_files": 3},
        {"threads": 0},
        {"files": "many"},
        {"output_bytes": None},
    ],
    ids=str,
)
def test_a_limit_under_which_no_program_runs_is_refused(limit):
    (name,) = limit
    with pytest.raises(UsageError, match=f"the sandbox's limit {name} is .*: give a"):
        Limits(**limit)


@pytest.mark.parametrize("mode", ["bubblewrap", "subprocess"])
async def test_a_program_runs_under_the_least_of_every_limit(opened, mode: str):
    least = opened(mode, memory_mb=32, file_mb=1, open_files=8, files=16, threads=1, output_bytes=3)
    execution = await least.run("print(42)")
    assert (execution.stdout, execution.stderr) == ("42\n", "")


def test_every_limit_is_told_whatever_the_program_had_printed():
    for limit in LIMITS:
        told = Execution("", "10%\n", 137, 1.0, stopped_by=limit).error
        assert told is not None and told.endswith("was stopped"), limit
    assert Execution("", "MemoryError\n", 1, 1.0, stopped_by="memory").error == "MemoryError"
