"""Many tasks: results on disk one by one, kill -9 and resume, ideal use of concurrency."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.batch.batch import solve_all
from pilotage.agent.batch.results import ResultsFile
from pilotage.agent.errors import CacheUnusable, ModelUnavailable, PilotageError, UsageError
from pilotage.agent.models import ModelClient, ResponseCache
from pilotage.agent.models.scripted import Fault
from pilotage.agent.models.transport.retry import RetryPolicy
from tests.agent.states import row
from tests.together import TogetherChatModel

SETTINGS = {"policy": "default", "seed": 0}


def tasks(n):
    return [Task(id=f"t{i}", prompt=f"What is {i} plus 0?", kind="numeric", gold=i) for i in range(n)]


def result(task_id, **more):
    return row(task_id, policy="default", seed=0, **more)


async def test_a_cache_that_takes_no_reply_ends_the_batch_and_not_each_task(tmp_path, monkeypatch):
    monkeypatch.setattr("pilotage.agent.models.cache.BUSY_SECONDS", 0.1)
    model = ScriptedChatModel(lambda messages: "Answer: 1")
    with (
        ResponseCache(tmp_path / "cache.sqlite") as cache,
        closing(sqlite3.connect(cache.path, isolation_level=None)) as other,
    ):
        cache.stats()
        cache.close()
        other.execute("BEGIN IMMEDIATE")
        agent = ReasoningAgent(ModelClient(model, cache=cache), policy="fixed:answer")
        with pytest.raises(CacheUnusable, match="locked"):
            await solve_all(agent, tasks(9))
        other.execute("ROLLBACK")
    assert len(model.calls) <= 1


def test_results_are_kept_and_found_again(tmp_path):
    path = tmp_path / "deep" / "r.jsonl"
    with ResultsFile(path, resume=False, settings=SETTINGS) as results:
        results.append(result("a"))
    with ResultsFile(path, resume=True, settings=SETTINGS) as results:
        assert set(results.done) == {"a"}
        results.append(result("b"))
    assert [json.loads(line)["task_id"] for line in path.read_text().splitlines()] == ["a", "b"]


def test_a_torn_last_line_is_dropped_and_the_rest_kept(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(result("a")) + "\n" + '{"task_id": "b", "sco')
    with ResultsFile(path, resume=True, settings=SETTINGS) as results:
        assert set(results.done) == {"a"}
        results.append(result("b"))
    assert [json.loads(line)["task_id"] for line in path.read_text().splitlines()] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "resume", "settings", "complaint"),
    [
        (json.dumps(result("a")) + "\n", False, SETTINGS, "add --resume"),
        ("not json\n", True, SETTINGS, "line 1 is no result"),
        ("notes without a line end", True, SETTINGS, "line 1 is no result"),
        (json.dumps(result("a")) + "\n", True, {"policy": "random"}, "resume with the same settings"),
    ],
)
def test_a_results_file_that_does_not_fit_is_refused_and_left_alone(tmp_path, content, resume, settings, complaint):
    path = tmp_path / "r.jsonl"
    path.write_text(content)
    with pytest.raises(UsageError, match=complaint):
        ResultsFile(path, resume=resume, settings=settings)
    assert path.read_text() == content


def test_an_unwritable_place_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose another --out"):
        ResultsFile(tmp_path / "file" / "r.jsonl", resume=False, settings={})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path):
    path = tmp_path / "r.jsonl"
    with ResultsFile(path, resume=False, settings=SETTINGS) as results:
        results.append(result("a"))
        whole = path.read_bytes()
        results._file.close()
        results._file = open("/dev/full", "ab", buffering=0)  # noqa: SIM115
        with pytest.raises(PilotageError, match="free some space, then run again with --resume"):
            results.append(result("b"))
        assert set(results.done) == {"a"}
    assert path.read_bytes() == whole


async def test_every_task_is_solved_once(scripted, tmp_path):
    model = ScriptedChatModel(lambda messages: "Answer: " + messages[-1].text.split()[2], latency=0.01)
    agent = ReasoningAgent(model, policy="fixed:reason,answer")
    with ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}) as results:
        outcome = await solve_all(agent, tasks(40), concurrency=8, results=results)
    assert {run.task_id for run in outcome.runs} == {task.id for task in tasks(40)}
    assert all(run.score == 1 for run in outcome.runs)
    lines = (tmp_path / "r.jsonl").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 40


async def test_tasks_run_side_by_side():
    model = TogetherChatModel(lambda messages: "Answer: 1", parties=20)
    agent = ReasoningAgent(model, policy="fixed:reason,answer")
    outcome = await solve_all(agent, tasks(20), concurrency=20)
    assert len(outcome.runs) == 20 == model.counted.llm_calls


async def test_an_unusable_reply_costs_its_task_only():
    model = ScriptedChatModel(lambda messages: "" if " 3 plus" in messages[-1].text else "Answer: 1")
    outcome = await solve_all(ReasoningAgent(model, policy="fixed:reason,answer"), tasks(5))
    assert [run.task_id for run in outcome.unsolved] == ["t3"]
    assert len(outcome.runs) == 4


async def test_an_endpoint_that_is_down_ends_the_batch_and_keeps_what_is_done(tmp_path):
    script = ["Answer: 0", "Answer: 1", Fault(status=401)]
    model = ModelClient(ScriptedChatModel(script), retry=RetryPolicy(retries=1, first_delay=0.01))
    with ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}) as results:
        with pytest.raises(ModelUnavailable):
            await solve_all(ReasoningAgent(model, policy="fixed:reason,answer"), tasks(5), results=results)
        assert set(results.done) == {"t0", "t1", "t2"}, "the task that met it tells of it"
        assert "HTTP 401" in results.done["t2"]["error"]


async def test_what_a_run_cost_before_its_endpoint_went_down_is_kept(tmp_path):
    model = ModelClient(ScriptedChatModel(["A plan.", Fault(status=401)]), retry=RetryPolicy(retries=0))
    with ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}) as results:
        with pytest.raises(ModelUnavailable, match="HTTP 401"):
            await solve_all(ReasoningAgent(model, policy="fixed:plan,reason,answer"), tasks(3), results=results)
        assert set(results.done) == {"t0"}
        assert results.done["t0"]["route"] == ["plan"] and results.done["t0"]["usage"]["prompt_tokens"] > 0


def refusing(bad, fault):
    """A model that every request about these tasks fails with a fault, once more when it is asked again."""
    texts = [f"What is {number} plus" for number in bad]
    script = ScriptedChatModel(
        lambda messages: fault if any(text in messages[1].text for text in texts) else "Answer: 1"
    )
    return ModelClient(script, retry=RetryPolicy(retries=1, first_delay=0.01))


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("status", [400, 413, 422, 500, 503, None])
async def test_a_task_that_the_endpoint_refuses_stops_no_other_and_is_tried_again(tmp_path, status, concurrency):
    path = tmp_path / "r.jsonl"
    for resume, bad in ((False, [1]), (True, [1]), (True, [])):
        async with ReasoningAgent(refusing(bad, Fault(status=status)), policy="fixed:reason", sandbox="none") as agent:
            with ResultsFile(path, resume=resume, settings={}) as results:
                await solve_all(agent, tasks(6), concurrency=concurrency, results=results)
                refused = {id: line["error"] for id, line in results.done.items() if "error" in line}
                assert set(results.done) == {f"t{i}" for i in range(6)}
        assert set(refused) == {f"t{number}" for number in bad}
        assert all(f"HTTP {status}" in why or status is None for why in refused.values())


async def test_a_task_whose_time_goes_by_while_its_endpoint_fails_says_so(tmp_path):
    client = refusing([1], Fault())
    client.retry = RetryPolicy(first_delay=60)
    agent = ReasoningAgent(client, policy="fixed:reason", sandbox="none", budget=Budget(max_seconds=3))
    outcome = await solve_all(agent, tasks(3))
    assert len(outcome.runs) == 2
    (unsolved,) = outcome.unsolved
    id, why = unsolved.task_id, unsolved.error
    assert id == "t1" and "3 seconds is used up" in why and "the script drops the connection" in why


async def test_several_refused_tasks_one_after_another_end_the_batch(tmp_path):
    agent = ReasoningAgent(refusing(range(2, 9), Fault(status=500)), policy="fixed:reason", sandbox="none")
    with ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}) as results:
        with pytest.raises(ModelUnavailable, match="HTTP 500.*3 tasks in a row met such a refusal"):
            await solve_all(agent, tasks(9), results=results)
        assert {id for id, line in results.done.items() if "error" not in line} == {"t0", "t1"}
        assert set(results.done) == {"t0", "t1", "t2", "t3", "t4"}, "the last one, too"


async def test_refused_tasks_with_answers_between_them_end_no_batch():
    agent = ReasoningAgent(refusing([0, 1, 3, 4, 6, 7], Fault(status=400)), policy="fixed:reason", sandbox="none")
    outcome = await solve_all(agent, tasks(9))
    assert [run.task_id for run in outcome.runs] == ["t2", "t5", "t8"]


async def test_what_is_at_work_when_a_batch_ends_is_finished(tmp_path):
    """One task meets a key that is no longer good while three others are waiting for their replies."""
    model = TogetherChatModel(
        lambda messages: Fault(status=401) if "What is 0 plus" in messages[1].text else "Answer: 1", parties=4
    )
    agent = ReasoningAgent(ModelClient(model, retry=RetryPolicy(retries=0)), policy="fixed:reason", sandbox="none")
    with ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}) as results:
        with pytest.raises(ModelUnavailable, match="HTTP 401"):
            await solve_all(agent, tasks(9), concurrency=4, results=results)
        assert set(results.done) == {"t0", "t1", "t2", "t3"}


def test_a_killed_batch_resumes_without_loss_double_or_repeated_call(tmp_path):
    """Kill -9 in the middle of `solve --tasks`, then --resume: each task once, each reply paid once."""
    (tmp_path / "tasks.jsonl").write_text(
        "".join(json.dumps({"id": f"t{i}", "prompt": f"What is {i} plus 0?", "gold": i}) + "\n" for i in range(30))
    )
    (tmp_path / "slow.json").write_text(json.dumps({"rules": {"": "Answer: 7"}, "latency": 0.1}))
    command = [
        *(str(Path(sys.executable).with_name("pilotage")), "solve", "--tasks", "tasks.jsonl", "--out", "r.jsonl"),
        *("--model", "scripted:slow.json", "--memory", "none", "--policy", "fixed:reason,verify,answer"),
        *("--concurrency", "3", "--sandbox", "none"),
    ]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    killed = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    results = tmp_path / "r.jsonl"
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and (not results.exists() or results.read_bytes().count(b"\n") < 5):
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    acknowledged = results.read_bytes().splitlines(keepends=True)
    acknowledged = [line for line in acknowledged if line.endswith(b"\n")]
    assert 5 <= len(acknowledged) < 30
    subprocess.run([*command, "--resume"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    lines = results.read_bytes().splitlines(keepends=True)
    assert lines[: len(acknowledged)] == acknowledged
    done = [json.loads(line) for line in lines]
    assert sorted(one["task_id"] for one in done) == sorted(f"t{i}" for i in range(30))
    assert all(one["usage"]["llm_calls"] == 2 for one in done)


async def test_an_unusable_reply_shows_its_cost_and_is_tried_again(tmp_path):
    model = ScriptedChatModel(lambda messages: "" if "What is 1 plus" in messages[1].text else "Answer: 0")
    path = tmp_path / "r.jsonl"
    with ResultsFile(path, resume=False, settings={}) as results:
        await solve_all(
            ReasoningAgent(ModelClient(model), policy="fixed:plan,reason,answer"), tasks(2), results=results
        )
    lines = {line["task_id"]: line for line in map(json.loads, path.read_text().splitlines())}
    assert lines["t1"]["usage"]["prompt_tokens"] > 0 and lines["t1"]["usage"]["llm_calls"] == 2
    assert (lines["t1"]["score"], lines["t1"]["stopped_by"]) == (0.0, "error")
    assert "empty text" in lines["t1"]["error"] and "error" not in lines["t0"]
    model = ScriptedChatModel(lambda messages: "Answer: 1")
    mended = ReasoningAgent(ModelClient(model), policy="fixed:plan,reason,answer")
    with ResultsFile(path, resume=True, settings={}) as results:
        await solve_all(mended, tasks(2), results=results)
    again = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["task_id"], line["score"]) for line in again] == [("t0", 1.0), ("t1", 1.0)]
    assert "earlier" not in again[0]
    assert again[1]["earlier"] == {"runs": 1, "usage": lines["t1"]["usage"]}, "what it cost before is not forgotten"


async def test_what_a_killed_task_wrote_to_memory_is_undone_before_it_is_solved_again(tmp_path):
    from pilotage.memory import ConceptDraft, ConceptStore

    class Killed(ResultsFile):
        def append(self, *results):
            raise KeyboardInterrupt

    def script(messages):
        return "```python\nprint(sum([0, 0]))\n```" if "Python program" in messages[-1].text else "Answer: 0"

    path = tmp_path / "r.jsonl"
    with ConceptStore.temporary() as store:
        id = store.add(ConceptDraft(title="Plus", cues=("What is 0 plus 0?",), implementation=("print(sum([a, b]))",)))

        def agent():
            return ReasoningAgent(ScriptedChatModel(script), memory=store, policy="fixed:program,verify,answer")

        with Killed(path, resume=False, settings={}) as results, pytest.raises(KeyboardInterrupt):
            await solve_all(agent(), tasks(1), results=results)
        assert store.get(id).outcomes.helped == 1
        before = store.count()
        with ResultsFile(path, resume=True, settings={}) as results:
            await solve_all(agent(), tasks(1), results=results)
            line = results.done["t0"]
        assert line["recalled"] == [id]
        assert store.get(id).outcomes.helped == 1
        assert store.count() == before


async def test_one_bad_task_stops_no_other(tmp_path, caplog):
    class Deep(ReasoningAgent):
        async def asolve(self, task, **options):
            if "1 plus" in task.prompt:
                raise RecursionError("nested too deeply")
            return await super().asolve(task, **options)

    asked = [*tasks(2), Task(id="half \ud83d", prompt="What is 0 plus 0 \ud83d?", gold="\udcff")]
    with ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}) as results:
        async with Deep(ScriptedChatModel(lambda _: "Answer: 0"), policy="fixed:reason", sandbox="none") as agent:
            outcome = await solve_all(agent, asked, results=results)
    assert len(outcome.runs) == 2 and [run.task_id for run in outcome.unsolved] == ["t1"]
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert {line["task_id"]: line.get("error") for line in lines} == {
        "t0": None,
        "t1": "RecursionError: nested too deeply",
        "half \ufffd": None,
    }
    assert "RecursionError" in caplog.text  # where a person who mends it finds the place


def test_a_result_that_no_file_can_carry_is_written_and_read_again(tmp_path):
    path = tmp_path / "r.jsonl"
    with ResultsFile(path, resume=False, settings={}) as results:
        results.append(row("a", answer="\ud83d \x9b \u2028"))
    with ResultsFile(path, resume=True, settings={}) as results:
        assert results.done["a"]["answer"] == "\ud83d \x9b \u2028"
