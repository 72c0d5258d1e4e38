"""One registry: the docs name every block, in its order."""

import re
from pathlib import Path

import pytest

from pilotage.agent.blocks import BUILT_IN

DOCS = Path(__file__).parents[2] / "docs"


def test_the_docs_list_the_blocks_in_registry_order():
    table = re.findall(r"^\| `(\w+)` \|", (DOCS / "how-it-works.md").read_text(), re.MULTILINE)
    assert table == [block.name for block in BUILT_IN]


def test_the_docs_show_the_example_block_as_it_is():
    example = (DOCS.parent / "examples" / "own_block.py").read_text()
    shown = re.search(r"class Estimate.*?candidate=candidate\)", (DOCS / "extending.md").read_text(), re.DOTALL)
    assert shown is not None and shown.group() in example


PAGES = [*DOCS.glob("*.md"), DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_folder_that_the_docs_name_is_there(page):
    named = re.findall(
        r"(?<![\w./-])((?:agent|memory|navigator|common|benchmarks|examples|tests)/[\w/]*(?:\.\w+)?)", page.read_text()
    )
    missing = [name for name in named if not (DOCS.parent / name).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_the_docs_name_is_there(page):
    for name in set(re.findall(r"\bpilotage\.[a-z_]+(?:\.[a-z_]+)+", page.read_text())):
        inner = DOCS.parent.joinpath(*name.split(".")[1:])
        inside = inner.is_dir() or inner.with_suffix(".py").exists()
        door = inner.parent.is_dir() or inner.parent.with_suffix(".py").exists()
        assert inside or door, name


def test_every_page_is_in_the_navigation():
    navigation = (DOCS.parent / "zensical.toml").read_text()
    assert not [page.name for page in DOCS.glob("*.md") if f'"{page.name}"' not in navigation]
