"""The run of a comparison: whole pairs, resumed after whatever ended it; bad input is refused before a call."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pilotage.agent import ReasoningAgent
from pilotage.agent.batch.results import ResultsFile
from pilotage.agent.bench.methods import Method, methods_of
from pilotage.agent.bench.run import Lane, solve_by_all
from pilotage.agent.cli.outputs import gone_if_refused
from pilotage.agent.errors import ModelUnavailable, UsageError
from pilotage.agent.models import ModelClient, RetryPolicy
from pilotage.agent.models.scripted import Fault
from pilotage.agent.routing.policies import policy_label
from pilotage.agent.task import Task
from pilotage.common.locks import FileLock
from tests.agent.bench.conftest import METHODS, SCRIPT, lines, write_tasks
from tests.agent.strategies.skilled import skilled
from tests.together import TogetherChatModel


def files(folder="o"):
    return sorted(Path(folder).glob("*.jsonl"))


def test_each_method_has_a_file_and_each_task_is_done_by_all_before_the_next(tmp_path):
    client, order = ModelClient(skilled(0.7)), []
    tasks = [Task(id=f"t{n}", prompt=f"{n}: right or wrong?", kind="text", gold="right") for n in range(3)]
    methods = methods_of(["fixed:reason,answer", "strategy:self-consistency;n=3"])
    lanes = []
    for method in methods:
        results = ResultsFile(tmp_path / f"{method.stem}.jsonl", resume=False, settings={})
        for repeat in range(2):
            agent = ReasoningAgent(client, policy=method.policy, seed=repeat, sandbox="none")
            lanes.append(Lane(method, repeat, agent, results))
    asyncio.run(solve_by_all(lanes, tasks, on_run=lambda method, run: order.append((run.seed, run.task_id, method))))
    for lane in lanes:
        lane.results.close()
    assert order == [(seed, task.id, method) for seed in range(2) for task in tasks for method in methods]
    for method in methods:
        found = lines(tmp_path / f"{method.stem}.jsonl")
        assert sorted((line["order"], line["task_id"]) for line in found) == [
            (r, t.id) for r in range(2) for t in tasks
        ]
    drawn = found[0]
    draws = drawn["steps"][0]["draws"]
    assert drawn["draw_scores"] == [float(draw["candidate"] == "right") for draw in draws] and len(draws) == 3


def test_a_torn_line_is_solved_anew_and_nothing_else(bench):
    assert bench("--repeats", "2").code == 0
    whole = {path: path.read_bytes() for path in files()}
    assert len(whole) == 3 and all(len(lines(path)) == 8 for path in whole)
    torn = files()[0]
    torn.write_bytes(whole[torn][:-20])
    code, _, err = bench("--repeats", "2", "--resume")
    assert code == 0 and len(lines(torn)) == 8 and "8 of 8 tasks" in err and "6 of 8" not in err
    for path in files()[1:]:
        assert path.read_bytes() == whole[path]


def test_more_repeats_and_more_methods_go_on_with_what_is_there(bench):
    bench(methods=METHODS[:2])
    before = {path: path.read_bytes() for path in files()}
    assert bench("--repeats", "2", "--resume").code == 0
    assert all(path.read_bytes().startswith(content) for path, content in before.items())
    assert [len(lines(path)) for path in files()] == [8, 8, 8]


def test_killed_outright_it_loses_no_run_that_was_finished(tmp_path):
    write_tasks(tmp_path / "t.jsonl", 40)
    script = tmp_path / "slow.json"
    script.write_text(json.dumps({"rules": {"": "It is 480.\nAnswer: 480"}, "latency": 0.05}))
    command = [sys.executable, "-m", "pilotage", "bench", "--tasks", "t.jsonl", "--model", f"scripted:{script}"]
    command += ["--methods", "fixed:reason,answer", "strategy:self-consistency;n=3", "--out", "o", "--json"]
    environment = {"PILOTAGE_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ | environment, stderr=subprocess.DEVNULL)
    while not process.poll() and sum(path.read_bytes().count(b"\n") for path in files(tmp_path / "o")) < 5:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path: path.read_bytes().rpartition(b"\n")[0] for path in files(tmp_path / "o")}
    assert 0 < sum(content.count(b"\n") for content in before.values()) < 78
    done = subprocess.run([*command, "--resume"], cwd=tmp_path, env=os.environ | environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    for path, content in before.items():
        assert path.read_bytes().startswith(content) and len(lines(path)) == 40


@pytest.mark.parametrize(
    ("options", "methods", "said"),
    [
        ((), ("defalt",), "unknown policy 'defalt' (did you mean default?)"),
        ((), ("strategy:self-consistancy",), "did you mean self-consistency?"),
        ((), ("strategy:self-consistency;m=3",), "has no parameter 'm'"),
        ((), ("rules", "rules"), "'rules' stands twice among the methods"),
        ((), ("strategy:best-of-n;n=8;scorer=judge",), "--max-calls"),
        (("--max-calls", "4"), ("strategy:self-consistency;n=5",), "needs 5 calls and the budget has 4"),
        (("--sandbox", "none"), ("strategy:self-consistency;route=program",), "there is no sandbox"),
        (("--prices", "none.toml"), ("rules",), "the prices none.toml cannot be read: No such file or directory\n"),
        (("--prompt-weight", "inf"), ("rules",), "--prompt-weight inf is no weight"),
        (("--map", "prompt=query"), ("rules",), "there is no field 'query'"),
        (("--tasks", "nowhere.jsonl"), ("rules",), "nowhere.jsonl can't be read"),
        (("--tasks", "bare.jsonl"), ("rules",), None),
    ],
)
def test_bad_input_is_one_sentence_before_any_call(bench, options, methods, said):
    Path("bare.jsonl").write_text('{"prompt": "What is 6 times 7?"}\n')
    if said is None:
        Path("t.jsonl").write_text('{"prompt": "Say something."}\n')
        said = "none of the 2 tasks has an answer to compare with"
    if methods[0].endswith("judge"):
        options = ("--max-calls", "8")
    code, out, err = bench(*options, methods=methods)
    assert code == 2 and said in err and out == "" and len(err.splitlines()) == 1
    assert not any(path.stat().st_size for path in files())


def test_what_is_no_command_of_it_is_named(command_line):
    code, _, err = command_line("bench", "serch", "--tasks", "t.jsonl")
    assert code == 2 and "no command 'serch' (did you mean search?)" in err


def test_nothing_goes_on_without_a_folder(command_line):
    write_tasks("t.jsonl")
    code, _, err = command_line("bench", "--tasks", "t.jsonl", "--methods", "rules", "--model", SCRIPT, "--resume")
    assert code == 2 and "give the folder by --out" in err


@pytest.mark.parametrize("options", [("--max-tokens", "5000"), ("--seed", "3"), ("--model", "scripted:other.json")])
def test_results_of_another_model_budget_or_seed_are_refused(bench, options):
    Path("other.json").write_text('{"rules": {"": "Answer: 1"}}')
    assert bench().code == 0
    assert "add --resume to go on, or choose another --out" in bench().err
    code, _, err = bench("--resume", *options)
    assert code == 2 and "was made with" in err and "choose another --out" in err and len(err.splitlines()) == 1


def test_no_task_is_compared_with_the_others_to_leave_out_what_cannot_be_graded(bench, monkeypatch):
    """A whole task takes long to compare, and all pairs of a large data set minutes."""
    with Path("t.jsonl").open("a") as file:
        file.write('{"prompt": "Say something."}\n')

    def compared(*_):
        raise AssertionError("two tasks were compared")

    monkeypatch.setattr(Task, "__eq__", compared)
    code, _, err = bench()
    assert code == 0 and "t-5: nothing says what is right" in err and all(len(lines(path)) == 4 for path in files())


def failing(bench, *options, methods=("fixed:reason,answer",)):
    return bench("--model", "scripted:s.json", "--no-cache", *options, methods=methods)


def test_what_failed_runs_cost_is_counted_when_they_are_tried_again(bench):
    write_tasks("t.jsonl", 2)
    Path("s.json").write_text('{"rules": {"": ""}}')
    first = failing(bench)
    assert first.code == 1 and "no run of fixed:reason,answer had a usable reply, so it is not judged" in first.err
    (path,) = files()
    once = [line["usage"]["llm_calls"] for line in lines(path)]
    assert failing(bench, "--resume").code == 1 and min(once) > 0
    told = lines(path)
    assert [line["earlier"]["runs"] for line in told] == [1, 1]
    assert [line["earlier"]["usage"]["llm_calls"] for line in told] == once
    third = json.loads(failing(bench, "--resume", "--json").out)
    assert [line["earlier"]["runs"] for line in lines(path)] == [2, 2], "one line to a task"
    assert third["methods"][0]["calls"] == pytest.approx(3 * sum(once) / 2)


def test_a_task_that_is_too_long_is_left_out_by_name(bench):
    with Path("t.jsonl").open("a") as file:
        file.write(json.dumps({"id": "long", "prompt": "How? " * 60_000, "gold": 1}) + "\n")
    code, _, err = bench()
    assert code == 0 and "the task 'long' is too long" in err and all(len(lines(path)) == 4 for path in files())
    assert any("1 entries" in note for note in bench("--resume", "--json").json["notes"])


def test_a_refused_command_leaves_no_folder(bench, command_line):
    assert bench(methods=("defalt",)).code == 2 and not Path("o").exists()
    Path("empty.jsonl").write_text("")
    assert bench("--tasks", "nowhere.jsonl", "--out", "a/b").code == 2 and not Path("a").exists()
    search = ("bench", "search", "--tasks", "t.jsonl", "--model", SCRIPT, "--out", "s", "--sandbox", "none")
    assert command_line(*search, "--limit", "1").code == 2 and not Path("s").exists()
    assert command_line(*search, "--max-calls", "0").code == 2 and not Path("s").exists()


def test_a_refused_command_leaves_what_another_process_writes_by_now(tmp_path):
    folder = tmp_path / "o"
    with pytest.raises(UsageError), gone_if_refused(folder):
        other = FileLock(folder / "other.jsonl.lock")
        (folder / "other.jsonl").write_text("a result\n")
        raise UsageError("refused")
    assert (folder / "other.jsonl").read_text() == "a result\n"
    other.close()


async def test_those_at_work_are_finished_when_an_endpoint_ends_a_comparison(tmp_path):
    """One task meets a key that is no longer good while others wait for their replies; all have a line."""
    model = TogetherChatModel(
        lambda messages: Fault(status=401) if "0: right" in messages[-1].text else "Answer: right", parties=3
    )
    tasks = [Task(id=f"t{n}", prompt=f"{n}: right or wrong?", kind="text", gold="right") for n in range(9)]
    (method,) = methods_of(["fixed:reason"])
    with ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}) as results:
        client = ModelClient(model, retry=RetryPolicy(retries=0))
        lane = Lane(method, 0, ReasoningAgent(client, policy=method.policy, sandbox="none"), results)
        with pytest.raises(ModelUnavailable, match="HTTP 401"):
            await solve_by_all([lane], tasks, concurrency=3)
        assert sorted(results.done) == ["0/t0", "0/t1", "0/t2"] and "HTTP 401" in results.done["0/t0"]["error"]


def test_interrupted_it_says_how_to_go_on(bench, monkeypatch):
    from pilotage.agent.cli.bench import sitting

    async def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sitting, "solve_by_all", interrupted)
    code, _, err = bench()
    assert code == 130 and "0 runs are kept in o; the same command with --resume goes on with the rest" in err


def test_a_policy_is_not_judged_on_what_it_was_trained_on(bench):
    from pilotage.navigator import Bank

    bank = Bank.open(Path(__file__).parents[3] / "examples" / "banks" / "mixed")
    Path("t.jsonl").write_text(json.dumps({"id": bank.tasks[0], "prompt": "What is 48 times 10?", "gold": 480}) + "\n")
    assert f"was trained on 1 of these tasks ({bank.tasks[0]!r} for one)" in bench(methods=("network",)).err
    assert bench("--in-sample", methods=("network",)).code == 0


def test_no_two_methods_share_a_file():
    written = ["strategy:self-consistency;n=3", "default", "default@high", "epsilon=0.1:rules", "fixed:reason,answer"]
    written += ["strategy:self-consistency;n=3;stop=beta", "strategy:best-of-n"]
    stems = [one.stem for one in methods_of(written)]
    assert len(set(stems)) == len(written) and all("/" not in stem and ";" not in stem for stem in stems)
    assert Method.parse("strategy:self-consistency;n=8").label == "strategy:self-consistency"  # n=8 is the default
    with pytest.raises(UsageError, match="is no method"):
        Method.parse("@high")


def test_policy_files_of_one_name_are_compared_under_labels_that_tell_them_apart(bench):
    for folder, block in (("a/x", "program"), ("b/x", "reason"), ("c/x", "reason")):
        Path(folder).mkdir(parents=True)
        Path(folder, "p.toml").write_text(f'[[rule]]\ndo = "{block}"\n')
    alone = {one.stem for one in methods_of(["a/x/p.toml", "epsilon=0.1:a/x/p.toml"])}
    assert bench(methods=("a/x/p.toml", "b/x/p.toml", "epsilon=0.1:a/x/p.toml")).code == 0
    names = [one["name"] for one in bench("--resume", "--json", methods=("a/x/p.toml", "b/x/p.toml")).json["methods"]]
    assert names == ["rules:a/x/p.toml", "rules:b/x/p.toml"]
    assert alone < {path.stem for path in files()}, "a results file is the same one whoever else takes part"
    code, _, err = bench("--resume", methods=("b/x/p.toml", "c/x/p.toml"))
    assert code == 2 and "b/x/p.toml and c/x/p.toml are the same" in err and len(err.splitlines()) == 1
    assert "x/p.toml" in bench("--resume", methods=("nowhere/x/p.toml", "nor/x/p.toml")).err


def test_the_file_of_an_architecture_is_a_parameter_and_its_content_counts(command_line):
    specs = ["strategy:archon;file=a.toml", "strategy:archon;file=b.toml"]
    for name in ("a.toml", "b.toml"):
        Path(name).write_text('[[layer]]\nkind = "generate"\nn = 2\n')
    assert [policy_label(spec) for spec in specs] == specs
    before = [method.stem for method in methods_of(specs)]
    Path("b.toml").write_text('[[layer]]\nkind = "generate"\nn = 3\n')
    after = [method.stem for method in methods_of(specs)]
    assert before[0] == after[0] and len({*before, *after}) == 3, "results of other layers are another method's"
    solve = ("solve", "--tasks", "t.jsonl", "--model", "scripted:s.json", "--memory", "none", "--policy", specs[0])
    write_tasks("t.jsonl", 1)
    Path("s.json").write_text('{"rules": {"": "It is so.\\nAnswer: 480"}}')
    assert command_line(*solve, "--out", "o.jsonl").code == 0
    assert command_line(*solve, "--out", "o.jsonl", "--resume").code == 0
    Path("a.toml").write_text('[[layer]]\nkind = "generate"\nn = 3\n')
    said = command_line(*solve, "--out", "o.jsonl", "--resume")
    assert said.code == 2 and "was made with policy file" in said.err
