"""One writer at a time: of a results file, and of a run that is kept under its thread id."""

import asyncio
import json
import os
import subprocess
import sys

import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.batch.batch import solve_all
from pilotage.agent.batch.results import ResultsFile, regrade
from pilotage.agent.errors import UsageError
from tests.agent.states import row

QUESTION = "What is 2 plus 2?"
SCRIPT = json.dumps({"rules": {"": "Answer: 4"}})
SOLVE = ("--model", "scripted:s.json", "--memory", "none", "--policy", "fixed:reason,answer")
BUSY = "another process is writing results to"


@pytest.fixture
def solve(command_line, tmp_path):
    (tmp_path / "s.json").write_text(SCRIPT)
    (tmp_path / "t.jsonl").write_text(json.dumps({"id": "a", "prompt": QUESTION, "kind": "numeric", "gold": 4}) + "\n")
    return lambda *arguments: command_line("solve", *SOLVE, *arguments)


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_writer_is_refused_and_changes_nothing(tmp_path, resume):
    path = tmp_path / "r.jsonl"
    with ResultsFile(path, resume=False, settings={}) as results:
        if resume:
            results.append(row("a"))
        torn = path.read_bytes() + b'{"task_id": "b", "sc'
        path.write_bytes(torn)  # the first is in the middle of a line
        with pytest.raises(UsageError, match=f"{BUSY} .*r.jsonl: wait for it, or choose another --out"):
            ResultsFile(path, resume=resume, settings={})
        assert path.read_bytes() == torn
    with ResultsFile(path, resume=True, settings={}) as results:
        assert set(results.done) == ({"a"} if resume else set())


def test_a_second_writer_by_another_name_is_refused(tmp_path):
    (tmp_path / "link.jsonl").symlink_to("r.jsonl")
    with ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}), pytest.raises(UsageError, match=BUSY):
        ResultsFile(tmp_path / "link.jsonl", resume=False, settings={})


async def test_grading_anew_through_a_link_leaves_one_file(tmp_path):
    path, link = tmp_path / "r.jsonl", tmp_path / "link.jsonl"
    link.symlink_to("r.jsonl")
    task = Task(id="a", prompt=QUESTION, kind="numeric", gold=4)
    agent = ReasoningAgent(ScriptedChatModel({"": "Answer: 4"}), policy="fixed:reason,answer", sandbox="none")
    with ResultsFile(path, resume=False, settings={}) as results:
        await solve_all(agent, [task], results=results)
    with ResultsFile(link, resume=True, settings={}) as results:
        assert await regrade(results, [task.model_copy(update={"gold": 5})]) == ["a"]
        results.append(row("b"))
    assert link.is_symlink() and [json.loads(line)["score"] for line in path.read_text().splitlines()][0] == 0


def test_a_file_is_free_once_its_writer_was_killed_or_refused(tmp_path):
    path = tmp_path / "r.jsonl"
    code = f"""
import os
from pilotage.agent.batch.results import ResultsFile
ResultsFile({str(path)!r}, resume=False, settings={{}})
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    with ResultsFile(path, resume=False, settings={}) as results:
        results.append(row("a", policy="rules"))
    with pytest.raises(UsageError, match="resume with the same settings"):
        ResultsFile(path, resume=True, settings={"policy": "default"})
    ResultsFile(path, resume=True, settings={"policy": "rules"}).close()


@pytest.mark.parametrize("what", [("--tasks", "t.jsonl", "--resume"), ("--tasks", "t.jsonl"), (QUESTION,)])
def test_the_command_says_so_before_it_asks_anything(solve, tmp_path, what):
    with ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}):
        said = solve(*what, "--out", "r.jsonl")
    assert said.code == 2 and BUSY in said.err and said.err.count("\n") == 1 and said.out == ""
    assert (tmp_path / "r.jsonl").read_bytes() == b""


def test_one_question_joins_only_a_file_that_was_made_with_its_settings(solve, tmp_path):
    assert solve("--tasks", "t.jsonl", "--out", "r.jsonl").code == 0
    before = (tmp_path / "r.jsonl").read_bytes()
    for other, named in (
        (("--seed", "7"), "seed 0, not 7"),
        (("--policy", "fixed:answer"), "policy 'fixed:reason,answer'"),
        (("--max-tokens", "3000"), "max_tokens 6000, not 3000"),
    ):
        said = solve("What is 3 plus 1?", "--out", "r.jsonl", *other)
        assert said.code == 2 and named in said.err and said.err.count("\n") == 1
        assert (tmp_path / "r.jsonl").read_bytes() == before
    assert solve("What is 3 plus 1?", "--out", "r.jsonl").code == 0
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 2


def test_a_batch_goes_on_only_with_the_settings_of_a_question_before_it(solve, tmp_path):
    assert solve(QUESTION, "--out", "r.jsonl").code == 0
    said = solve("--tasks", "t.jsonl", "--resume", "--out", "r.jsonl", "--max-tokens", "3000")
    assert said.code == 2 and "max_tokens 6000, not 3000" in said.err
    said = solve("--tasks", "t.jsonl", "--resume", "--out", "r.jsonl")
    assert said.code == 0 and "do not tell what they were asked" not in said.err


@pytest.mark.parametrize("useless", [["--resume"], ["--concurrency", "8"], ["--holdout", "0.5"]])
def test_what_is_for_many_tasks_is_refused_with_one_question(solve, useless):
    said = solve(QUESTION, *useless)
    assert said.code == 2 and useless[0] in said.err and "for the tasks of --tasks" in said.err


def test_a_setting_for_many_tasks_is_in_nobodys_way(solve, monkeypatch):
    monkeypatch.setenv("PILOTAGE_CONCURRENCY", "8")
    assert solve(QUESTION).code == 0


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_thread_is_at_work_in_one_run_at_a_time(tmp_path, streaming):
    waiting, go_on = asyncio.Event(), asyncio.Event()

    class Waits(ScriptedChatModel):
        async def _astream(self, *given, **more):
            waiting.set()
            await go_on.wait()
            async for chunk in super()._astream(*given, **more):
                yield chunk

        async def _agenerate(self, *given, **more):
            waiting.set()
            await go_on.wait()
            return await super()._agenerate(*given, **more)

    def agent(kind):
        return ReasoningAgent(
            kind({"": "Answer: 42"}), policy="fixed:reason,answer", sandbox="none", checkpoints=tmp_path / "c.sqlite"
        )

    async with agent(Waits) as first, agent(ScriptedChatModel) as second:

        async def solve():
            if not streaming:
                return (await first.asolve("6*7", thread_id="a")).answer
            return [event async for event in first.astream("6*7", thread_id="a")][-1].run.answer

        solving = asyncio.create_task(solve())
        await waiting.wait()
        for again in (first, second):
            with pytest.raises(UsageError, match="the thread 'a' is at work in another run: wait for it"):
                await again.asolve("6*7", thread_id="a")
            with pytest.raises(UsageError, match="the thread 'a' is at work"):
                await anext(again.astream("6*7", thread_id="a"))
        assert (await second.asolve("6*7", thread_id="b")).answer == "42"
        go_on.set()
        assert await solving == "42"
        assert (await second.asolve("6*7", thread_id="a")).answer == "42"


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_a_thread_is_free_once_its_run_was_killed(tmp_path):
    code = f"""
import os
from pilotage.agent import ReasoningAgent, ScriptedChatModel
def script(_):
    os.kill(os.getpid(), 9)
ReasoningAgent(ScriptedChatModel(script), sandbox="none", checkpoints={str(tmp_path / "c.sqlite")!r}).solve(
    "6*7", thread_id="a")
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    model = ScriptedChatModel({"": "Answer: 42"})
    with ReasoningAgent(model, sandbox="none", checkpoints=tmp_path / "c.sqlite") as agent:
        assert agent.solve("6*7", thread_id="a").answer == "42"
