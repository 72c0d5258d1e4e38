"""What is built and installed: one import name, whatever the user's own files are called."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PARTS = ("agent", "common", "memory", "navigator")
HELLO = """
import agent, memory, navigator  # the user's own
assert (agent.MINE, memory.MINE, navigator.MINE) == (1, 2, 3)
from pilotage import ConceptStore, ReasoningAgent, ScriptedChatModel, load_policy
with ConceptStore.temporary() as store, ReasoningAgent(ScriptedChatModel({"": "Answer: 42"}), memory=store) as solver:
    print(solver.solve("What is 6*7?").answer)
import pilotage
assert pilotage.__version__.count(".") == 2
"""


def build(folder, out):
    code = "import sys; from hatchling.cli import hatchling; sys.exit(hatchling())"
    subprocess.run([sys.executable, "-c", code, "build", "-d", str(out)], cwd=folder, check=True)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The sdist, unpacked."""
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder / "first")
    with tarfile.open(next((folder / "first").glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("pilotage-*"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The wheel that is built from the sdist, as an index does."""
    folder = tmp_path_factory.mktemp("wheel")
    build(sdist, folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The interpreter of an environment that holds the wheel, and this environment's libraries behind it."""
    return environment_with(tmp_path_factory.mktemp("installed"), str(wheel))


def environment_with(folder, *what):
    """The interpreter of a new environment that `what` is installed in, with this environment's libraries behind it."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = next((folder / "lib").glob("python*/site-packages"))
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "_libraries.pth").write_text(
        f"{libraries}\n"
    )  # its own .pth files, the checkout's among them, are not read
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            *what,
        ],
        check=True,
    )
    return python


@pytest.fixture
def beside(tmp_path):
    """A user's folder with files that have our folders' names."""
    (tmp_path / "agent.py").write_text("MINE = 1\n")
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "__init__.py").write_text("MINE = 2\n")
    (tmp_path / "navigator.py").write_text("MINE = 3\n")
    return tmp_path


def run(command, folder):
    environment = {**os.environ, "PYTHONPATH": str(folder), "PILOTAGE_HOME": str(folder / "home")}
    return subprocess.run([*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_wheel_has_one_name_and_every_file(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "pilotage",
        next(n for n in names if "dist-info" in n).split("/")[0],
    }
    tracked = subprocess.run(["git", "ls-files", *PARTS], cwd=ROOT, capture_output=True, text=True).stdout.split()
    expected = tracked or [str(p.relative_to(ROOT)) for part in PARTS for p in (ROOT / part).rglob("*.py")]
    assert {f"pilotage/{name}" for name in expected} <= set(names)
    assert "pilotage/py.typed" in names


def test_a_folder_with_such_names_of_its_own_is_in_nobodys_way(installed, beside):
    hello = run([installed, "-c", HELLO], beside)
    assert (hello.stdout, hello.returncode) == ("42\n", 0), hello.stderr
    (beside / "script.py").write_text(HELLO)
    assert run([installed, beside / "script.py"], beside).stdout == "42\n"


def test_the_command_and_a_policy_run_from_the_wheel(installed, beside):
    for command in ([installed, "-m", "pilotage"], [installed.with_name("pilotage")]):
        done = run([*command, "policy", "show", "network"], beside)
        assert done.returncode == 0 and "cql" in done.stdout, done.stderr


@pytest.mark.parametrize("links", [None, "as files"])
def test_an_archive_serves_as_a_checkout(sdist, tmp_path, beside, links):
    folder = tmp_path / "unpacked"
    shutil.copytree(sdist, folder)
    for part in PARTS if links else ():  # as what knows no links unpacks them
        (folder / "src" / "pilotage" / part).write_text(f"../../{part}")
    broken = subprocess.run(
        [sys.executable, "-c", "import pilotage"], cwd=folder / "src", capture_output=True, text=True
    )
    assert broken.returncode == 1
    assert "lacks its links to the folders agent, common" in broken.stderr.splitlines()[-1]
    python = environment_with(tmp_path / "env", "--no-build-isolation", "-e", str(folder))
    hello = run([python, "-c", HELLO], beside)
    assert (hello.stdout, hello.returncode) == ("42\n", 0), hello.stderr
    where = run([python, "-c", "import pilotage.agent; print(pilotage.agent.__file__)"], beside).stdout.strip()
    assert Path(where).resolve() == (folder / "agent" / "__init__.py").resolve()


@pytest.mark.parametrize("name", PARTS)
def test_no_part_loads_under_another_name(name):
    done = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].startswith(f"ImportError: import pilotage.{name}, not {name}: ")


def required_by(requirements):
    """Names of the distributions that some requirements bring, those included."""
    found, left = set(), list(requirements)
    while left:
        requirement = Requirement(left.pop())
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        try:
            left += [*(distribution(name).requires or ())]
            extras = requirement.extras
        except PackageNotFoundError:
            continue
        for needed in map(Requirement, distribution(name).requires or ()):
            if needed.marker and any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                left.append(str(needed).partition(";")[0])
    return found


def test_every_public_name_is_there_without_any_extra():
    """What is imported by name must come with the core's own requirements, whatever else is installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core = required_by(project["dependencies"]) | {"pilotage"}
    extra = sorted(
        module
        for module, owners in packages_distributions().items()
        if module.isidentifier() and not {canonicalize_name(owner) for owner in owners} & core
    )
    assert {"fastapi", "starlette", "torch", "gymnasium"} <= set(extra)
    code = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {set(extra)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
import pilotage
for name in pilotage.__all__:
    getattr(pilotage, name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
