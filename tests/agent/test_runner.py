"""The agent as people use it: solve, stream, embed, resume."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task, events
from pilotage.agent.errors import UsageError
from pilotage.agent.models import ModelClient
from pilotage.navigator import Decision
from tests.agent.states import always_right

TASK = Task(id="product", prompt="What is 6 times 7?", kind="numeric", gold=42)


def agent_over(model, **options):
    return ReasoningAgent(ModelClient(model), **options)


@pytest.mark.parametrize(("preset", "between"), [("free", []), ("probe", ["observe"])])
def test_the_drawn_graph_shows_every_block_and_the_way_between(scripted, preset, between):
    drawn = agent_over(scripted, observation=preset).graph.get_graph()
    names = set(drawn.nodes)
    blocks = set(agent_over(scripted).components.registry.actions.names)
    assert names == blocks | {"__start__", "__end__", "begin", "navigate", "learn", *between}
    arrows = {(edge.source, edge.target) for edge in drawn.edges}
    assert {
        ("__start__", "begin"),
        *pairwise(("begin", *between, "navigate")),
        ("answer", "learn"),
        ("learn", "__end__"),
    } <= arrows
    for block in blocks:
        assert ("navigate", block) in arrows
        assert (block, "learn" if block == "answer" else [*between, "navigate"][0]) in arrows


@pytest.mark.parametrize(
    ("policy", "route"),
    [
        ("fixed:reason,verify,answer", ("reason", "verify", "answer")),
        ("fixed:answer", ("answer",)),
        ("rules", ("program", "verify", "answer")),
        ("vote:3", ("program", "sample", "sample", "answer")),
        ("agree:2", ("program", "sample", "answer")),
    ],
)
def test_a_policy_routes_a_task(scripted, policy, route):
    with agent_over(scripted, policy=policy) as agent:
        run = agent.solve(TASK)
    assert run.route == route
    assert run.answer == "42"
    assert run.score == 1.0
    assert run.stopped_by == "answer"
    assert run.usage.model_copy(update={"seconds": 0.0}) == scripted.counted


def test_a_bare_question_gets_no_score(scripted):
    with agent_over(scripted, policy="fixed:reason") as agent:
        run = agent.solve("What is 6 times 7?")
    assert run.score is None
    assert run.answer == "42"


async def test_the_hidden_answer_reaches_no_prompt(scripted):
    secret = "4242424242"
    task = TASK.model_copy(update={"gold": secret, "metadata": {"worked": f"it is {secret}"}})
    for policy in ("fixed:plan,decompose,program,debate,reflect,verify,recall,answer", "random"):
        async with agent_over(scripted, policy=policy, observation="probe") as agent:
            run = await agent.asolve(task)
        assert run.score == 0.0
    assert scripted.calls
    assert not any(secret in call.text for call in scripted.calls)


async def test_events_tell_the_run_in_order_and_tokens_spell_the_reply(scripted):
    seen = []
    async with agent_over(scripted, policy="fixed:reason,answer") as agent:
        async for event in agent.astream(TASK):
            seen.append(event)
    kinds = [type(event) for event in seen if not isinstance(event, events.Token)]
    assert kinds == [events.Chosen, events.Stepped, events.Chosen, events.Stepped, events.Finished]
    spelled = "".join(event.text for event in seen if isinstance(event, events.Token))
    assert spelled == always_right(scripted.calls[0].messages)


async def test_a_run_ends_at_its_step_limit(scripted):
    async with agent_over(scripted, policy="fixed:plan,plan,reason,verify", budget=Budget(max_steps=2)) as agent:
        run = await agent.asolve(TASK)
    assert run.route == ("plan", "answer")
    assert run.stopped_by == "max_steps"


async def test_no_run_exceeds_its_token_budget():
    model = ScriptedChatModel(lambda messages: "and so on " * 400)
    for limit in (150, 400, 900):
        async with agent_over(
            model, policy="fixed:reason,reason,decompose,debate", budget=Budget(max_tokens=limit)
        ) as agent:
            run = await agent.asolve(TASK)
        assert run.usage.total_tokens <= limit
        assert run.answer is None


async def test_a_budget_too_small_for_a_step_is_refused_before_any_call(scripted):
    async with agent_over(scripted, budget=Budget(max_tokens=20)) as agent:
        with pytest.raises(UsageError, match="too small for one step"):
            await agent.asolve(TASK)
    assert scripted.calls == ()


async def test_a_call_past_the_time_limit_is_cancelled():
    model = ScriptedChatModel(lambda messages: "Answer: 42", latency=120)
    started = time.monotonic()
    async with agent_over(model, policy="fixed:reason", budget=Budget(max_seconds=0.3)) as agent:
        run = await agent.asolve(TASK)
    assert time.monotonic() - started < 60
    assert run.stopped_by == "max_seconds"
    assert run.answer is None


async def test_an_agent_without_a_sandbox_never_writes_a_program(scripted):
    async with agent_over(scripted, sandbox="none") as agent:
        run = await agent.asolve(TASK)
    assert "program" not in run.route
    assert all(step.program is None for step in run.trace.steps)


async def test_a_custom_policy_decides(scripted):
    class AlwaysLast:
        name = "always-last"

        def decide(self, observation, mask):
            return Decision(len(mask) - 1)

    async with agent_over(scripted, policy=AlwaysLast()) as agent:
        run = await agent.asolve(TASK)
    assert run.route == ("answer",)
    assert run.policy == "always-last"


async def test_the_graph_is_a_node_of_another_graph(scripted):
    from typing import TypedDict

    from langgraph.graph import END, START, StateGraph

    class Chat(TypedDict, total=False):
        task: str
        answer: str
        said: str

    graph = StateGraph(Chat)
    graph.add_node("think", agent_over(scripted, policy="fixed:reason").graph)
    graph.add_node("speak", lambda state: {"said": f"It is {state['answer']}."})
    graph.add_edge(START, "think")
    graph.add_edge("think", "speak")
    graph.add_edge("speak", END)
    final = await graph.compile().ainvoke({"task": "What is 6 times 7?"})
    assert final["said"] == "It is 42."


KILLED = """
import asyncio, sys
from pathlib import Path
from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.models import ModelClient

log, folder, latency = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])

def script(messages):
    with log.open("a") as file:
        file.write(messages[-1].text.replace("\\n", " ") + "\\n")
    if "approaches" in messages[-1].text:
        return "1. a 2. b 3. c"
    return "2" if "reliable" in messages[-1].text else "Answer: 42"

async def main():
    model = ModelClient(ScriptedChatModel(script, latency=latency))
    agent = ReasoningAgent(model, policy="fixed:plan,reason,decompose,answer", checkpoints=folder / "c.sqlite")
    async with agent:
        run = await agent.asolve(Task(id="t", prompt="What is 6 times 7?", kind="numeric", gold=42), thread_id="one")
    print(" ".join(run.route), run.usage.llm_calls, run.score)

asyncio.run(main())
"""


def test_a_killed_run_resumes_and_asks_again_for_nothing_but_the_block_in_flight(tmp_path):
    log = tmp_path / "calls.txt"
    command = [sys.executable, "-c", KILLED, str(log), str(tmp_path)]
    killed = subprocess.Popen([*command, "0.4"], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and len(calls(log)) < 3:
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    before = calls(log)
    assert len(before) >= 3
    again = subprocess.run([*command, "0"], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True)
    assert again.stdout.split()[:4] == ["plan", "reason", "decompose", "answer"]
    assert again.stdout.split()[-1] == "1.0"
    assert all(calls(log).count(call) == 1 for call in before[:2])


def calls(log):
    return log.read_text().splitlines() if log.exists() else []


def test_a_run_prints_as_the_documented_object(scripted):
    with agent_over(scripted) as agent:
        shown = json.loads(json.dumps(agent.solve(TASK).to_json()))
    documented = {"task_id", "answer", "score", "route", "steps", "usage", "recalled", "learned"}
    assert documented | {"model", "policy", "stopped_by"} <= shown.keys()
    assert {"block", "text", "candidate", "evidence", "usage"} <= shown["steps"][0].keys()
    counted = {"prompt_tokens", "completion_tokens", "cached_tokens", "llm_calls", "seconds"}
    assert counted <= shown["usage"].keys()
    assert shown["usage"]["llm_calls"] == sum(step["usage"]["llm_calls"] for step in shown["steps"])


@pytest.mark.parametrize("memory", ["a/folder", Path("a/folder"), "postgresql://localhost/memory"])
def test_a_memory_that_is_no_store_is_refused_at_once(scripted, memory):
    with pytest.raises(UsageError, match="ConceptStore.open"):
        ReasoningAgent(ModelClient(scripted), memory=memory)
