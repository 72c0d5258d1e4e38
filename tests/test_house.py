"""The house: who may import whom, and that no room outgrows a reader."""

import ast
import importlib
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("agent", "common", "memory", "navigator")
BELOW = {"agent": {"common", "memory", "navigator"}, "memory": {"common"}, "navigator": {"common"}, "common": set()}
LINES = 350
FACADES = {"memory/store.py": 600, "agent/runner.py": 450}
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
