"""What nearest neighbours cost as a bank grows: seconds to fit on so many tasks, and milliseconds a decision.

    python benchmarks/nearest_speed.py [--bank examples/banks/mixed] [--tasks 500,1000,2000] [--digest] [--json]

Tasks are the bank's own over and over, each time with its numbers that are no counts moved by a little, so that the
states are as near to each other as those of a real bank and no two are the same. Seconds are of this process's
processor time. `--digest` also prints a digest of the fitted values and of the decisions, to compare two versions.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from pilotage.navigator import Bank
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.records import Tree
from pilotage.navigator.training.algorithms.nearest import fit_nearest

DECISIONS = 200
MOVED = 0.1
"""Deviation of what is added, in deviations of the feature."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, default=Path("examples/banks/mixed"))
    parser.add_argument("--tasks", default="500,1000,2000")
    parser.add_argument("--digest", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    bank = Bank.open(given.bank)
    rows = []
    for tasks in map(int, given.tasks.split(",")):
        rows.append(measured(bank, tasks))
        if not given.json:
            row = rows[-1]
            digest = f"  {row['digest']}" if given.digest else ""
            print(
                f"{tasks:,} tasks, {row['states']:,} states: fitted in {row['fit_s']:.1f} s, "
                f"{row['decision_ms']:.2f} ms a decision{digest}",
                flush=True,
            )
    if given.json:
        print(json.dumps(rows))


def measured(bank: Bank, tasks: int) -> dict[str, float | str]:
    large = enlarged(bank, tasks)
    arrays = BankArrays.of(large)
    fitted, policy = processor_seconds(lambda: fit_nearest(large))
    places = np.random.default_rng(1).choice(len(arrays), DECISIONS)
    rows = [(arrays.features[place], arrays.legal[place]) for place in places]
    decided, found = processor_seconds(lambda: [policy.decide(seen, mask) for seen, mask in rows])
    digest = hashlib.sha256(policy.values.tobytes() + repr([one.values for one in found]).encode())
    return {
        "tasks": tasks,
        "states": len(arrays),
        "fit_s": fitted,
        "decision_ms": 1000 * decided / DECISIONS,
        "digest": digest.hexdigest()[:12],
    }


def processor_seconds(work):
    started = time.process_time()
    found = work()
    return time.process_time() - started, found


def enlarged(bank: Bank, tasks: int) -> Bank:
    """A bank in memory of so many tasks: those of a bank over and over, each a little different."""
    generator = np.random.default_rng(0)
    features = BankArrays.of(bank).features
    is_count = (features == np.round(features)).all(axis=0)
    moved = np.where(is_count, 0.0, MOVED * features.std(axis=0))
    low, high = bank.observations.low, bank.observations.high
    headers, trees = {}, {}
    for number in range(tasks):
        tree = bank.tree(bank.tasks[number % len(bank.tasks)])
        name = f"{tree.task}#{number}"
        headers[name] = replace(bank.headers[tree.task], task=name)
        nodes = {}
        for id, node in tree.nodes.items():
            seen = np.clip(np.array(node.observation) + generator.normal(0, 1, len(moved)) * moved, low, high)
            nodes[id] = replace(node, observation=seen.tolist(), extras={})
        trees[name] = Tree(replace(tree.header, task=name), nodes)
    return Bank(bank.path, bank.meta, headers, dict.fromkeys(headers, bank.path), trees)


if __name__ == "__main__":
    main()
