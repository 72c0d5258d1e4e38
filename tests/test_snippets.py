"""The Python of the docs runs as it is printed: each snippet alone, or behind those that it says it goes on from.

What a reader brings stands in for itself by something that is quick and needs no account: `STAND_INS`, and the files of
`brought`.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.navigator.banks import learnable_bank
from tests.navigator.report.evaluations import evaluation
from tests.servers import free_port, started

ROOT = Path(__file__).parents[1]
SCRIPT = f"scripted:{ROOT / 'examples' / 'script.json'}"
STAND_INS = {
    '"embedded"': f'"{SCRIPT}"',
    '"openai:gpt-4o-mini"': f'"{SCRIPT}"',
    '"postgresql+psycopg://user@host/memory", index="http://localhost:8000"': '"memory"',
    '"postgresql://user:password@host/pilotage", index="http://localhost:8000"': '"memory"',
    "seeds=5": "seeds=1, steps=40",
    "episodes=300": "episodes=4",
    "size=40": "size=12",
    "folds=5": "folds=2",
}
GOES_ON = re.compile(r" *# goes on from above")
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])


def snippets(page):
    """The programs of a page: each snippet with those that go on from it."""
    text = re.sub(r"^````.*?^````", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)  # what a model wrote
    programs = []
    for found in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if GOES_ON.match(found):
            programs[-1] += found
        else:
            programs.append(found)
    return programs


CASES = [
    pytest.param(program, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, program in enumerate(snippets(page), 1)
]


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    """What a reader has beside the snippets: a checkout's examples, a bank, runs to judge by, an evaluation."""
    folder = tmp_path_factory.mktemp("brought")
    (folder / "examples").symlink_to(ROOT / "examples")
    learnable_bank(folder / "BANK")
    (folder / "evaluation.json").write_text(json.dumps(evaluation(tasks=40)))
    tasks = [{"id": f"t{number}", "prompt": f"What is {number} plus 1?", "gold": number + 1} for number in range(12)]
    (folder / "t.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    command = [str(Path(sys.executable).with_name("pilotage")), "solve", "--tasks", "t.jsonl", "--out", "runs.jsonl"]
    how = ["--model", SCRIPT, "--memory", "none", "--policy", "epsilon=0.3:rules"]
    subprocess.run([*command, *how], cwd=folder, env=environment(folder), check=True, capture_output=True)
    return folder


def environment(folder):
    return {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}


SERVER = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of `pilotage serve`, for clients of it."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    command = [str(Path(sys.executable).with_name("pilotage")), "serve", "--model", SCRIPT, "--memory", "none"]
    url = f"http://127.0.0.1:{port}"
    with started([*command, "--port", port], f"{url}/health", cwd=folder, env=environment(folder)):
        yield url


@pytest.mark.parametrize("program", CASES)
def test_a_snippet_runs_as_it_is_printed(program, brought, tmp_path, request):
    if SERVER in program:
        program = program.replace(SERVER, request.getfixturevalue("server"))
    for file in brought.iterdir():
        (tmp_path / file.name).symlink_to(file)
    for shown, quick in STAND_INS.items():
        program = program.replace(shown, quick)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
