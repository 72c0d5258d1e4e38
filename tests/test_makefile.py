"""`make setup` tells what pip does while it does it, and leaves nothing that looks finished where pip failed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"
PIP = """#!/bin/sh
i=0; while [ $i -lt 50 ]; do i=$((i + 1)); echo "Collecting package-$i"; done
echo "Obtaining file:///pilotage"; i=1; while [ $i -lt 25 ]; do i=$((i + 1)); echo "Processing ./package-$i.whl"; done
echo "Installing collected packages: a, b, c"
i=0; while [ ! -e told ] && [ $i -lt 300 ]; do i=$((i + 1)); sleep 0.1; done
test -e told && exit $(cat told)
echo "nothing was told meanwhile"; exit 9
"""


@pytest.fixture
def setup(tmp_path):
    """`make setup` with a pip that installs only when the file `told` is there, and ends as that says."""
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    shutil.copy(MAKEFILE, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PIP)
    python.chmod(0o755)
    # What the make that runs these tests hands to the makes below it would have them name their folders.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    started = subprocess.Popen(["make", "setup"], cwd=tmp_path, env=environ, stdout=-1, stderr=-1, text=True)
    with started:
        yield started


@pytest.mark.parametrize("code", [0, 1])
def test_set_up_tells_what_pip_does_while_it_does_it(setup, tmp_path, code):
    assert setup.stdout is not None
    told = []
    for line in setup.stdout:
        if line == "  all found; installing 3 packages that are not in .venv yet\n":
            (tmp_path / "told.new").write_text(str(code))
            (tmp_path / "told.new").rename(tmp_path / "told")
            break
        told.append(line)
    assert told[0].startswith("installing pilotage")
    assert told[1:] == [f"  {found} packages found so far\n" for found in (25, 50, 75)]
    last = [line for line in setup.stdout if line]
    assert [line.startswith("set-up done. Next: make demo") for line in last] == ([True] if code == 0 else [])
    errors = setup.stderr.read()
    assert (setup.wait() == 0) is (code == 0), errors
    assert (tmp_path / ".venv" / ".pilotage-setup").exists() is (code == 0)
    assert "nothing was told" not in (tmp_path / ".venv" / "setup.log").read_text()
    assert ("set-up failed" in errors) is (code == 1)
