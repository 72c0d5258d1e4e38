import subprocess
import sys
import textwrap

import pytest

from pilotage.memory.adapters.langgraph.store import PilotageStore
from pilotage.memory.concept import ConceptDraft
from pilotage.memory.store import ConceptStore
from tests.servers import chroma_url, postgres, postgres_url  # noqa: F401  (fixtures)

COST = ConceptDraft(
    title="Total cost of a purchase",
    cues=("prices and quantities are given and the total cost is asked",),
    implementation=("total = price * quantity", "print(total)"),
)
SPELL = ConceptDraft(
    title="Reverse the letters of each word",
    cues=("a sentence whose words must be spelled backwards",),
    implementation=("print(' '.join(word[::-1] for word in sentence.split()))",),
)
GRID = ConceptDraft(
    title="Rotate a matrix",
    cues=("a square matrix has to be rotated clockwise",),
    implementation=("rotated = [list(row) for row in zip(*matrix[::-1])]",),
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "memory"


@pytest.fixture
def store(folder):
    with ConceptStore.open(folder, embedder="hash") as store:
        yield store


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, folder):
    """Where a memory may be: a folder, and a database of a real server."""
    return folder if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def lite(folder):
    """A store of items on SQLite alone, for what no database has a part in."""
    with PilotageStore.open(folder, embedder="hash", fields=["text"]) as store:
        yield store


def keys(items):
    return [item.key for item in items]


@pytest.fixture
def python():
    """Runs a piece of Python in a fresh process and fails with its output if it fails."""

    def run(code, *arguments):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
