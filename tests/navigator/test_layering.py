"""Arrows point down only: navigator and memory know neither each other nor agent."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {"navigator": {"agent", "memory"}, "memory": {"agent", "navigator"}}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_lower_package_imports_no_other(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    offenders = {str(path): sorted(FORBIDDEN[package] & set(imports(path))) for path in files}
    assert not {path: names for path, names in offenders.items() if names}


@pytest.mark.parametrize("package", ["agent", "memory", "navigator"])
def test_no_file_outgrows_its_name(package):
    long = {str(p): n for p in (ROOT / package).rglob("*.py") if (n := len(p.read_text().splitlines())) > 350}
    assert not long


@pytest.mark.parametrize("package", ["agent", "memory", "navigator"])
def test_everything_a_package_names_is_there(package):
    import importlib

    module = importlib.import_module(package)
    assert module.__all__ == sorted(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
