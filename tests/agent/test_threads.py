"""Runs that are kept by a thread id: what goes on, what begins anew, what is told."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel
from pilotage.agent.errors import AgentClosed, ModelUnavailable, PilotageError, UsageError
from pilotage.agent.models import ModelClient
from pilotage.agent.models.scripted import Fault

PLANNED = "fixed:plan,reason,answer"


def fresh(folder, script=lambda _: "Answer: 42", *, latency=0.0, identity="scripted", policy=PLANNED, **more):
    model = ScriptedChatModel(script, latency=latency, identity=identity)
    return ReasoningAgent(ModelClient(model), policy=policy, sandbox="none", checkpoints=folder / "c.sqlite", **more)


def broken_off(folder):
    """Leaves a run of which the plan is done."""
    replies = iter(["1. Multiply.", Fault(status=401)])
    with fresh(folder, lambda _: next(replies)) as agent, pytest.raises(ModelUnavailable):
        agent.solve("6*7", thread_id="a")


def test_the_same_agent_goes_on(tmp_path):
    broken_off(tmp_path)
    with fresh(tmp_path) as agent:
        run = agent.solve("6*7", thread_id="a")
    assert run.trace.steps[0].text == "1. Multiply." and run.answer == "42"


@pytest.mark.parametrize(
    "other",
    [
        {"policy": "fixed:reason,answer"},
        {"identity": "another"},
        {"budget": Budget(max_steps=2)},
        {"budget": Budget(max_tokens=900)},
        {"observation": "probe"},
        {"seed": 3},
    ],
)
def test_another_agent_begins_anew(tmp_path, other):
    broken_off(tmp_path)
    with fresh(tmp_path, **other) as agent:
        run = agent.solve("6*7", thread_id="a")
    assert all(step.text != "1. Multiply." for step in run.trace.steps)
    assert len(run.route) <= agent.components.budget.max_steps


def test_a_thread_id_without_checkpoints_is_one_sentence():
    agent = ReasoningAgent(ScriptedChatModel(lambda _: "Answer: 42"), sandbox="none")
    with pytest.raises(UsageError, match="give the agent checkpoints="):
        agent.solve("6*7", thread_id="a")


def test_checkpoints_that_break_under_a_run_are_one_sentence_that_names_their_file(tmp_path):
    with fresh(tmp_path) as agent:
        agent.solve("6*7", thread_id="a")
        with closing(sqlite3.connect(tmp_path / "c.sqlite")) as file:
            file.execute("DROP TABLE writes")
        with pytest.raises(PilotageError, match=r"c\.sqlite cannot be used \(no such table: writes\)"):
            agent.solve("6*7", thread_id="b")


def test_an_error_of_sqlite_in_somebodys_own_part_is_not_blamed_on_the_checkpoints(tmp_path):
    def script(_):
        raise sqlite3.OperationalError("no such table: mine")

    with fresh(tmp_path, script) as agent, pytest.raises(Exception, match="no such table: mine") as raised:
        agent.solve("6*7", thread_id="a")
    assert "checkpoints" not in str(raised.value)


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_file_that_is_closed_under_a_run_is_told_as_such_and_the_run_goes_on(tmp_path, streaming):
    agent, asked = fresh(tmp_path, latency=0.05), asyncio.Event()

    async def solve():
        if not streaming:
            return await agent.asolve("6*7", thread_id="a")
        async for _ in agent.astream("6*7", thread_id="a"):
            asked.set()

    solving = asyncio.create_task(solve())
    if streaming:
        await asked.wait()
    while not agent.components.model.model.calls:
        await asyncio.sleep(0.01)
    await agent.aclose()
    with pytest.raises(AgentClosed, match="was closed while"):
        await solving
    assert (await agent.asolve("6*7", thread_id="a")).answer == "42"
    await agent.aclose()


def test_a_stream_that_is_left_open_ends_quietly_with_its_loop(tmp_path):
    agent, complaints, left = fresh(tmp_path, latency=0.01), [], []

    async def leave():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
        left.append(agent.astream("6*7", thread_id="a"))
        await anext(left[0])

    asyncio.run(leave())
    assert not complaints


@pytest.mark.parametrize(
    ("flags", "named"),
    [(["--tasks", "t.jsonl", "--thread", "a"], "--thread names"), (["6*7", "--limit", "3"], "--limit, --order")],
)
def test_flags_that_would_do_nothing_are_refused(command_line, flags, named):
    said = command_line("solve", *flags, "--memory", "none")
    assert said.code == 2 and named in said.err and said.err.count("\n") == 1
