"""What the sandbox says where this machine lacks something, and that it never runs half of a program."""

import subprocess
import sys
from pathlib import Path

import pytest

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
from agent.sandbox import open_sandbox
from agent.errors import PilotageError
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
