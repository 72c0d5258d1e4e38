"""What experience costs: looking it up at a run's first decision, deciding, judging a second route, keeping a run.

    python benchmarks/experience.py [--runs 2000] [--json]

Medians over 200 tasks, on a memory in a temporary folder that holds so many runs; the hash embedder, whose vectors cost
next to nothing, stands for one whose vector of the task the run has already.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from pilotage.agent.blocks import installed
from pilotage.agent.budget import Budget
from pilotage.agent.experience.attempts import Attempt, Attempts
from pilotage.agent.experience.index import ExperienceIndex
from pilotage.agent.experience.navigators import ExperienceNavigator
from pilotage.agent.experience.records import Record
from pilotage.agent.experience.study import Study
from pilotage.agent.routing.observation import Observer
from pilotage.agent.state import State
from pilotage.agent.task import Task
from pilotage.agent.trace import Trace
from pilotage.memory import ConceptStore

TIMES = 200


def prompt(number: int) -> str:
    words = np.random.default_rng(number).choice(["apples", "letters", "reverse", "sum", "trains", "price"], 4)
    return f"How many {' '.join(words)} are there in {number} of them?"


def run_of(number: int) -> Attempts:
    """A program, and for every third task another route that agrees half of the time."""
    first = Attempt("start", "program", 0, 0.2, "program", 0)
    if number % 3:
        return Attempts((first,), (None,), 0)
    agrees = number % 2 == 0
    second = Attempt("program, answered", "verify", 0, 0.3, "reason", 0 if agrees else 1)
    return Attempts((first, second), (1.0,) if agrees else (None, None), 0)


def median(work: Callable[[int], Any]) -> float:
    """Microseconds."""
    taken = []
    for number in range(TIMES):
        began = time.perf_counter()
        work(number)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


def measure(runs: int, folder: str) -> dict[str, float]:
    registry = installed()
    observer = Observer(registry)
    with ConceptStore.open(folder, embedder="hash") as store:
        index = ExperienceIndex(store, "m", registry.actions, observer.spec)

        def record(number: int) -> Record:
            vector = store.vectors.embed_query(prompt(number))
            key = store.vectors.identity.key
            return Record(f"r{number}", "m", f"t{number}", f"f{number}", key, vector, run_of(number), "verified")

        index.records.put(map(record, range(runs)))
        began = time.perf_counter()
        index.columns(prompt(-1 % 7))
        loading = time.perf_counter() - began
        navigator = ExperienceNavigator(index, registry.actions, observer.spec)
        task = Task(id="t", kind="numeric", prompt=prompt(1))
        state = State(task, Trace(), Budget(), run="r")
        observation, mask = observer.without_asking(state), np.array(registry.mask(state))
        loop = asyncio.new_event_loop()
        loop.run_until_complete(navigator.navigate(state, observation, mask, None))  # type: ignore[arg-type]
        columns = navigator._columns["r"]
        assert columns is not None
        study = Study(index)
        figures = {
            "loading_ms": 1000 * loading,
            "lookup_us": median(lambda n: index.columns(prompt(runs + n))),
            "decision_us": median(lambda n: navigator._policy.decide(np.concatenate([observation, columns[0]]), mask)),
            "study_us": median(lambda n: study.asks_another_route(prompt(runs + n), f"r{n}")),
            "keep_us": median(lambda n: index.records.put([record(runs + n)])),
        }
        began = time.perf_counter()
        index.columns(prompt(5))
        figures["catching_up_ms"] = 1000 * (time.perf_counter() - began)
        loop.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000, help="that the memory holds (default: 2000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.runs, folder)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:16} {value:10,.1f}")


if __name__ == "__main__":
    main()
