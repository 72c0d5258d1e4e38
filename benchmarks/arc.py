r"""What puzzles cost beside the model: programs in the sandbox, and a split of scripted puzzles at once.

    python benchmarks/arc.py [--programs 1000] [--puzzles 400] [--latency 0.5] [--concurrency 64] [--json]

Programs are run as many at once as the sandbox allows, numpy's import counted. The puzzles are those of
`arc1:training`; a scripted model writes a program for each after the latency. The ideal is the larger of what the model
and what the sandbox alone would take for that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time

from pilotage.agent.arc.blocks import registry
from pilotage.agent.arc.splits import load_split
from pilotage.agent.arc.tasks import task_of
from pilotage.agent.arc.transform import harnessed
from pilotage.agent.batch.batch import solve_all
from pilotage.agent.models.scripted import ScriptedChatModel
from pilotage.agent.runner import ReasoningAgent
from pilotage.agent.sandbox import Sandbox, open_sandbox
from pilotage.agent.sandbox.packages import numpy

PROGRAM = "```python\nimport numpy as np\n\ndef transform(grid):\n    return np.fliplr(grid)\n```"


async def programs(sandbox: Sandbox, count: int) -> float:
    """Seconds that so many programs take on the inputs of one puzzle."""
    puzzle = load_split("arc1:training;size=1").puzzles[0]
    code = harnessed(PROGRAM.split("\n", 1)[1].rstrip("`"), [pair.input for pair in puzzle.train], "mark ")
    began = time.perf_counter()
    runs = await asyncio.gather(*(sandbox.run(code) for _ in range(count)))
    assert all(run.ok and "mark " in run.stdout for run in runs)
    return time.perf_counter() - began


async def puzzles(sandbox: Sandbox, count: int, latency: float, concurrency: int) -> tuple[float, int, int]:
    """Seconds that a split takes, the calls of the model, and the programs that were run."""
    split = load_split(f"arc1:training;size={count}")
    model = ScriptedChatModel({"": PROGRAM}, latency=latency, keeps_calls=False)
    policy = "fixed:look,program,answer"
    async with ReasoningAgent(model, policy=policy, registry=registry(), sandbox=sandbox) as agent:
        began = time.perf_counter()
        found = await solve_all(agent, [task_of(one) for one in split.puzzles], concurrency=concurrency)
        seconds = time.perf_counter() - began
    calls = sum(run.usage.llm_calls for run in found.runs)
    ran = sum(step.program is not None for run in found.runs for step in run.trace.steps)
    return seconds, calls, ran


async def measured(options: argparse.Namespace) -> dict[str, float]:
    """All figures by name."""
    sandbox = open_sandbox("bubblewrap", packages=numpy())
    assert sandbox is not None
    each = await programs(sandbox, options.programs) / options.programs
    seconds, calls, ran = await puzzles(sandbox, options.puzzles, options.latency, options.concurrency)
    ideal = max(calls * options.latency / options.concurrency, ran * each)
    return {
        "programs": options.programs,
        "seconds_of_programs": round(each * options.programs, 1),
        "puzzles": options.puzzles,
        "calls": calls,
        "programs_of_puzzles": ran,
        "seconds_of_puzzles": round(seconds, 1),
        "ideal_seconds": round(ideal, 1),
        "share_of_ideal": round(ideal / seconds, 3),
        "largest_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--puzzles", type=int, default=400)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(measured(options))
    if options.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name:22}{value:>10,}" for name, value in found.items()))


if __name__ == "__main__":
    main()
