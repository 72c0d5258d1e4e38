"""Memory that learns in batches: the same for every concurrency, exact after kill -9, and in several orders."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.batch.batch import solve_all
from pilotage.agent.batch.orders import memory_copy, shuffled
from pilotage.agent.batch.results import ResultsFile
from pilotage.agent.errors import ModelUnavailable, UsageError
from pilotage.agent.models import ModelClient
from pilotage.agent.models.scripted import Fault
from pilotage.agent.models.transport.retry import RetryPolicy
from pilotage.memory import ConceptStore

TOPICS = ("apples", "bridges", "candles")
POLICY = "fixed:program,verify,answer"


def tasks(n):
    return [
        Task(id=f"t{i}", prompt=f"How many {TOPICS[i % 3]} are {i + 20} {TOPICS[i % 3]} and 5 more?", gold=i + 25)
        for i in range(n)
    ]


def adder(messages):
    """Adds; a hint in the prompt shows in the program, so that any change of memory changes the run."""
    asked, prompt = messages[-1].text, messages[1].text
    if "<solution>" in asked:
        topic = re.search(r"many (\w+)", asked)
        return json.dumps({"title": f"Add {topic[1]}", "when": f"{topic[1]} are counted and more come"})
    if not (numbers := re.findall(r"are (\d+)", prompt)):
        return "I cannot say."  # whether a new concept belongs to a known one
    number = int(numbers[-1])
    if "Python program" in asked:
        note = f"hints = {prompt.count('# ')}\n" if "<notes>" in prompt else ""
        return f"```python\n{note}numbers = [{number}, 5]\nprint(sum(numbers))\n```"
    return f"Answer: {number + 5}"


def agent_over(store, script=adder, **options):
    return ReasoningAgent(ModelClient(ScriptedChatModel(script, **options)), memory=store, policy=POLICY)


def essence(lines, store):
    """Result lines with titles for the ids of concepts, which are made up anew in each store."""
    titles = {concept.id: concept.title for concept in store.all(retired=True)}
    return [
        (line["task_id"], line["answer"], [step["program"] for step in line["steps"]])
        + tuple([titles[id] for id in line[field]] for field in ("recalled", "followed", "withheld", "learned"))
        for line in lines
    ]


def contents(store):
    return sorted((c.title, c.implementation, c.seen, c.status, c.outcomes) for c in store.all(retired=True))


async def run_in_batches(tmp_path, name, *, every=4, concurrency=1, n=12, **options):
    with (
        ConceptStore.open(tmp_path / name, embedder="hash") as store,
        ResultsFile(tmp_path / f"{name}.jsonl", resume=True, settings={}) as results,
    ):
        async with agent_over(store, **options) as agent:
            await solve_all(agent, tasks(n), every=every, concurrency=concurrency, results=results)
        return essence(results.done.values(), store), contents(store)


async def test_within_a_batch_all_tasks_see_the_same_memory_and_the_next_batch_sees_what_it_taught(tmp_path):
    lines, _ = await run_in_batches(tmp_path, "m")
    recalled = [line[3] for line in lines]
    assert recalled[:4] == [[]] * 4
    assert all(recalled[4:])
    assert all(line[6] for line in lines[:3])


async def test_concurrency_changes_nothing(tmp_path):
    class Jitter:
        def __init__(self):
            self.chance = random.Random(5)

        def __call__(self, messages):
            time.sleep(self.chance.random() / 50)
            return adder(messages)

    one = await run_in_batches(tmp_path, "one")
    four = await run_in_batches(tmp_path, "four", concurrency=4, script=Jitter())
    assert one == four


async def test_what_learning_cost_is_in_the_line(tmp_path):
    model = ScriptedChatModel(adder)
    with (
        ConceptStore.temporary() as store,
        ResultsFile(tmp_path / "r.jsonl", resume=False, settings={}) as results,
    ):
        async with ReasoningAgent(ModelClient(model), memory=store, policy=POLICY) as agent:
            outcome = await solve_all(agent, tasks(4), every=2, results=results)
        assert sum(run.usage.llm_calls for run in outcome.runs) == model.counted.llm_calls
        assert sum(line["usage"]["completion_tokens"] for line in results.done.values()) == (
            model.counted.completion_tokens
        )
        assert any(charge["by"] == "distil" for charge in results.done["t0"]["charges"])


async def test_an_endpoint_that_fails_in_a_batch_leaves_memory_and_file_at_the_batch_before(tmp_path):
    calls = []

    def failing(messages):
        calls.append(1)
        return Fault(status=401) if "are 26 apples" in messages[1].text else adder(messages)

    with (
        ConceptStore.open(tmp_path / "m", embedder="hash") as store,
        ResultsFile(tmp_path / "m.jsonl", resume=False, settings={}) as results,
    ):
        client = ModelClient(ScriptedChatModel(failing), retry=RetryPolicy(retries=0))
        async with ReasoningAgent(client, memory=store, policy=POLICY) as agent:
            with pytest.raises(ModelUnavailable):
                await solve_all(agent, tasks(12), every=4, results=results)
        assert set(results.done) == {"t0", "t1", "t2", "t3"}
    resumed = await run_in_batches(tmp_path, "m")
    assert resumed == await run_in_batches(tmp_path, "whole")


async def test_a_batch_cut_short_between_memory_and_file_is_undone_and_solved_again(tmp_path):
    """As if killed after memory learnt from the batch and before its lines were written."""

    class Full(ResultsFile):
        def append(self, *results):
            if len(self.done) >= 4:
                raise KeyboardInterrupt
            super().append(*results)

    with (
        ConceptStore.open(tmp_path / "m", embedder="hash") as store,
        Full(tmp_path / "m.jsonl", resume=True, settings={}) as results,
    ):
        async with agent_over(store) as agent:
            with pytest.raises(KeyboardInterrupt):
                await solve_all(agent, tasks(12), every=4, results=results)
        assert any(event.cause == "t5" for event in store.events(limit=1000))
    assert await run_in_batches(tmp_path, "m") == await run_in_batches(tmp_path, "whole")


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.agent.test_continual import run_in_batches
asyncio.run(run_in_batches(Path(sys.argv[1]), "m", latency=0.02))
"""


async def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stderr=subprocess.DEVNULL)
    done = tmp_path / "m.jsonl"
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and (not done.exists() or done.read_bytes().count(b"\n") < 4):
        time.sleep(0.01)
    time.sleep(0.2)  # into the second batch
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert 4 <= done.read_bytes().count(b"\n") < 12
    assert await run_in_batches(tmp_path, "m") == await run_in_batches(tmp_path, "whole")


async def test_an_unusable_reply_keeps_its_cost_and_its_batch(tmp_path):
    def silent(messages):
        return "" if "are 21 bridges" in messages[1].text and "Python" not in messages[-1].text else adder(messages)

    with (
        ConceptStore.open(tmp_path / "m", embedder="hash") as store,
        ResultsFile(tmp_path / "m.jsonl", resume=False, settings={}) as results,
    ):
        async with agent_over(store, silent) as agent:
            outcome = await solve_all(agent, tasks(4), every=2, results=results)
        line = results.done["t1"]
        assert "empty text" in line["error"]
        assert (line["answer"], line["score"], line["learned"]) == (None, 0.0, [])
        assert line["route"] == ["program"]
        assert line["usage"]["llm_calls"] == 3  # the program, and the check with its one retry
        assert [run.task_id for run in outcome.unsolved] == ["t1"]
        assert len(outcome.runs) == 3


def test_orders_are_repeatable_and_differ():
    given = tasks(12)
    assert shuffled(given, 3) == shuffled(given, 3) != shuffled(given, 4)
    assert sorted(task.id for task in shuffled(given, 3)) == sorted(task.id for task in given)


def test_a_copy_of_a_memory_is_its_own(tmp_path):
    with ConceptStore.open(tmp_path / "m", embedder="hash") as store:
        from pilotage.memory import ConceptDraft

        id = store.add(ConceptDraft(title="Count apples", cues=("apples are counted",)))
        copy = memory_copy(tmp_path / "m", tmp_path / "copies" / "order-0")  # while the source is open
        with ConceptStore.open(copy, embedder="hash") as other:
            assert other.get(id) == store.get(id)
            assert other.search("apples are counted")[0].concept.id == id
            other.forget(id)
        assert store.count() == 1
    assert memory_copy(tmp_path / "m", copy) == copy
    with ConceptStore.open(copy, embedder="hash") as other:
        assert other.count() == 0
    empty = memory_copy(tmp_path / "none", tmp_path / "copies" / "order-1")
    assert list(empty.iterdir()) == []


def test_a_copy_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "ledger.sqlite").write_text("no ledger, but long enough to be taken for one" * 50)
    with pytest.raises(UsageError, match="cannot be read: .*; restore it from a backup") as refused:
        memory_copy(tmp_path / "m", tmp_path / "copy")
    assert "--out" not in str(refused.value) and str(tmp_path / "m" / "ledger.sqlite") in str(refused.value)
    assert not (tmp_path / "copy").exists()


def test_a_place_where_no_copy_can_be_made_is_a_sentence(tmp_path):
    ConceptStore.open(tmp_path / "m", embedder="hash").close()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot copy the memory .*; choose another --out"):
        memory_copy(tmp_path / "m", tmp_path / "file" / "copy")
