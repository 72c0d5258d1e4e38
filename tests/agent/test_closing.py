"""An agent may be used under one event loop after another, and closed at any time: nobody waits for ever."""

import asyncio
import threading
from collections import Counter

import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.errors import AgentClosed, UsageError
from pilotage.agent.models import ModelClient
from pilotage.agent.routing.observation import Observer

LONG = 60


def fresh(folder=None, latency=0.0):
    model = ModelClient(ScriptedChatModel(lambda _: "Answer: 42", latency=latency))
    kept = folder / "kept.sqlite" if folder is not None else None
    return ReasoningAgent(model, policy="fixed:reason,answer", sandbox="none", checkpoints=kept)


def side_by_side(*works):
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert not any(thread.is_alive() for thread in threads)


def test_runs_are_kept_under_one_event_loop_after_another(tmp_path):
    agent = fresh(tmp_path)
    assert [asyncio.run(agent.asolve(f"6*{n}", thread_id="a")).answer for n in range(3)] == ["42"] * 3
    assert agent.solve("7*7", thread_id="a").answer == "42"
    assert asyncio.run(agent.asolve("8*8", thread_id="a")).answer == "42"
    side_by_side(agent.close)


def test_a_closed_agent_opens_its_file_again(tmp_path):
    agent = fresh(tmp_path)
    for _ in range(2):
        assert agent.solve("6*7", thread_id="a").answer == "42"
        agent.close()


async def test_many_first_runs_at_once_share_one_file(tmp_path):
    async with fresh(tmp_path) as agent:
        runs = await asyncio.gather(*(agent.asolve("6*7", thread_id=str(n)) for n in range(8)))
    assert [run.answer for run in runs] == ["42"] * 8


def test_closing_tells_who_still_waits():
    asked = threading.Event()

    def script(_):
        asked.set()
        return "Answer: 42"

    agent = ReasoningAgent(ModelClient(ScriptedChatModel(script, latency=LONG)), policy="fixed:reason", sandbox="none")
    told = []

    def wait():
        with pytest.raises(AgentClosed, match="was closed while"):
            agent.solve("6*7")
        told.append(True)

    def close():
        assert asked.wait(LONG)
        agent.close()

    side_by_side(wait, close)
    assert told


def test_closing_again_and_again_while_threads_solve_hangs_none_of_them():
    agent, came = fresh(), Counter()

    def solve():
        for _ in range(10):
            try:
                came[agent.solve("6*7").answer] += 1
            except AgentClosed:
                came["closed"] += 1

    def close():
        for _ in range(10):
            agent.close()

    side_by_side(solve, solve, solve, close, close)
    agent.close()
    assert set(came) <= {"42", "closed"} and came.total() == 30


def test_many_may_close_at_once(tmp_path):
    agent = fresh(tmp_path)
    agent.solve("6*7", thread_id="a")
    side_by_side(*[agent.close] * 8)
    agent.close()


@pytest.mark.parametrize("place", ["folder", "text", "no/such", ""])
def test_a_place_where_nothing_can_be_kept_is_one_sentence(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no database, but text that is longer than a header of one is" * 20)
    (tmp_path / "no").write_text("a file where a folder is wanted")
    with pytest.raises(UsageError, match="name a SQLite file"):
        ReasoningAgent(
            ModelClient(ScriptedChatModel(lambda _: "Answer: 42")),
            sandbox="none",
            checkpoints=str(tmp_path / place) if place else "",
        ).solve("6*7", thread_id="a")


def test_a_thread_id_that_cannot_be_written_is_one_sentence(tmp_path):
    with fresh(tmp_path) as agent, pytest.raises(UsageError, match="half a character"):
        agent.solve("6*7", thread_id="\ud800")


@pytest.mark.parametrize("before", ["observe", "navigate", "reason"])
async def test_a_file_of_a_graph_with_other_nodes_goes_on_or_begins_anew(monkeypatch, tmp_path, before):
    with monkeypatch.context() as older:  # an observation used to be a node of its own, whatever it cost
        older.setattr(Observer, "asks", True)
        async with fresh(tmp_path) as agent:
            _, graph, start, config = await agent._start(Task(id="t", prompt="6*7"), "a", None, {})
            await graph.ainvoke(start, config, interrupt_before=[before])
    async with fresh(tmp_path) as agent:
        run = await agent.asolve(Task(id="t", prompt="6*7"), thread_id="a")
    assert run.answer == "42" and run.route == ("reason", "answer")
