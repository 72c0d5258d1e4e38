"""Every example runs, as its own process, with a scripted model."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# The others print what the script answers.
PROFIT, ROUND_UP = "Profit of a sale", "Round up"
EXPECTED = {"remember.py": PROFIT, "mcp_client.py": PROFIT, "own_embedder.py": ROUND_UP, "own_index.py": ROUND_UP}
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_is_short(example, tmp_path):
    assert len(example.read_text().splitlines()) <= 50
    command = [sys.executable, str(example), f"scripted:{ROOT / 'examples' / 'script.json'}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert EXPECTED.get(example.name, "480") in done.stdout
    assert not done.stderr


def test_every_example_is_in_the_readme_of_examples():
    index = (ROOT / "docs" / "examples.md").read_text()
    assert all(example.name in index for example in EXAMPLES)
