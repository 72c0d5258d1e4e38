"""What the framework itself costs: a scripted model at zero latency, no checkpoints, no memory.

Prints, and with --json as one object: milliseconds of an agent step (navigate + block + observe) and of a five-step
solve beyond five bare calls of the same model, what LangGraph itself takes for seventeen empty supersteps in the same
run and how many times that the solve costs, seconds of `pilotage --help`, and what `from pilotage import agent` loads.
Bare calls, empty supersteps and solves take turns, so that a busy machine slows all alike.

    python benchmarks/overhead.py [--solves 200] [--json]
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.models import ModelClient
from pilotage.navigator import Decision

ROUTE = "fixed:plan,reason,reflect,program,answer"
STEPS = 5
SUPERSTEPS = 17
"""What one five-step solve took when the aim was set: the measure of what LangGraph alone costs."""
TASK = Task(id="t", prompt="How many days are there in 14 weeks and 3 days?", kind="numeric")
HEAVY = ("torch", "chromadb", "transformers", "langgraph")


class Stopwatch:
    """A policy that notes when it is asked, so that the time between two questions is one agent step."""

    def __init__(self, policy):
        self.name = policy.name
        self.policy = policy
        self.asked: list[float] = []

    def decide(self, observation, mask) -> Decision:
        self.asked.append(time.perf_counter())
        return self.policy.decide(observation, mask)


def model():
    return ModelClient(ScriptedChatModel(lambda messages: "Let me think about weeks and days."))


class Counter(TypedDict):
    n: int


def empty_graph():
    """LangGraph alone: a chain of nodes that do next to nothing."""

    async def node(state: Counter):
        return {"n": state["n"] + 1}

    graph = StateGraph(Counter)
    names = [f"node{place}" for place in range(SUPERSTEPS)]
    for name in names:
        graph.add_node(name, node)
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph.compile()


class Measured:
    """Seconds of the same work of each kind, in turn."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.solves: list[float] = []
        self.bare_calls: list[float] = []
        self.supersteps: list[float] = []

    async def run(self, n: int, unmeasured: int = 20) -> None:
        agent = ReasoningAgent(model(), policy=ROUTE)
        watch = Stopwatch(agent.components.policy)
        agent = ReasoningAgent(model(), policy=watch)
        chat = ScriptedChatModel(lambda messages: "Let me think about weeks and days.")
        empty = empty_graph()
        for turn in range(n + unmeasured):
            watch.asked.clear()
            begun = time.perf_counter()
            run = await agent.asolve(TASK)
            solved = time.perf_counter()
            assert len(run.route) == run.usage.llm_calls == STEPS
            for _ in range(STEPS):
                await chat.ainvoke(TASK.prompt, max_tokens=400, logprobs=True)
            called = time.perf_counter()
            await empty.ainvoke({"n": 0}, {"recursion_limit": SUPERSTEPS + 1})
            stepped = time.perf_counter()
            if turn >= unmeasured:
                self.steps += [b - a for a, b in zip(watch.asked, watch.asked[1:], strict=False)]
                self.solves.append(solved - begun)
                self.bare_calls.append(called - solved)
                self.supersteps.append(stepped - called)


def help_seconds(n: int = 7) -> float:
    command = str(Path(sys.executable).with_name("pilotage"))
    taken = []
    for _ in range(n):
        started = time.perf_counter()
        subprocess.run([command, "--help"], check=True, capture_output=True)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])


def loaded_by_import() -> list[str]:
    code = f"import pilotage.agent, sys; print([m for m in {HEAVY} if m in sys.modules])"
    return json.loads(subprocess.check_output([sys.executable, "-c", code], text=True).replace("'", '"'))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--solves", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    measured = Measured()
    asyncio.run(measured.run(options.solves))
    solve, bare, empty = map(statistics.median, (measured.solves, measured.bare_calls, measured.supersteps))
    figures = {
        "step_ms_median": 1e3 * statistics.median(measured.steps),
        "step_ms_p95": 1e3 * statistics.quantiles(measured.steps, n=20)[-1],
        "solve_ms_median": 1e3 * solve,
        "five_bare_calls_ms_median": 1e3 * bare,
        "solve_beyond_bare_ms": 1e3 * (solve - bare),
        "empty_supersteps_ms_median": 1e3 * empty,
        "solve_beyond_bare_to_empty_supersteps": (solve - bare) / empty,
        "help_seconds": help_seconds(),
        "heavy_modules_of_import_agent": loaded_by_import(),
    }
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:38} {value:.2f}" if isinstance(value, float) else f"{name:38} {value or 'none'}")


if __name__ == "__main__":
    main()
