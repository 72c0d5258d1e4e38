"""`pilotage arc replicate`: arms and repeats are runs of `arc solve`; one table says what they come to."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pilotage.agent.arc.runs import RunResults
from tests.agent.arc.made_up import record, write

COMMAND = str(Path(sys.executable).with_name("pilotage"))
FLIP = "```python\ndef transform(grid):\n    flipped = grid[:, ::-1]\n    return flipped\n```"
KEEP = "```python\ndef transform(grid):\n    return grid\n```"
PUZZLES = {f"flip{n}": record((([[n, 2, 0]], [[0, 2, n]]),), (([[8, 5, n]], [[n, 5, 8]]),)) for n in range(1, 5)} | {
    "odd": record((([[1, 2]], [[9, 9]]),), (([[4, 5]], [[9, 8]]),))
}
PROTOCOL = """
about = "A small one"
[puzzles]
split = "p.json"
[solving]
temperature = 0.3
samples = {samples}
retries = 1
repair = true
[repeats]
seeds = {seeds}
[seed]
source = "{source}"
split = "seeds.json"
[[arm]]
name = "no memory"
memory = "none"
[[arm]]
name = "Taught"
memory = "{memory}"
seeded = {seeded}
starting_concepts = {starting}
learn_every = {every}
"""
PLAIN = {
    "samples": 1, "seeds": [0, 2], "source": "none", "memory": "programs", "seeded": "false", "starting": "true",
    "every": 2,
}  # fmt: skip
REPLICATE = ("arc", "replicate", "mine.toml", "--model", "scripted:s.json", "--out", "R")


def state(folder, **others):
    (folder / "mine.toml").write_text(PROTOCOL.format(**{**PLAIN, **others}))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PILOTAGE_EMBEDDER", "hash")
    write(tmp_path / "p.json", PUZZLES)
    write(tmp_path / "s.json", {"rules": {"numpy array": [FLIP, KEEP], "": "{}"}})
    state(tmp_path)
    return tmp_path


def test_each_arm_and_repeat_is_a_run_and_the_table_has_their_means(here, command_line):
    code, out, err = command_line(*REPLICATE)
    assert code == 0, err
    assert "Taught, seed 2" in err and "after 1 retry" not in err
    told = json.loads((here / "R" / "results.json").read_text())
    assert [arm["name"] for arm in told["arms"]] == ["no memory", "Taught"] and told["puzzles"] == len(PUZZLES)
    for arm, folder in zip(told["arms"], ("no-memory", "taught"), strict=True):
        runs = [here / "R" / folder / f"seed-{seed}" for seed in (0, 2)]
        scores = [command_line("arc", "score", run, "--json").json for run in runs]
        last = arm["after"][-1]
        assert last["official"]["value"] == pytest.approx(sum(one["official"]["value"] for one in scores) / 2)
        assert last["strict"]["value"] == pytest.approx(sum(one["strict"]["value"] for one in scores) / 2)
        assert last["calls"] == sum(RunResults(run).usage.llm_calls for run in runs) > 0
        first = [RunResults(run, before=1).usage.llm_calls for run in runs]
        assert arm["after"][0]["calls"] == sum(first) <= last["calls"]
        assert command_line("arc", "page", runs[0], "--out", "page.html").code == 0
    assert command_line("arc", "compare", here / "R/no-memory/seed-0", here / "R/taught/seed-0").code == 0
    table = (here / "R" / "results.md").read_text()
    assert "| Taught | 1 retry |" in table and "Taught against no memory" in table and "A small one" in table
    assert "no memory" in out and "means over 2 runs of each arm" in out
    before = {file: file.read_bytes() for file in (here / "R").rglob("pass-*.jsonl")}
    again = command_line(*REPLICATE, "--resume", "--json").json
    assert again == told and {file: file.read_bytes() for file in before} == before, "nothing is solved twice"


def test_a_run_of_an_arm_is_what_arc_solve_makes(here, command_line):
    assert command_line(*REPLICATE).code == 0
    how = ("--policy", "fixed:program,answer", "--temperature", "0.3", "--retries", "1", "--repair", "--no-direct")
    asked = ("arc", "solve", "--split", "p.json", "--model", "scripted:s.json", "--out", "S", "--seed", "2", *how)
    single = command_line(*asked, "--no-cache", "--json").json
    assert command_line("arc", "score", "R/no-memory/seed-2", "--json").json["scores"] == single["scores"]
    same = ("task_id", "route", "answer", "score", "seed", "policy")
    for number in (0, 1):
        ours, theirs = (
            [json.loads(line) for line in (here / folder / f"pass-{number}.jsonl").read_text().splitlines()]
            for folder in ("S", "R/no-memory/seed-2")
        )
        assert [[one[name] for name in same] for one in ours] == [[one[name] for name in same] for one in theirs]


def test_a_retry_is_for_what_fails_on_training_pairs_and_is_shown_how_it_failed(here, command_line):
    write(
        here / "s.json", {"rules": {r"instead of\s[\s\S]*is wrong with the rule": FLIP, "numpy array": KEEP, "": "{}"}}
    )
    state(here, seeds=[0])
    assert command_line(*REPLICATE).code == 0
    first, again = (
        [json.loads(line) for line in (here / "R/no-memory/seed-0" / f"pass-{number}.jsonl").read_text().splitlines()]
        for number in (0, 1)
    )
    assert {one["task_id"] for one in first} == {one["task_id"] for one in again} == set(PUZZLES)
    assert {one["task_id"] for one in again if one["verified"]} == set(PUZZLES) - {"odd"}
    assert all(one["usage"]["llm_calls"] == 1 for one in (*first, *again))
    after = json.loads((here / "R/results.json").read_text())["arms"][0]["after"]
    assert [one["official"]["value"] for one in after] == [0, 0.8]


def test_a_solved_puzzle_is_not_tried_again_though_its_test_is_wrong(here, command_line):
    write(here / "p.json", {"trap": record((([[1, 2]], [[2, 1]]),), (([[4, 5]], [[7, 7]]),))})
    write(here / "s.json", {"rules": {"numpy array": FLIP, "": "{}"}})
    state(here, seeds=[0])
    assert command_line(*REPLICATE).code == 0
    assert not (here / "R/no-memory/seed-0/pass-1.jsonl").exists(), "tests have no part in what is tried again"


def test_arms_begin_with_what_they_state(here, command_line):
    (here / "programs").mkdir()
    write(here / "seeds.json", {"taught": record((([[6, 7]], [[7, 6]]),), (([[1, 7]], [[7, 1]]),))})
    (here / "programs" / "taught.py").write_text(
        "def transform(grid):\n    mirrored = grid[:, ::-1]\n    return mirrored\n"
    )
    lesson = {
        "title": "Reverse every row",
        "when": "Rows of the input come back reversed.",
        "steps": ["Reverse each row."],
    }
    write(here / "p.json", {"odd": PUZZLES["odd"]})
    rules = {"numpy array": KEEP, "title: name": json.dumps(lesson), "": "{}"}
    write(here / "s.json", {"rules": rules})
    for memory, kind in (("lessons", "lesson"), ("programs", "routine")):
        state(here, seeds=[2], source="programs", memory=memory, seeded="true", starting="false", every=0)
        code, _, err = command_line(*REPLICATE[:-1], f"of-{memory}")
        assert code == 0 and "taught: 1 concept" in err, err
        held = command_line("memory", "list", "--memory", f"of-{memory}/taught/seed-2/memory", "--json").json
        assert [one["kind"] for one in held] == [kind] and ("mirrored = " in str(held)) == (kind == "routine")
        told = json.loads((here / f"of-{memory}" / "results.json").read_text())
        assert told["seeded"][0]["usage"]["llm_calls"] == 1
        assert command_line(*REPLICATE[:-1], f"of-{memory}", "--resume", "--json").json == told, "it is seeded once"
    state(here, seeds=[2], source="of-lessons/taught/seed-2/memory", seeded="true", every=0)
    assert command_line(*REPLICATE[:-1], "both").code == 0
    held = command_line("memory", "list", "--memory", "both/taught/seed-2/memory", "--limit", "99", "--json").json
    assert len(held) > 25 and "Reverse every row" in str(held) and "Gravity" in str(held)


@pytest.mark.parametrize("as_memory", [True, False])
def test_a_seed_that_teaches_what_is_judged_is_refused_before_a_call(here, command_line, as_memory):
    (here / "programs").mkdir()
    write(here / "seeds.json", {"other-name": PUZZLES["flip1"]})
    (here / "programs" / "other-name.py").write_text(
        "def transform(grid):\n    turned = grid[:, ::-1]\n    return turned\n"
    )
    if as_memory:
        seed = ("arc", "seed", "programs", "--split", "seeds.json", "--memory", "m", "--embedder", "hash")
        assert command_line(*seed, "--model", "scripted:s.json").code == 0
    state(here, source="m" if as_memory else "programs", seeded="true")
    code, out, err = command_line(*REPLICATE)
    assert code == 2 and not out and "teaches 1 of the 5 puzzles that are judged (flip1)" in err
    assert not (here / "R").exists()
    assert command_line(*REPLICATE, "--ids", "odd").code == 0, "others may be judged"


@pytest.mark.parametrize(
    ("more", "others", "why"),
    [
        ((), {}, "holds a replication already; add --resume"),
        (("--resume", "--limit", "2"), {}, "holds a replication of other puzzles"),
        (("--resume", "--ids", "flip1"), {}, "holds a replication of other puzzles"),
        (("--resume",), {"every": 3}, "holds a replication of another protocol"),
        (("--resume", "--model", "scripted:t.json"), {}, "holds a replication by"),
        (("--resume", "--max-calls", "2"), {}, "was made with max_calls"),
        (("--resume", "--sandbox", "subprocess"), {}, "could read there what their tests become"),
        (("--resume", "--sandbox", "none"), {}, "run in isolation or not at all"),
        (("--seed-from", "nowhere"), {}, "there is no folder nowhere"),
        (("--out", "p.json/x"), {}, "p.json is a file"),
        (("--out", "."), {}, "holds other things"),
    ],
)
def test_what_cannot_be_replicated_is_told_in_a_sentence(here, command_line, more, others, why):
    write(here / "p.json", {"flip1": PUZZLES["flip1"]})
    state(here, seeds=[0])
    assert command_line(*REPLICATE).code == 0
    write(here / "t.json", {"rules": {"": KEEP}})
    state(here, seeds=[0], **others)
    before = {file: file.read_bytes() for file in (here / "R").rglob("*") if file.is_file()}
    code, out, err = command_line(*REPLICATE, *more)
    assert code == 2 and not out and why in err and err.strip().count("\n") <= 1, err
    assert all(file.read_bytes() == kept for file, kept in before.items() if file.suffix in (".jsonl", ".json"))


def test_puzzles_without_known_outputs_are_not_begun(here, command_line):
    write(here / "p.json", {"hid": record((([[1, 2]], [[2, 1]]),), (([[4, 5]], None),), hidden=True)})
    code, _, err = command_line(*REPLICATE)
    assert code == 2 and "holds no outputs of hid" in err and not (here / "R").exists()


class Endpoint(BaseHTTPRequestHandler):
    """A model that turns rows around for some prompts and seeds, and keeps count of its calls."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.calls += 1
        time.sleep(0.03)
        said = "\n".join(str(message["content"]) for message in asked["messages"])
        drawn = sha256(f"{asked.get('seed')}{said}".encode()).digest()[0] % 2
        text = (FLIP if drawn else KEEP) if "transform(grid)" in said else "{}"
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        reply = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [message]}
        kind, content = "application/json", json.dumps(reply | {"usage": usage})
        if asked.get("stream"):
            piece = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "usage": usage}
            piece["choices"] = [{"index": 0, "finish_reason": "stop", "delta": {"role": "assistant", "content": text}}]
            kind, content = "text/event-stream", f"data: {json.dumps(piece)}\n\ndata: [DONE]\n\n"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_): ...


@pytest.fixture
def endpoint():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.daemon_threads, server.calls, server.lock = True, 0, threading.Lock()
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield server
    server.shutdown()
    serving.join()
    server.server_close()


def acknowledged(folder):
    """The whole lines of every results file."""
    return {
        file: [line for line in file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        for file in sorted(folder.rglob("pass-*.jsonl"))
    }


def calls_in(lines):
    return sum(json.loads(line)["usage"]["llm_calls"] for each in lines.values() for line in each)


def test_a_killed_replication_goes_on_and_pays_no_finished_call_again(here, endpoint):
    state(here, samples=2)
    url = f"http://127.0.0.1:{endpoint.server_port}/v1"
    asked = [COMMAND, "arc", "replicate", "mine.toml", "--model", "m", "--base-url", url, "--no-cache"]
    own = {"PILOTAGE_HOME": str(here / "home"), "XDG_CACHE_HOME": str(here / "cache"), "OPENAI_API_KEY": "EMPTY"}
    environment = {**os.environ, **own}

    def run(out, *more):
        done = subprocess.run([*asked, "--out", out, *more], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    killed = subprocess.Popen([*asked, "--out", "K", "--concurrency", "2"], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    second = here / "K" / "taught" / "seed-0" / "pass-0.jsonl"  # in the middle of the second arm
    while time.monotonic() < deadline and not (second.exists() and second.read_bytes().count(b"\n") >= 2):
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    before = acknowledged(here / "K")
    assert len(before[second]) < len(PUZZLES) and not (here / "K" / "results.json").exists()
    endpoint.calls = 0
    resumed = run("K", "--resume", "--json", "--concurrency", "2")
    after = acknowledged(here / "K")
    assert all(after[file][: len(lines)] == lines for file, lines in before.items()), "what was acknowledged stays"
    assert endpoint.calls == calls_in(after) - calls_in(before) > 0, "no finished call is paid again"
    whole = run("W", "--json", "--concurrency", "2")
    assert [arm["after"] for arm in resumed["arms"]] == [arm["after"] for arm in whole["arms"]]
    assert resumed["differences"] == whole["differences"]
