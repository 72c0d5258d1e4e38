"""The house: who may import whom, and that no room outgrows a reader."""

import ast
import importlib
import re
from collections import defaultdict
from pathlib import Path

import pytest

from pilotage.agent import ReasoningAgent

ROOT = Path(__file__).parents[1]
PACKAGES = ("agent", "common", "memory", "navigator")
BELOW = {"agent": {"common", "memory", "navigator"}, "memory": {"common"}, "navigator": {"common"}, "common": set()}
LINES = 350
FACADES = {"memory/store.py": 600, "agent/runner.py": 460}
"""Classes that a person reads from top to bottom, and so may be longer."""
FILES = 20


def modules():
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            yield path.relative_to(ROOT), ast.parse(path.read_text())


def imported(tree):
    """Full names of the project's modules that a file imports when it runs: not those for type checkers alone."""
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ImportFrom)
            and id(node) not in for_types
            and (node.module or "").startswith("pilotage.")
        ):
            for name in node.names:
                inner = Path(*node.module.split(".")[1:], name.name)
                is_module = (ROOT / inner).is_dir() or (ROOT / inner).with_suffix(".py").exists()
                yield inner.parts if is_module else inner.parent.parts


def room(parts):
    """What a module belongs to: a folder of a package with all below it, or a file in the package itself."""
    return "/".join(Path(*parts).with_suffix("").parts[:2])


def test_arrows_between_packages_point_down_only():
    upward = {
        str(path): sorted(wanted)
        for path, tree in modules()
        if (wanted := {parts[0] for parts in imported(tree)} - BELOW[path.parts[0]] - {path.parts[0]})
    }
    assert not upward


def test_no_rooms_import_each_other_in_a_circle():
    arrows = defaultdict(set)
    for path, tree in modules():
        if path.name != "__init__.py" or len(path.parts) > 2:  # a package's door names all its rooms, for those outside
            arrows[room(path.parts)] |= {room(parts) for parts in imported(tree)} - {room(path.parts)}
    while bottom := {name for name, below in arrows.items() if not below & arrows.keys()}:
        for name in bottom:
            del arrows[name]
    assert not arrows, {name: sorted(below & arrows.keys()) for name, below in arrows.items()}


def test_no_file_and_no_folder_outgrows_its_name():
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    sizes = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert not {name: size for name, size in sizes.items() if size > FACADES.get(name, LINES)}
    folders = {path.parent for path in files}
    assert not {str(f): n for f in folders if (n := len(list(f.glob("*.py")))) > FILES}


@pytest.mark.parametrize("package", ["", ".agent", ".agent.models", ".memory", ".navigator"])
def test_everything_a_package_names_is_there(package):
    module = importlib.import_module(f"pilotage{package}")
    assert module.__all__ == sorted(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize("package", ["", ".agent", ".agent.models", ".memory"])
def test_a_lazy_package_names_the_same_to_type_checkers_and_at_run_time(package):
    module = importlib.import_module(f"pilotage{package}")
    [checked] = [
        node
        for node in ast.parse(Path(module.__file__).read_text()).body
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING"
    ]
    seen = {name.name: line.module.removeprefix(f"{module.__name__}.") for line in checked.body for name in line.names}
    loaded = module._PACKAGE if package == "" else module._MODULE
    assert seen == loaded
    assert set(module.__all__) == loaded.keys()


BARE = re.compile(rf"(?<![\w./-])({'|'.join(PACKAGES)})\.([A-Za-z]\w*)")
OF_AN_AGENT = {*dir(ReasoningAgent), "components", "memory"}
"""What a variable that is called `agent` has, too."""


def texts():
    """Every string of the code, docstrings and parts of f-strings among them, and every page, by file."""
    for folder in (*PACKAGES, "src/pilotage", "benchmarks", "examples"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield path, node.value
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")):
        yield path, path.read_text()


def bare_names(text):
    """Names in a text that only `pilotage.` before them makes importable."""
    for package, name in BARE.findall(text):
        place = ROOT / package / name
        there = place.is_dir() or place.with_suffix(".py").exists()
        if package == "agent" and name in OF_AN_AGENT:
            continue
        if there or name in getattr(importlib.import_module(f"pilotage.{package}"), "__all__", ()):
            yield f"{package}.{name}"


def test_no_text_names_a_module_by_a_name_that_cannot_be_imported():
    assert list(bare_names("see `navigator.Decision`, agent.banks.collect and (memory.store)")) == [
        "navigator.Decision",
        "agent.banks",
        "memory.store",
    ]
    assert not list(bare_names("pilotage.agent.banks, docs/navigator.md, agent.solve(task), your own agent.py"))
    found = {(str(path.relative_to(ROOT)), name) for path, text in texts() for name in bare_names(text)}
    assert not found
