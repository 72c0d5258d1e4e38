"""The command line at its edges: pipes, places that cannot be written, Ctrl-C, a home with a tilde."""

import errno
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pilotage.agent.cli.failure import sentence_and_code
from tests.navigator.banks import learnable_bank
from tests.navigator.report.evaluations import evaluation
from tests.servers import process_of

ROOT = Path(__file__).parents[2]
SCRIPT = f"scripted:{ROOT / 'examples' / 'script.json'}"
COMMAND = [str(Path(sys.executable).with_name("pilotage"))]
QUESTION = "A crate holds 12 boxes of 8 pens. How many pens are in 5 crates?"
SOLVE = ("--model", SCRIPT, "--memory", "none", "--policy", "fixed:reason", "--json")


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    (tmp_path / "user").mkdir()


@pytest.mark.parametrize("given", ["-", None, "@q.txt", "@~/q.txt"])
def test_a_question_comes_from_a_pipe_or_a_file(command_line, tmp_path, given):
    for folder in (tmp_path, tmp_path / "user"):
        (folder / "q.txt").write_text(f"\ufeff{QUESTION}\n")
    typed = command_line("solve", QUESTION, *SOLVE).json
    found = command_line("solve", *([given] if given else []), *SOLVE, stdin=f"\ufeff{QUESTION}\r\n").json
    assert found["answer"] == "480" and found["task_id"] == typed["task_id"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (["solve"], "", "give either a question or --tasks"),
        (["solve", "-"], " \n", "the question is empty"),
        (["solve", "@none.txt"], None, "@none.txt names a file that cannot be read: no such file"),
        (["solve", "@"], None, "cannot be read"),
        (["solve", "q", "--tasks", "t.jsonl"], None, "not both"),
        (["solve", "word " * 5000, "--model", SCRIPT, "--memory", "none"], None, "give --max-tokens"),
    ],
)
def test_what_is_no_question_is_one_sentence(command_line, arguments, stdin, sentence):
    said = command_line(*arguments, stdin=stdin)
    assert said.code == 2 and sentence in said.err and len(said.err.splitlines()) == 1


def test_a_policy_that_a_question_gets_past_is_told_and_the_kind_can_be_said(command_line):
    solve = ("solve", "Which number is one sixth of a gross?", "--model", SCRIPT, "--memory", "none", "--json")
    vote = "strategy:self-consistency;n=3"
    code, out, err = command_line(*solve, "--policy", vote)
    assert code == 0 and json.loads(out)["route"] == ["answer"]
    assert f"answered directly, without {vote}: --kind numeric or --kind text" in err
    code, out, err = command_line(*solve, "--policy", vote, "--kind", "numeric")
    assert code == 0 and not err and len(json.loads(out)["route"]) == 2
    assert command_line(*solve, "--kind", "open")[2] == ""
    assert "write numeric, text or open" in command_line(*solve, "--kind", "grid")[2]


def test_results_are_not_gone_on_with_under_another_model_of_confidence_or_another_second_model(command_line, tmp_path):
    Path("t.jsonl").write_text("".join(json.dumps({"prompt": f"{n}: {QUESTION}", "gold": 480}) + "\n" for n in "ab"))
    shipped = ROOT / "navigator" / "confidence" / "pretrained" / "default.json"
    Path("c.json").write_bytes(shipped.read_bytes())
    Path("second.json").write_text('{"rules": {"": "Answer: 1"}}')
    given = ("--min-confidence", "0.9", "--confidence", "c.json", "--escalate-to", "scripted:second.json")
    solve = ("solve", "--tasks", "t.jsonl", "--model", SCRIPT, "--memory", "none", "--out", "r.jsonl", *given)
    assert command_line(*solve, "--limit", "1").code == 0
    before = Path("r.jsonl").read_bytes()
    for file, content, named in (
        ("c.json", json.dumps(json.loads(shipped.read_text()) | {"ridge": 9.0}), "confidence file"),
        ("second.json", '{"rules": {"": "Answer: 2"}}', "second model"),
    ):
        kept = Path(file).read_bytes()
        Path(file).write_text(content)
        code, _, err = command_line(*solve, "--resume")
        assert code == 2 and named in err and Path("r.jsonl").read_bytes() == before
        Path(file).write_bytes(kept)
    assert command_line(*solve, "--resume").code == 0


def test_runs_that_a_limit_ended_are_counted(command_line):
    Path("t.jsonl").write_text(json.dumps({"prompt": QUESTION, "gold": 480}) + "\n")
    solve = ("solve", "--tasks", "t.jsonl", "--model", SCRIPT, "--memory", "none", "--policy", "fixed:program,reason")
    assert re.search(r"ended by a limit +1 by max_calls", command_line(*solve, "--max-calls", "1").err)
    assert "ended by a limit" not in command_line(*solve).err


def test_more_draws_than_a_run_has_blocks_are_refused(command_line):
    solve = ("solve", QUESTION, "--model", SCRIPT, "--memory", "none", "--policy")
    code, out, err = command_line(*solve, "vote:8")
    assert code == 2 and not out and "vote:8 needs 9 blocks and the budget has 8: give --max-steps 9" in err
    assert command_line(*solve, "agree:2,9").code == 2
    assert command_line(*solve, "epsilon=0.1:vote:8").err == err
    assert command_line(*solve, "vote:7").code == 0


def test_a_question_that_is_no_text_is_refused(command_line, tmp_path):
    (tmp_path / "q").write_bytes(b"\xff\xfe\x00")
    said = command_line("solve", "@q")
    assert said.code == 2 and "is not UTF-8 text" in said.err


def test_bytes_in_the_arguments_that_are_no_text_stop_nothing(command_line):
    assert command_line("solve", "What is 480 \udcff?", *SOLVE).json["answer"].endswith("480")


@pytest.mark.parametrize("out", ["file/deep/x.safetensors", "folder"])
@pytest.mark.parametrize(
    "command",
    [
        ["solve", QUESTION, *SOLVE, "--out"],
        ["solve", "--tasks", "t.jsonl", *SOLVE, "--out"],
        ["bank", "split", "b", "--out"],
        ["bank", "score", "b", "--out"],
        ["memory", "export"],
    ],
    ids=" ".join,
)
def test_a_file_that_cannot_be_made_is_one_sentence(command_line, tmp_path, command, out):
    _messy(tmp_path)
    said = command_line(*command, out, *(["--memory", "m"] if command[0] == "memory" else []))
    assert said.code in (1, 2) and said.err.startswith("error: ") and len(said.err.splitlines()) == 1, said.err
    assert out.partition("/")[0] in said.err


@pytest.mark.parametrize("out", ["file", "file/deep"])
@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "--bank", "b", "--policy", "random", "--out"],
        ["report", "e.json", "--out"],
        ["collect", "--tasks", "t.jsonl", "--model", SCRIPT, "--out"],
        ["bank", "merge", "b", "--out"],
        ["bank", "export", "b", "--minari"],
        ["train", "--bank", "b", "--out"],
    ],
    ids=" ".join,
)
def test_a_folder_that_cannot_be_made_is_one_sentence(command_line, tmp_path, command, out):
    _messy(tmp_path)
    if command[0] == "report":
        given = evaluation(learned=1, baselines=1, families=2, tasks=20, resamples=20)
        (tmp_path / "e.json").write_text(json.dumps(given))
    said = command_line(*command, out + (".safetensors" if command[0] == "train" and "/" in out else ""))
    assert said.code == 2 and said.err.startswith("error: ") and len(said.err.splitlines()) == 1, said.err
    assert "file" in said.err


def _messy(folder):
    (folder / "file").write_text("x")
    (folder / "folder").mkdir()
    (folder / "t.jsonl").write_text('{"id": "a", "prompt": "What is 480?", "gold": 480}\n')
    learnable_bank("b", tasks=9, depth=2)
    from pilotage.memory.store import ConceptStore

    ConceptStore.open("m", embedder="hash").close()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EMFILE, errno.ENAMETOOLONG, errno.EIO])
def test_what_the_machine_refuses_is_one_sentence_that_names_the_place(code):
    sentence, exit_code = sentence_and_code(OSError(code, os.strerror(code), "the/place"))
    assert exit_code == 1 and sentence.startswith("the/place: ") and "; " in sentence


@pytest.mark.parametrize("code", [errno.ECONNREFUSED, errno.EADDRINUSE, errno.EPIPE, errno.ENOENT])
def test_another_place_is_advised_only_where_it_helps(code):
    sentence, _ = sentence_and_code(OSError(code, os.strerror(code)))
    assert "another place" not in sentence and not sentence.endswith("; ")


def test_errors_are_told_apart_where_the_navigator_cannot_be_imported(monkeypatch):
    from pilotage.memory.errors import LedgerError
    from pilotage.navigator.errors import BankError

    assert sentence_and_code(BankError("no bank")) == ("no bank", 2)
    for name in [name for name in sys.modules if name.startswith("pilotage.navigator")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    assert sentence_and_code(LedgerError("no ledger")) == ("no ledger", 1)
    assert sentence_and_code(KeyError("x")) is None
    assert not any(name.startswith("pilotage.navigator") for name in sys.modules)


def test_not_every_error_of_sqlite_is_one_of_the_checkpoints():
    assert sentence_and_code(sqlite3.OperationalError("no such table: mine")) is None


def test_nothing_is_written_over_without_being_told(command_line, tmp_path):
    _messy(tmp_path)
    for command in (["bank", "split", "b", "--out", "file"], ["memory", "export", "file", "--memory", "m"]):
        refused = command_line(*command)
        assert refused.code == 2 and "add --force" in refused.err
        assert (tmp_path / "file").read_text() == "x"
        assert command_line(*command, "--force").code == 0
        assert (tmp_path / "file").read_text() != "x"
        (tmp_path / "file").write_text("x")
    (tmp_path / "p.safetensors").write_text("x")
    refused = command_line("train", "--bank", "b", "--algo", "linear", "--out", "p.safetensors")
    assert refused.code == 2 and "add --force" in refused.err and (tmp_path / "p.safetensors").read_text() == "x"
    (tmp_path / "folder" / "evaluation.json").write_text("x")
    refused = command_line("evaluate", "--bank", "b", "--policy", "random", "--out", "folder")
    assert refused.code == 2 and "add --force" in refused.err


def test_a_tilde_is_the_same_home_for_everything(command_line, monkeypatch, tmp_path):
    monkeypatch.setenv("PILOTAGE_HOME", "~/data")
    from pilotage.common.paths import models_dir

    assert models_dir() == tmp_path / "user" / "data" / "models"
    add = ("memory", "add", "--title", "T", "--cue", "c", "--embedder", "hash")
    assert command_line(*add).code == 0
    assert command_line(*add, "--memory=~/other").code == 0
    monkeypatch.setenv("PILOTAGE_MEMORY", "~/third")
    assert command_line(*add).code == 0
    assert command_line("memory", "export", "~/e.jsonl").code == 0
    learnable_bank("b", tasks=9, depth=2)
    assert command_line("bank", "split", "b", "--out=~/parts.json").code == 0
    assert {one.name for one in (tmp_path / "user").iterdir()} == {"data", "other", "third", "e.jsonl", "parts.json"}
    assert not (tmp_path / "~").exists()


def test_a_first_question_goes_on_without_the_memory_that_nobody_asked_for(command_line, monkeypatch):
    monkeypatch.delenv("PILOTAGE_MEMORY", raising=False)
    asked = ("solve", QUESTION, "--model", SCRIPT, "--policy", "fixed:reason", "--json")
    said = command_line(*asked)
    assert said.json["answer"] == "480"
    assert "pilotage models pull minilm" in said.err and len(said.err.splitlines()) == 1
    named = command_line(*asked, "--memory", "m")
    assert named.code == 1 and "models pull" in named.err


def test_json_goes_to_standard_output_also_while_a_bar_is_shown_on_a_terminal(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"id": "a", "prompt": "What is 480?", "gold": 480}\n')
    screen, end = os.openpty()
    threading.Thread(target=_read_all, args=(screen,), daemon=True).start()
    done = subprocess.run(
        [*COMMAND, "solve", "--tasks", "t.jsonl", *SOLVE],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=end,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PILOTAGE_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "TERM": "xterm"},
    )
    os.close(end)
    assert done.returncode == 0
    assert json.loads(done.stdout)["answer"] == "480"


def _read_all(screen):
    """Reads a terminal until nobody writes to it any more: it holds little, and then makes who writes wait."""
    with suppress(OSError), open(screen, "rb", buffering=0) as shown:
        while shown.read(4096):
            pass


@pytest.mark.parametrize("command", [["graph"], ["doctor"], ["models", "list"]], ids=" ".join)
def test_what_is_told_is_told_as_json_too(command_line, command):
    assert command_line(*command, "--json").json


ENDLESS = ("solve", "--tasks", "t.jsonl", "--model", SCRIPT, "--memory", "none", "--policy", "fixed:reason")


@pytest.mark.parametrize("out", [(), ("--out", "r.jsonl")])
def test_ctrl_c_says_what_is_kept_and_how_to_go_on(tmp_path, out):
    with _solving(tmp_path, *out) as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    last = err.splitlines()[-1]
    assert "Traceback" not in err and last.startswith("interrupted; ")
    if out:
        done = (tmp_path / "r.jsonl").read_text().count("\n")
        assert f"{done} result" in last and "--resume" in last
    else:
        assert "no --out was given" in last


def test_pressing_ctrl_c_again_and_again_leaves_no_traceback(tmp_path):
    with _solving(tmp_path) as process:
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        assert process.returncode in (130, -signal.SIGINT)
        assert "Traceback" not in process.stderr.read()


@contextmanager
def _solving(folder, *more):
    """A process that solves more tasks than it will be left time for, once it has solved one."""
    tasks = [{"id": f"t{number}", "prompt": f"What is {number}?", "gold": 480} for number in range(20_000)]
    (folder / "t.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    home = {"PILOTAGE_HOME": str(folder / "home"), "XDG_CACHE_HOME": str(folder / "cache")}
    with process_of(
        [*COMMAND, *ENDLESS, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **home},
    ) as process:
        assert any(line.startswith("t0: ") for line in process.stderr)
        yield process


@pytest.mark.parametrize("out", [["--out", ""], ["--out="]])
def test_an_empty_place_is_not_taken_for_the_current_folder(command_line, tmp_path, out):
    learnable_bank(tmp_path / "bank", tasks=6)
    (tmp_path / "t.jsonl").write_text('{"id": "a", "question": "2+2?", "answer": "4"}\n')
    for command in (
        ["evaluate", "--bank", "bank", "--policy", "best-fixed", *out],
        ["collect", "--tasks", "t.jsonl", "--model", SCRIPT, *out],
        ["train", "--bank", "bank", *out],
        ["bank", "info", ""],
    ):
        said = command_line(*command)
        assert said.code == 2 and "is empty: name a file or a folder" in said.err, said
    assert not (tmp_path / "evaluation.json").exists() and not (tmp_path / "bank.json").exists()
