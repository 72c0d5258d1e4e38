"""The walks that the architecture page takes a reader on are those that the code takes."""

import subprocess
import sys
from pathlib import Path

import pytest
import walks

RAN = {name: [f"agent/{name}{place}.py" for place in range(3)] for name in walks.TITLES}


def page(walked, **changes):
    """A document that holds these walks."""
    empty = "\n".join(
        f"### {title}: on its way (0 files)\n\nFrom a to b.\n\n| room | files |\n|---|---|\n| `x/` | 1 `y.py` |\n"
        for title in walks.TITLES.values()
    )
    return walks.documented(empty + "\n## What follows\n\n| a | b |\n|---|---|\n", walked, **changes)


def test_the_page_lists_what_runs():
    command = [sys.executable, walks.__file__, "--check"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(walks.__file__).parents[1])
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_page_is_right_in_its_own_order_and_wrong_where_a_file_is_missing_or_too_much():
    text = page(RAN)
    assert "### A question: on its way (3 files)" in text and "| `agent/` | 1 `question0.py`, 2 `question1.py`" in text
    assert text.endswith("\n## What follows\n\n| a | b |\n|---|---|\n") and walks.documented(text, RAN) == text
    turned = {name: files[::-1] for name, files in RAN.items()}
    assert walks.documented(text, turned, in_its_order=True) == text != walks.documented(text, turned)
    for files in (RAN["state"][:2], [*RAN["state"], "agent/more.py"]):
        assert walks.documented(text, {"state": files}, in_its_order=True) != text


def test_what_ran_is_not_named_again_beside_the_walk():
    with pytest.raises(SystemExit, match="take it out of BESIDE"):
        page({"question": ["agent/events.py"]})
