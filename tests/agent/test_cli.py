"""The command as people type it: as a process, with its exit codes and its one clear sentence."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.agent.settings import settings_from

ROOT = Path(__file__).parents[2]
SCRIPT = f"scripted:{ROOT / 'examples' / 'script.json'}"
QUESTION = "A crate holds 12 boxes of 8 pens. How many pens are in 5 crates?"


@pytest.fixture
def pilotage(tmp_path):
    """Runs the command in an empty folder with a home of its own."""

    def run(*arguments, **variables):
        home = {"PILOTAGE_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        return subprocess.run(
            [str(Path(sys.executable).with_name("pilotage")), *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **home, **variables},
        )

    return run


def test_solve_shows_the_route_the_cost_and_the_answer(pilotage):
    done = pilotage("solve", QUESTION, "--model", SCRIPT, "--memory", "none", "--policy", "rules")
    assert done.returncode == 0, done.stderr
    for shown in ("program", "nothing was computed yet", "check agrees", "Answer: 480", "program → verify → answer"):
        assert shown in done.stdout


def test_solve_as_json_prints_one_object_and_nothing_else(pilotage):
    done = pilotage("solve", QUESTION, "--model", SCRIPT, "--memory", "none", "--json", "--out", "one.jsonl")
    assert json.loads(done.stdout)["answer"] == "480"


def test_a_rerun_is_replayed_from_the_cache(pilotage):
    asked = ("solve", QUESTION, "--model", SCRIPT, "--memory", "none", "--policy", "rules", "--json")
    first, second = (json.loads(pilotage(*asked).stdout)["usage"] for _ in range(2))
    assert first["replayed_calls"] == 0
    assert second["replayed_calls"] == second["llm_calls"] == 2
    assert first["prompt_tokens"] == second["prompt_tokens"]


def test_a_malformed_line_is_named_and_the_others_run(pilotage, tmp_path):
    lines = ['{"id": "a", "prompt": "What is 480?", "gold": 480}', "{oops", '{"id": "c", "gold": 1}']
    (tmp_path / "t.jsonl").write_text("\n".join(lines) + "\n")
    done = pilotage("solve", "--tasks", "t.jsonl", "--out", "r.jsonl", "--model", SCRIPT, "--memory", "none")
    assert done.returncode == 1
    assert "t.jsonl" in done.stderr and "2" in done.stderr and "3" in done.stderr
    results = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [(one["task_id"], one["score"]) for one in results] == [("a", 1.0)]
    assert "100.0%" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["solve"], 2, "give either a question or --tasks"),
        (["solve", "  "], 2, "the question is empty"),
        (["solve", "1+1=?", "--model", "nonsense"], 2, "names no model"),
        (["solve", "1+1=?", "--model", SCRIPT, "--policy", "fixed:ponder"], 2, "unknown action 'ponder'"),
        (["solve", "1+1=?", "--model", SCRIPT, "--policy", "psychic"], 2, "unknown policy 'psychic'"),
        (["solve", "1+1=?", "--model", SCRIPT, "--policy", "peer:optillm/moa"], 2, "`pilotage bench --methods`"),
        (["solve", "1+1=?", "--model", SCRIPT, "--observation", "psychic"], 2, "choose from free, probe"),
        (["solve", "1+1=?", "--model", SCRIPT, "--sandbox", "psychic"], 2, "unknown sandbox mode"),
        (["solve", "1+1=?", "--model", SCRIPT, "--max-tokens", "10"], 2, "too small for one step"),
        (["solve", "1+1=?", "--model", SCRIPT, "--max-steps", "0"], 2, "max_steps"),
        (["solve", "1+1=?", "--model", "embedded:0.5b"], 1, "pilotage models pull"),
        (["solve", "1+1=?", "--model", "missing.gguf"], 1, "missing.gguf"),
        (["solve", "1+1=?", "--model", "gpt-x", "--base-url", "http://127.0.0.1:9/v1"], 1, "127.0.0.1:9"),
        (["solve", "--tasks", "missing.jsonl", "--model", SCRIPT], 2, "missing.jsonl"),
        (["solve", "--tasks", "gym:no_such_family", "--model", SCRIPT], 2, "no_such_family"),
        (["models", "pull", "no-such-model"], 2, "no-such-model"),
        (["models", "path", "smollm2"], 1, "pilotage models pull smollm2"),
    ],
)
def test_bad_input_is_one_clear_sentence(pilotage, tmp_path, arguments, code, sentence):
    memory = [] if arguments[0] == "models" else ["--memory", "none"]
    done = pilotage(*arguments, *memory)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert done.returncode == code
    assert not (tmp_path / "home").exists() or not any((tmp_path / "home").rglob("*.partial"))


def test_a_corrupt_model_file_is_one_clear_sentence(pilotage, tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(1000))
    done = pilotage("solve", "1+1=?", "--model", "broken.gguf", "--memory", "none")
    assert done.returncode == 1
    assert "broken.gguf" in done.stderr and "Traceback" not in done.stderr


def test_flags_come_before_variables_before_the_file_before_defaults(pilotage, tmp_path):
    (tmp_path / "pilotage.toml").write_text(
        f'model = "{SCRIPT}"\nmemory = "none"\npolicy = "fixed:plan,answer"\nseed = 5\n'
    )
    by_file = json.loads(pilotage("solve", QUESTION, "--json").stdout)
    assert (by_file["policy"], by_file["seed"]) == ("fixed:plan,answer", 5)
    by_variable = json.loads(pilotage("solve", QUESTION, "--json", PILOTAGE_POLICY="fixed:reason,answer").stdout)
    assert (by_variable["policy"], by_variable["seed"]) == ("fixed:reason,answer", 5)
    by_flag = pilotage("solve", QUESTION, "--json", "--policy", "fixed:answer", PILOTAGE_POLICY="fixed:reason,answer")
    assert json.loads(by_flag.stdout)["policy"] == "fixed:answer"


@pytest.mark.parametrize(
    ("content", "complaint"), [("sead = 5", "sead"), ("seed = 'five'", "seed"), ("seed = ", "pilotage.toml")]
)
def test_a_wrong_settings_file_says_what_is_wrong(tmp_path, monkeypatch, content, complaint):
    from pilotage.agent.errors import UsageError

    monkeypatch.chdir(tmp_path)
    (tmp_path / "pilotage.toml").write_text(content)
    with pytest.raises(UsageError, match=complaint):
        settings_from({})


def test_what_the_doctor_finds_is_json_too(pilotage):
    findings = json.loads(pilotage("doctor", "--json").stdout)
    found = {finding["what"]: finding for finding in findings}
    assert found["sandbox"]["ok"]
    assert not found["weights smollm2"]["ok"]
    assert found["weights smollm2"]["remedy"] == "pilotage models pull smollm2"


def test_the_graph_is_drawn(pilotage):
    drawn = pilotage("graph").stdout
    assert all(name in drawn for name in ("recall", "navigate", "verify", "answer", "learn"))


@pytest.mark.parametrize(
    ("imported", "absent"),
    [
        ("pilotage", ("numpy", "pydantic", "torch", "chromadb", "transformers", "langgraph")),
        ("pilotage.agent", ("torch", "chromadb", "transformers", "langgraph")),
        ("pilotage.agent.cli", ("numpy", "pilotage.navigator", "pydantic", "torch", "chromadb", "gymnasium")),
    ],
)
def test_imports_stay_light(imported, absent):
    code = f"import {imported}, sys; print([name for name in {absent} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_version_is_told(pilotage):
    done = pilotage("--version")
    assert (done.returncode, done.stderr) == (0, "") and re.fullmatch(r"pilotage \d+\.\d+\.\d+\n", done.stdout)


def test_no_weights_are_fetched_where_one_name_is_unknown(command_line):
    said = command_line("models", "pull", "minilm", "no-such-model")
    assert said.code == 2 and "no-such-model" in said.err and "fetching" not in said.err
