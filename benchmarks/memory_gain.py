"""What memory gains on a stream of related tasks: several recurring reasoning-gym families, interleaved.

The same tasks come in several random orders. Each order starts with an empty memory, learns after every task from what
public evidence backs (a second, independent route; never a grade), and is solved once by each arm:

    none      no memory: every task is explored by up to three routes
    single    no memory, and one program a task, as the others do where memory knows something
    lessons   advice in words
    concepts  program sketches
    examples  the most similar solved task, whole
    credit    concepts, with outcomes counted, weighed and pruned
    experience  no hints; `--policy experience` routes by what the stream's earlier runs came to

    python benchmarks/memory_gain.py --out FOLDER [--families A B] [--per-family 4] [--orders 5] [--arms none concepts]
                                     [--model embedded] [--concurrency 1] [--limit-minutes 60] [--report] [--json]

With `--bank BANK` the families are not picked by hand: of the reasoning-gym families that are recorded there, less
those of `--leave-out`, the ten (`--most`) in which one program a task was right nearest to half of the time, and of
equal ones the first by name. Where it is always right, or never, there is little that a memory could show.

Model, prompts and budget are the same in all arms; decoding is greedy and replies are cached, so that equal requests
of different arms cost once. More routes than one are only taken where memory recalled nothing, or, with credit,
something that has not shown its worth (memory_gain.toml, memory_gain_credit.toml): a program in plain loops and, while
no two agree, one written as a function.
Stop it at any time; the same command goes on. `--report` prints what there is so far.
"""

import argparse
import asyncio
import json
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
from memory_gain_arms import ARMS, WITHOUT_MEMORY, open_arm, registry
from memory_gain_report import print_report, report

from pilotage.agent import Budget, Task
from pilotage.agent.batch.batch import solve_all
from pilotage.agent.batch.orders import shuffled
from pilotage.agent.batch.results import ResultsFile
from pilotage.agent.models import ModelClient, ResponseCache, load_model
from pilotage.agent.run import Run
from pilotage.agent.tasks import load_tasks
from pilotage.agent.tasks.gym import families
from pilotage.navigator import Bank
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.values.sequences import fixed_sequence

FAMILIES = (
    "spell_backward",
    "letter_counting",
    "word_sequence_reversal",
    "bitwise_arithmetic",
    "count_bits",
)


def results_file(out: Path, arm: str, order: int) -> Path:
    return out / f"{arm}-{order}.jsonl"


def read_results(out: Path, arms: list[str], orders: int) -> dict[str, dict[int, dict[str, dict]]]:
    """Results by arm, order and task id. Without memory the order does not matter: one serves for all."""
    found: dict[str, dict[int, dict[str, dict]]] = {}
    for arm in arms:
        for order in range(orders):
            path = results_file(out, arm, 0 if arm in WITHOUT_MEMORY else order)
            lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
            whole = [json.loads(line) for line in lines if line.endswith(b"\n")]
            found.setdefault(arm, {})[order] = {result["task_id"]: result for result in whole}
    return found


async def solve(
    client: ModelClient, arm: str, order: int, tasks: list[Task], options: argparse.Namespace, deadline: float
) -> None:
    """Solves all tasks in one order by one arm, or as many as time allows."""
    by_id = {task.id: task for task in tasks}
    path = results_file(options.out, arm, order)
    settings = {"model": client.name}
    with ResultsFile(path, resume=True, settings=settings) as results:
        if len(results.done) == len(tasks):
            return
        part = open_arm(
            arm,
            client,
            path.with_suffix(".memory"),
            list(results.done.values()),
            by_id,
            options.embedder,
            registry=registry(),
            budget=Budget(max_tokens=options.max_tokens),
        )
        with closing(part):

            def on_done(run: Run) -> None:
                part.after()
                said = f"error: {run.error}" if run.error else " → ".join(run.route)
                marks = f"{len(run.recalled)} recalled, {len(run.learned)} learnt, {run.usage.seconds:.0f} s"
                print(f"order {order} {arm:8} {run.task_id:28} {run.score:g} {said} ({marks})", file=sys.stderr)

            async with part.agent as agent:
                await solve_all(
                    agent,
                    shuffled(tasks, order),
                    every=1,
                    results=results,
                    on_done=on_done,
                    until=lambda: time.monotonic() > deadline,
                )


async def solve_everything(client: ModelClient, tasks: list[Task], options: argparse.Namespace) -> None:
    """Every order by every arm, some side by side: each has a memory of its own, and within one tasks come in turn."""
    deadline = time.monotonic() + 60 * options.limit_minutes
    free = asyncio.Semaphore(options.concurrency)

    async def stream(arm: str, order: int) -> None:
        async with free:
            if time.monotonic() <= deadline:
                await solve(client, arm, order, tasks, options, deadline)

    orders = range(options.orders)
    streams = [(arm, order) for order in orders for arm in options.arms if arm not in WITHOUT_MEMORY or order == 0]
    async with asyncio.TaskGroup() as group:
        for arm, order in streams:
            group.create_task(stream(arm, order))
    if time.monotonic() > deadline:
        print("out of time; the same command goes on from here", file=sys.stderr)


def undecided(path: Path, leave_out: list[str], most: int) -> list[str]:
    """The families of a bank that `--bank` stands for, by name."""
    arrays = BankArrays.of(Bank.open(path).of_families(leave_out=leave_out))
    right = fixed_sequence(arrays, ("program",)).outcomes.correct
    scores: dict[str, list[float]] = {family: [] for family in set(arrays.families).intersection(families())}
    for family, score in zip(arrays.families, right, strict=True):
        if family in scores and np.isfinite(score):
            scores[family].append(score)
    if not any(scores.values()):
        raise SystemExit(f"error: {path} has no reasoning-gym family on which a program was recorded")
    distance = {family: abs(np.mean(found) - 0.5) for family, found in scores.items() if found}
    return sorted(sorted(distance, key=lambda family: (distance[family], family))[:most])


def tasks_of(options: argparse.Namespace) -> list[Task]:
    size = len(options.families) * options.per_family
    return list(load_tasks(f"gym:{','.join(options.families)};size={size};seed={options.seed}"))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--bank", type=Path, help="a recorded bank that chooses the families instead")
    parser.add_argument("--leave-out", nargs="+", default=[], help="families that it does not choose")
    parser.add_argument("--most", type=int, default=10, help="how many it chooses")
    parser.add_argument("--per-family", type=int, default=4)
    parser.add_argument("--orders", type=int, default=5)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--seed", type=int, default=1, help="of the tasks")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--base-url")
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--max-tokens", type=int, default=1600, help="budget of a task, writing to memory included")
    parser.add_argument("--concurrency", type=int, default=1, help="orders and arms worked on side by side")
    parser.add_argument("--limit-minutes", type=float, default=float("inf"))
    parser.add_argument("--report", action="store_true", help="only report what there is")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if options.leave_out and options.bank is None:
        parser.error("--leave-out is of the families that --bank chooses")
    if options.bank is not None:
        options.families = undecided(options.bank, options.leave_out, options.most)
        print(f"families: {', '.join(options.families)}", file=sys.stderr)
    return options


def main(arguments: list[str] | None = None, client: ModelClient | None = None) -> dict:
    options = parse(arguments)
    tasks = tasks_of(options)
    if not options.report:
        slots = options.concurrency
        client = client or load_model(options.model, base_url=options.base_url, cache=ResponseCache(), slots=slots)
        asyncio.run(solve_everything(client, tasks, options))
    figures = report(read_results(options.out, options.arms, options.orders), tasks)
    if options.json:
        print(json.dumps(figures))
    else:
        print_report(figures)
    return figures


if __name__ == "__main__":
    main()
