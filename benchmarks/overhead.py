"""What the framework itself costs: a scripted model at zero latency, no checkpoints, no memory.

Prints, and with --json as one object: milliseconds of an agent step (navigate + block + observe) and of a five-step
solve beyond five bare calls of the same model, seconds of `pilotage --help`, and what `from pilotage import agent`
loads.

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

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.models import ModelClient
from pilotage.navigator import Decision

ROUTE = "fixed:plan,reason,reflect,program,answer"
STEPS = 5
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


async def solves(n: int) -> tuple[list[float], list[float]]:
    """Seconds of each step, and of each five-step solve."""
    agent = ReasoningAgent(model(), policy=ROUTE)
    watch = Stopwatch(agent.components.policy)
    agent = ReasoningAgent(model(), policy=watch)
    steps, whole = [], []
    for turn in range(n + 20):
        watch.asked.clear()
        started = time.perf_counter()
        run = await agent.asolve(TASK)
        assert len(run.route) == run.usage.llm_calls == STEPS
        if turn >= 20:
            whole.append(time.perf_counter() - started)
            steps += [b - a for a, b in zip(watch.asked, watch.asked[1:], strict=False)]
    return steps, whole


async def bare_calls(n: int) -> list[float]:
    """Seconds of five calls of the same chat model without the framework."""
    chat = ScriptedChatModel(lambda messages: "Let me think about weeks and days.")
    taken = []
    for _ in range(n):
        started = time.perf_counter()
        for _ in range(STEPS):
            await chat.ainvoke(TASK.prompt, max_tokens=400, logprobs=True)
        taken.append(time.perf_counter() - started)
    return taken


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
    steps, whole = asyncio.run(solves(options.solves))
    bare = asyncio.run(bare_calls(options.solves))
    figures = {
        "step_ms_median": 1e3 * statistics.median(steps),
        "step_ms_p95": 1e3 * statistics.quantiles(steps, n=20)[-1],
        "solve_ms_median": 1e3 * statistics.median(whole),
        "five_bare_calls_ms_median": 1e3 * statistics.median(bare),
        "solve_beyond_bare_ms": 1e3 * (statistics.median(whole) - statistics.median(bare)),
        "help_seconds": help_seconds(),
        "heavy_modules_of_import_agent": loaded_by_import(),
    }
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:32} {value:.2f}" if isinstance(value, float) else f"{name:32} {value or 'none'}")


if __name__ == "__main__":
    main()
