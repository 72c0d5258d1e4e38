"""A user's own file that has the name of one of our packages is named, in one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

import pilotage_command

ROOT = Path(pilotage_command.__file__).parent
COMMAND = "import pilotage_command; pilotage_command.main()"


def python(code, folder, *arguments):
    path = f"import sys; sys.path[:0] = [{str(folder)!r}]; sys.path.append({str(ROOT)!r}); "
    return subprocess.run(
        [sys.executable, "-P", "-c", path + code, *arguments], capture_output=True, text=True, cwd=folder
    )


@pytest.fixture(params=["file", "folder"])
def stranger(request, tmp_path):
    def make(name):
        place = tmp_path / name / "__init__.py" if request.param == "folder" else tmp_path / f"{name}.py"
        place.parent.mkdir(exist_ok=True)
        place.write_text("x = 1\n")
        return place.parent if request.param == "folder" else place

    return make


@pytest.mark.parametrize("name", pilotage_command.PACKAGES)
def test_the_command_names_the_file_and_does_nothing_else(stranger, tmp_path, name):
    place = stranger(name)
    done = python(COMMAND, tmp_path, "--help")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {place} is found before pilotage's own package '{name}': rename it")
    assert done.stderr.count("\n") == 1 and done.stdout == ""


@pytest.mark.parametrize("name", ["memory", "navigator"])
def test_importing_the_agent_names_it_too(stranger, tmp_path, name):
    place = stranger(name)
    done = python("from pilotage import agent", tmp_path)
    assert done.stderr.splitlines()[-1].startswith(f"ImportError: {place} is found before")


def test_folders_that_python_does_not_import_from_do_no_harm(tmp_path):
    (tmp_path / "memory").mkdir()
    (tmp_path / "agent").mkdir()
    done = python("from pilotage import agent; print(agent.Task.__module__)", tmp_path)
    assert (done.stdout, done.stderr) == ("pilotage.agent.task\n", "")


def test_the_command_works_where_nothing_is_in_the_way(tmp_path):
    done = python(COMMAND, tmp_path, "--help")
    assert done.returncode == 0 and "solve" in done.stdout
