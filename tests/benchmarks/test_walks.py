"""The page of the architecture lists the files that three walks pass, and no other."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_lists_of_the_page_are_the_walks():
    command = [sys.executable, str(ROOT / "benchmarks" / "walks.py"), "--json"]
    walks = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    parts = (ROOT / "docs" / "architecture.md").read_text().split("\n### ")[1:]
    assert len(parts) == len(walks)
    for part, (name, passed) in zip(parts, walks.items(), strict=True):
        rows = re.findall(r"^\| `([\w/]+/)` \| (.+) \|$", part.split("\n## ")[0], re.MULTILINE)
        listed = [room + file for room, files in rows for file in re.findall(r"`([^`]+)`", files)]
        assert part.lower().startswith(f"a {name}".replace("a state", "a recorded state"))
        assert sorted(listed) == sorted(passed)
