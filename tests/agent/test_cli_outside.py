"""What comes from outside as nobody expects it: closed streams, input without end, JSON that is nested deeply."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.memory import ConceptStore
from tests.navigator.banks import learnable_bank
from tests.servers import process_of

ROOT = Path(__file__).parents[2]
SCRIPT = f"scripted:{ROOT / 'examples' / 'script.json'}"
COMMAND = str(Path(sys.executable).with_name("pilotage"))
QUESTION = "A crate holds 12 boxes of 8 pens. How many pens are in 5 crates?"
SOLVE = ("--model", SCRIPT, "--memory", "none", "--policy", "fixed:reason")
DEEP = "[" * 100_000
FAIRLY_DEEP = "[" * 900 + "]" * 900
LONG = "9" * 6000


@pytest.fixture
def environment(tmp_path):
    return {**os.environ, "PILOTAGE_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def shell(line, environment, folder, *arguments):
    command = ["sh", "-c", line, COMMAND, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=300)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_error_and_loses_no_result(environment, tmp_path, closed):
    done = shell(f'"$0" "$@" {closed}', environment, tmp_path, "solve", QUESTION, *SOLVE, "--json", "--out", "r.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "r.jsonl").read_text())["answer"] == "480"
    if ">&-" not in closed.split():
        assert json.loads(done.stdout)["answer"] == "480"


def test_a_question_from_a_closed_stream_is_none(environment, tmp_path):
    done = shell('"$0" "$@" <&-', environment, tmp_path, "solve", "-", *SOLVE)
    assert (done.returncode, done.stderr) == (2, "error: the question is empty\n")


def test_a_full_disk_is_told_without_noise(environment, tmp_path):
    done = shell('"$0" "$@" > /dev/full', environment, tmp_path, "solve", QUESTION, *SOLVE)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_reader_that_leaves_is_met_without_noise(environment, tmp_path, lines):
    done = shell(f'"$0" "$@" | head -{lines}', environment, tmp_path, "solve", QUESTION, *SOLVE)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize("given", ["-", "@/dev/zero"])
def test_a_question_without_end_is_refused(environment, tmp_path, given):
    done = shell('"$0" "$@" < /dev/zero', environment, tmp_path, "solve", given, *SOLVE)
    assert done.returncode == 2 and "has more than 10 MB" in done.stderr and len(done.stderr.splitlines()) == 1


def test_ctrl_c_during_the_first_imports_is_quiet(environment, tmp_path):
    (tmp_path / "typer.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(600)\n")
    environment["PYTHONPATH"] = str(tmp_path)
    with process_of([COMMAND, "--help"], stdout=-1, stderr=-1, text=True, env=environment) as process:
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (130, "")


@pytest.mark.parametrize("text", [DEEP, FAIRLY_DEEP, f'{{"a": {LONG}}}'], ids=["deep", "fairly deep", "long number"])
@pytest.mark.parametrize("place", ["resume", "runs", "script", "set", "tasks"])
def test_json_that_cannot_be_read_is_one_sentence(command_line, tmp_path, place, text):
    (tmp_path / "bad.json").write_text(text + "\n")
    (tmp_path / "t.jsonl").write_text(json.dumps({"prompt": QUESTION}) + "\n")
    arguments = {
        "resume": ("solve", "--tasks", "t.jsonl", *SOLVE, "--out", "bad.json", "--resume"),
        "runs": ("estimate", "--policy", "fixed:reason", "--runs", "bad.json", "--tasks", "t.jsonl"),
        "script": ("solve", QUESTION, "--model", f"scripted:{tmp_path / 'bad.json'}", "--memory", "none"),
        "set": ("memory", "edit", "x", "--set", f"cues=[{text}]", "--memory", str(tmp_path / "m")),
        "tasks": ("solve", "--tasks", "bad.json", *SOLVE),
    }[place]
    said = command_line(*arguments)
    assert said.code in (1, 2) and "Traceback" not in said.err and said.err, said
    assert "RecursionError" not in said.err and len(said.err) < 5000


@pytest.mark.parametrize("file", ["bank.json", "tasks"])
def test_a_bank_that_is_nested_deeply_is_damaged(command_line, tmp_path, file):
    learnable_bank(tmp_path / "bank")
    damaged = next((tmp_path / "bank" / file).iterdir()) if file == "tasks" else tmp_path / "bank" / file
    damaged.write_text(DEEP + "\n")
    said = command_line("bank", "verify", tmp_path / "bank")
    assert said.code in (1, 2) and "damaged" in said.out + said.err and "Traceback" not in said.err


def test_settings_that_are_nested_deeply_cannot_be_read(command_line, tmp_path):
    (tmp_path / "pilotage.toml").write_text(f"model = {DEEP}")
    said = command_line("solve", QUESTION)
    assert said.code == 2 and said.err.startswith("error: pilotage.toml cannot be read: ")


def test_a_line_that_cannot_be_read_leaves_the_others(command_line, tmp_path):
    lines = [json.dumps({"id": "good", "prompt": QUESTION}), f'{{"prompt": "p", "n": {LONG}}}', DEEP, FAIRLY_DEEP]
    (tmp_path / "t.jsonl").write_text("\n".join(lines) + "\n")
    said = command_line("solve", "--tasks", "t.jsonl", *SOLVE)
    assert said.code == 1 and said.err.count("left out t.jsonl:") == 3 and "good: " in said.err


def test_a_size_of_thousands_of_digits_is_no_number(command_line):
    said = command_line("solve", "--tasks", f"t.jsonl;size={LONG}", *SOLVE)
    assert said.code == 2 and "needs a whole number" in said.err and len(said.err) < 500


def test_what_is_invisible_or_endless_is_shown_as_such(command_line, tmp_path):
    ids = ["x" * 300_000, "a\u200bb\U000e0041"]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"id": id, "prompt": QUESTION}) + "\n" for id in ids))
    said = command_line("solve", "--tasks", "t.jsonl", *SOLVE, "--json")
    assert [json.loads(line)["task_id"] for line in said.out.splitlines()] == ids
    assert not set("\u200b\U000e0041") & set(said.out + said.err)
    said = command_line("solve", "--tasks", "t.jsonl", *SOLVE)
    assert "a\\u200bb\\U000e0041: " in said.err + said.out and len(said.err + said.out) < 5000


def test_no_results_file_is_made_where_the_model_is_missing(command_line, tmp_path):
    said = command_line("solve", QUESTION, "--model", "embedded", "--memory", "none", "--out", "r.jsonl")
    assert said.code != 0 and "pilotage models pull" in said.err
    assert not (tmp_path / "r.jsonl").exists()


def test_a_data_folder_that_is_none_is_named(command_line, monkeypatch):
    monkeypatch.setenv("PILOTAGE_HOME", "/dev/null")
    said = command_line("solve", QUESTION, "--model", SCRIPT)
    assert said.code == 1 and said.err.startswith("error: /dev/null: this is no folder") and "pull" not in said.err


FEW = """
import resource, sys
from pilotage.memory import ConceptStore
store = ConceptStore.open(sys.argv[1], embedder='hash')
store.search('warm up the imports of a scan')
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), {hard}))
from pilotage.memory.search.chroma_embedded import _readable
from pathlib import Path
try:
    with _readable(Path('index')):
        held = []
        while True: held.append(open('/dev/null'))
except OSError as error:
    print(error.errno)
"""


def test_an_index_that_lacks_descriptors_is_not_damaged(tmp_path):
    with ConceptStore.open(tmp_path / "m", embedder="hash"):
        pass
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    code = FEW.format(hard=hard)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m"), "40"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.stdout == "24\n", done.stderr
