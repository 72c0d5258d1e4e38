"""How close many tasks at once come to the ideal: scripted model, a fixed latency for each call.

The ideal is the time in which the same calls would be done if nothing but the model took time: each of the
`ceil(tasks / concurrency)` rounds lasts as long as one task's calls in a row.

    python benchmarks/concurrency.py [--tasks 200] [--latency 0.5] [--concurrency 64] [--json]
"""

import argparse
import asyncio
import json
import math
import time

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.batch.batch import solve_all
from pilotage.agent.models import ModelClient

ROUTE = "fixed:plan,reason,verify,answer"


async def measure(tasks: int, latency: float, concurrency: int) -> dict[str, float]:
    model = ScriptedChatModel(lambda messages: "Answer: 4", latency=latency)
    agent = ReasoningAgent(ModelClient(model), policy=ROUTE, sandbox="none")
    asked = [Task(id=str(n), prompt=f"What is {n} minus {n - 4}?", kind="numeric", gold=4) for n in range(tasks)]
    await agent.asolve("What is 5 minus 1?")
    calls_before = len(model.calls)
    started = time.perf_counter()
    outcome = await solve_all(agent, asked, concurrency=concurrency)
    taken = time.perf_counter() - started
    calls = (len(model.calls) - calls_before) / tasks
    ideal = math.ceil(tasks / concurrency) * calls * latency
    assert len(outcome.runs) == tasks and all(run.score == 1 for run in outcome.runs)
    return {"seconds": taken, "ideal_seconds": ideal, "share_of_ideal": ideal / taken, "calls_per_task": calls}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.tasks, options.latency, options.concurrency))
    print(json.dumps(figures) if options.json else "\n".join(f"{k:16} {v:.3f}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
