"""A command line for `pilotage bench`, with tasks and a scripted model."""

import json
from functools import partial
from pathlib import Path

import pytest

from tests.agent.bench.peering import fake_environments

SCRIPT = f"scripted:{Path(__file__).parents[3] / 'examples' / 'script.json'}"
METHODS = ("fixed:reason,answer", "fixed:program,answer", "strategy:self-consistency;n=3")


def write_tasks(path, number=4):
    """Tasks of which every other one has the answer that the script gives."""
    tasks = [{"id": f"q{n}", "prompt": f"Box {n}: what is 48 times 10?", "gold": 480 + n % 2} for n in range(number)]
    Path(path).write_text("".join(json.dumps(task) + "\n" for task in tasks))


@pytest.fixture
def bench(command_line):
    """Runs `pilotage bench` on four tasks with three methods and a script, into the folder `o`."""
    write_tasks("t.jsonl")
    run = partial(command_line, "bench", "--tasks", "t.jsonl", "--model", SCRIPT, "--out", "o")
    return lambda *options, methods=METHODS: run(*(["--methods", *methods] if methods else []), *options)


@pytest.fixture
def environments(tmp_path):
    """A folder with an environment of its_hub whose Python runs the fake."""
    return fake_environments(tmp_path / "environments")


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]
