"""What a strategy costs beyond its calls, and how close many draws at once come to the ideal: a scripted model.

First, `--draws` draws side by side by self-consistency against as many bare calls of the same model at once, in turns,
so that a busy machine slows both alike: the milliseconds of a call beyond a bare one. Then `--tasks` tasks of 8 draws
each at a latency of 200 ms, `--concurrency` tasks at a time, by a whole agent: the ideal is that nothing but the model
takes time, so that each of the `ceil(tasks / concurrency)` rounds lasts as long as one call.

    python benchmarks/strategy_overhead.py [--draws 8] [--tasks 64] [--latency 0.2] [--concurrency 8] [--json]
"""

import argparse
import asyncio
import json
import math
import statistics
import time

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.batch.batch import solve_all
from pilotage.agent.budget import Budget, Meter
from pilotage.agent.kit import Kit
from pilotage.agent.models import ModelClient, Request
from pilotage.agent.prompting import conversation
from pilotage.agent.state import State
from pilotage.agent.strategies.choosing.self_consistency import SelfConsistency
from pilotage.agent.strategies.drawing import asked_for
from pilotage.agent.trace import Trace

TASK = Task(id="t", prompt="How many days are there in 14 weeks and 3 days?", kind="numeric")
SAMPLES = 8
BUDGET = Budget(max_tokens=1_000_000, max_calls=1000)


async def beyond_bare_calls(draws: int, rounds: int) -> dict[str, float]:
    """Milliseconds of a draw beyond a bare call of the same model: the median of the rounds, and bare calls alone."""
    client = ModelClient(ScriptedChatModel(lambda messages: "14 times 7 is 98.\nAnswer: 101", keeps_calls=False))
    state, strategy = State(TASK, Trace(), BUDGET), SelfConsistency(n=draws)
    messages = conversation(state, asked_for(state, "reason"))

    async def bare() -> None:
        requests = (
            Request(messages=messages, max_tokens=400, temperature=0.7, logprobs=True, sample=n) for n in range(draws)
        )
        await asyncio.gather(*(client.ask(request) for request in requests))

    async def by_strategy() -> None:
        step = await strategy.run(state, Kit(client, Meter(BUDGET)))
        assert step.candidate == "101" and len(step.draws) == draws

    taken: dict[str, list[float]] = {"bare": [], "strategy": []}
    for number in range(rounds + 1):
        for name, work in (("bare", bare), ("strategy", by_strategy)):
            started = time.perf_counter()
            await work()
            if number:  # the first of each warms up
                taken[name].append(1000 * (time.perf_counter() - started) / draws)
    more = [strategy - bare for strategy, bare in zip(taken["strategy"], taken["bare"], strict=True)]
    return {"bare_ms": statistics.median(taken["bare"]), "beyond_ms": statistics.median(more)}


async def at_once(tasks: int, latency: float, concurrency: int) -> dict[str, float]:
    """Seconds of many tasks of several draws each, and the share of the ideal."""
    model = ScriptedChatModel(lambda messages: "Answer: 4", latency=latency, keeps_calls=False)
    agent = ReasoningAgent(ModelClient(model), policy=f"strategy:self-consistency;n={SAMPLES}", sandbox="none")
    asked = [Task(id=str(n), prompt=f"What is {n} minus {n - 4}?", kind="numeric", gold=4) for n in range(tasks)]
    await agent.asolve("What is 5 minus 1?")
    started = time.perf_counter()
    outcome = await solve_all(agent, asked, concurrency=concurrency)
    taken = time.perf_counter() - started
    ideal = math.ceil(tasks / concurrency) * latency
    assert len(outcome.runs) == tasks and all(run.score == 1 for run in outcome.runs)
    return {"seconds": taken, "ideal_seconds": ideal, "share_of_ideal": ideal / taken}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--tasks", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = asyncio.run(beyond_bare_calls(options.draws, options.rounds))
    figures |= asyncio.run(at_once(options.tasks, options.latency, options.concurrency))
    print(json.dumps(figures) if options.json else "\n".join(f"{k:16} {v:.3f}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
