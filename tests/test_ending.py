"""A run of the tests ends with a report, whatever one of them does to its process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOON, LATER = 1, 3
"""Seconds for the limit on a test that raises, and for the one that ends its process."""
AROUND = """
import pytest

@pytest.mark.parametrize("number", range(5))
def test_before(number):
    pass

{stuck}

@pytest.mark.parametrize("number", range(5))
def test_after(number):
    pass
"""
STUCK = {
    "native code": """
import ctypes, signal
def test_stuck():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctypes.CDLL(None).pause()
""",
    "the way out": """
import threading
def test_stuck():
    try:
        threading.Event().wait()
    finally:
        threading.Event().wait()
""",
    "a teardown": """
import threading
@pytest.fixture
def waits():
    yield
    threading.Event().wait()
def test_stuck(waits):
    assert False
""",
    "nothing": """
import os
def test_stuck():
    os._exit(1)
""",
}


@pytest.fixture
def run(tmp_path):
    """Runs files of tests as the suite is run, with short limits; gives the exit code, and all that was said."""

    def start(files, workers):
        for name, text in files.items():
            (tmp_path / f"test_{name}.py").write_text(text)
        limits = {"timeout": SOON, "faulthandler_timeout": LATER, "faulthandler_exit_on_timeout": "true"}
        options = [f"--override-ini={name}={value}" for name, value in limits.items()]
        plugins = [f"-p{name}" for name in ("xdist", "pytest_timeout", "tests.ending")]
        command = [sys.executable, "-m", "pytest", "-q", *plugins, *options, "--dist", "loadscope"]
        done = subprocess.run(
            [*command, "--rootdir", str(tmp_path), "-n", workers],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        return done.returncode, done.stdout

    return start


@pytest.mark.parametrize("where", STUCK)
def test_a_test_that_cannot_be_ended_is_a_failure_and_the_others_run(run, where):
    files = {"long": AROUND.format(stuck=STUCK[where]), "short": "def test_alone():\n    pass\n"}
    code, said = run(files, "2")
    assert code == 1
    assert "crashed while running 'test_long.py::test_stuck'" in said
    assert said.count("node down") == 1, "what ended a worker is not run again"
    failed = 2 if where == "a teardown" else 1
    assert f"{failed} failed, 11 passed" in said
    if where != "nothing":
        assert f"Timeout (0:00:0{LATER})!" in said and 'test_long.py", line' in said
    assert "100%: " in said


def test_scopes_that_were_handed_to_a_worker_which_went_down_are_run(run):
    """Also where each is of one test: a worker begins one only once it knows the next."""
    files = {f"one_{number}": "def test_alone():\n    pass\n" for number in range(4)}
    files |= {"larger": f"{STUCK['nothing']}\ndef test_rest():\n    pass\n"}
    code, said = run(files, "1")
    assert code == 1 and "1 failed, 5 passed" in said


def test_a_test_that_takes_long_is_named_while_it_runs(run, tmp_path):
    (tmp_path / "conftest.py").write_text("from tests import progress\nprogress.LONG, progress.PAUSE = 0.2, 0.1\n")
    code, said = run({"slow": "import time\ndef test_slow():\n    time.sleep(0.8)\n"}, "1")
    assert code == 0
    assert "test_slow.py::test_slow has been running for 0:00" in said
