"""One registry: the docs name every block, in its order."""

import re
from pathlib import Path

from pilotage.agent.blocks import BUILT_IN

DOCS = Path(__file__).parents[2] / "docs"


def test_the_docs_list_the_blocks_in_registry_order():
    table = re.findall(r"^\| `(\w+)` \|", (DOCS / "how-it-works.md").read_text(), re.MULTILINE)
    assert table == [block.name for block in BUILT_IN]


def test_the_docs_show_the_example_block_as_it_is():
    example = (DOCS.parent / "examples" / "own_block.py").read_text()
    shown = re.search(r"class Estimate.*?candidate=candidate\)", (DOCS / "extending.md").read_text(), re.DOTALL)
    assert shown is not None and shown.group() in example
