"""The limit on seconds is one on the time since the run began."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from langgraph.checkpoint.memory import InMemorySaver

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel
from pilotage.agent.graph import run_state
from pilotage.agent.graph.build import build_graph
from pilotage.agent.graph.run_state import Clock
from pilotage.agent.models import ModelClient
from pilotage.navigator import Decision


def test_what_passes_between_blocks_counts():
    class Slow:
        name = "slow"

        def decide(self, observation, mask):
            time.sleep(0.6)
            return Decision(0)

    model = ScriptedChatModel(lambda _: "thinking")
    with ReasoningAgent(ModelClient(model), policy=Slow(), budget=Budget(max_seconds=0.5)) as agent:
        run = agent.solve("Is it so?")
    assert run.stopped_by == "max_seconds" and model.calls == ()


STOPPED = """
import asyncio, sys
from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.models import ModelClient

def script(messages):
    print("call", flush=True)
    return "thinking"

model = ModelClient(ScriptedChatModel(script, latency=0.3))
policy = "fixed:plan,reason,decompose,debate,reason,reason"
with ReasoningAgent(model, policy=policy, sandbox="none", budget=Budget(max_seconds=4)) as agent:
    run = agent.solve(Task(id="t", prompt="What is 6 times 7?", kind="numeric"))
print("stopped by", run.stopped_by, flush=True)
"""


def test_a_process_that_was_stopped_past_its_limit_makes_no_more_calls():
    child = subprocess.Popen(
        [sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert child.stdout.readline() == "call\n"
    os.kill(child.pid, signal.SIGSTOP)
    time.sleep(5)
    os.kill(child.pid, signal.SIGCONT)
    rest = child.communicate(timeout=120)[0].splitlines()
    assert rest[-1] == "stopped by max_seconds"
    assert len(rest) <= 2, "at most the call that was about to begin"


async def test_waiting_for_a_resumption_does_not_count(monkeypatch):
    model = ScriptedChatModel(lambda _: "Answer: 42")
    components = ReasoningAgent(
        ModelClient(model), policy="fixed:reason,answer", sandbox="none", budget=Budget(max_seconds=30)
    ).components
    graph, thread = build_graph(components, InMemorySaver()), {"configurable": {"thread_id": "a"}}
    await graph.ainvoke({"task": "6*7"}, thread, interrupt_before=["reason"])
    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + 3600)  # nobody resumes it for an hour
    assert (await graph.ainvoke(None, thread))["answer"] == "42"


async def test_from_the_first_node_of_a_resumption_on_time_counts_again(monkeypatch):
    """Were every node told that the invocation goes on, each would begin its clock anew."""
    flags, read = [], Clock.read

    def noted(kept, configurable):
        hours = len(flags)  # one between two nodes
        monkeypatch.setattr(run_state, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + 3600 * hours))
        flags.append(configurable.get("__pregel_resuming", False))
        return read(kept, configurable)

    model = ScriptedChatModel(lambda _: "thinking")
    components = ReasoningAgent(
        ModelClient(model),
        policy="fixed:reason,plan,debate,answer",
        sandbox="none",
        budget=Budget(max_seconds=600),
    ).components
    graph, thread = build_graph(components, InMemorySaver()), {"configurable": {"thread_id": "a"}}
    await graph.ainvoke({"task": "6*7"}, thread, interrupt_before=["reason"])
    monkeypatch.setattr(Clock, "read", noted)
    await graph.ainvoke(None, thread)
    assert (await graph.aget_state(thread)).values["stopped_by"] == "max_seconds"
    assert len(model.calls) == 1, "of the first node"
    assert flags[0] is True and len(flags) > 1 and not any(flags[1:])


def test_a_clock_of_another_process_goes_on_from_what_it_had():
    kept = {**Clock.start().keep(), "seconds": 3.0}
    assert 3 <= Clock.read({**kept, "at": time.monotonic() - 100}, {}).elapsed - 100 < 60
    assert 3 <= Clock.read({**kept, "at": -1e9, "process": "another"}, {}).elapsed < 60
