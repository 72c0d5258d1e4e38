"""What a step of the recorded environment costs, and what exact values of a bank cost.

Makes a bank of full trees (or takes yours), then plays random legal actions. Prints, and with --json as one object,
steps per second of one core: of the dynamics alone, of the bare environment, and as `gymnasium.make` gives it, with its
checks; and milliseconds to open a bank, read its trees, and value every state.

    python benchmarks/navigator_env.py [--bank FOLDER] [--steps 100000] [--json]

(`benchmarks/navigator.py` would hide the package of that name from every script in this folder.)
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import gymnasium
import numpy as np

from pilotage.agent.blocks import Registry
from pilotage.agent.routing.observation import free_spec
from pilotage.navigator import Bank, BankMeta, BankWriter, Node, RecordedDynamics, TaskHeader
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.records import child_id
from pilotage.navigator.values.exact import exact_values
from pilotage.navigator.values.sequences import best_fixed

REGISTRY = Registry()
ACTIONS = REGISTRY.actions
BLOCKS = tuple(name for name in ACTIONS.names if name != ACTIONS.terminal)
OBSERVATIONS = free_spec(REGISTRY)
COUNTS = [OBSERVATIONS.names.index(f"count_{name}") for name in BLOCKS]
AIM = 20_000
REPEATS = 5


def make_bank(path: Path, tasks: int = 150, depth: int = 2) -> Bank:
    """A bank of the size and shape of a real one: 150 tasks, 73 states each, the real blocks and features."""
    generator = np.random.default_rng(0)
    usage = {"prompt_tokens": 100, "completion_tokens": 200, "llm_calls": 1, "seconds": 10.0}

    def grow(parent: str | None, action: str | None, left: int):
        id = "r" if parent is None else child_id(parent, action)
        mask = ACTIONS.mask(BLOCKS if left else ()).tolist()
        seen = generator.uniform(OBSERVATIONS.low, OBSERVATIONS.high).tolist()
        for name, place in zip(BLOCKS, COUNTS, strict=True):
            seen[place] = float(id.split("/").count(name))
        score = float(generator.integers(0, 2))
        yield Node(id, parent, action, seen, mask, "42", {}, "text " * 100, usage, "42", score, usage)
        for name in BLOCKS if left else ():
            yield from grow(id, name, left - 1)

    with BankWriter(path, BankMeta(ACTIONS, OBSERVATIONS)) as writer:
        for number in range(tasks):
            writer.begin(TaskHeader(f"t{number}", f"family{number % 10}"))
            writer.add(f"t{number}", *grow(None, None, depth))
    return Bank.open(path)


def milliseconds(work) -> float:
    """Median milliseconds of some repeats."""
    found = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - started))
    return statistics.median(found)


def steps_per_second(steps: int, reset, step) -> list[float]:
    """Rates of some repeats in processor time of this one process; resets and the choice of actions included."""
    rates = []
    for repeat in range(REPEATS):
        draws = iter(np.random.default_rng(repeat).random(steps).tolist())
        mask, started = reset(), time.process_time()
        for draw in draws:
            legal = mask.nonzero()[0]
            done, mask = step(int(legal[int(draw * len(legal))]))
            if done:
                mask = reset()
        rates.append(steps / (time.process_time() - started))
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bank = Bank.open(args.bank) if args.bank else make_bank(Path(folder))
        arrays = BankArrays.of(bank)
        figures = {"tasks": len(arrays.tasks), "states": len(arrays)} | timed(bank, arrays)
        figures |= {f"{name} steps/s": statistics.median(found) for name, found in rates(arrays, args.steps).items()}
    if args.json:
        print(json.dumps(figures))
        return
    print(f"{figures['tasks']} tasks, {figures['states']} states, {len(arrays.observations)} features")
    for name in ("open", "read", "exact values", "best fixed sequence"):
        print(f"{name:22} {figures[name + ' ms']:10.1f} ms")
    for name in ("dynamics", "environment", "gymnasium.make"):
        print(f"{name:22} {figures[name + ' steps/s']:10,.0f} steps/s   (median; aim {AIM:,})")


def timed(bank: Bank, arrays: BankArrays) -> dict[str, float]:
    return {
        "open ms": milliseconds(lambda: Bank.open(bank.path)),
        "read ms": milliseconds(lambda: BankArrays.of(Bank.open(bank.path))),
        "exact values ms": milliseconds(lambda: exact_values(arrays, 0.1)),
        "best fixed sequence ms": milliseconds(lambda: best_fixed(arrays, 0.1)),
    }


def rates(arrays: BankArrays, steps: int) -> dict[str, list[float]]:
    """Steps per second of each layer, some repeats each."""
    dynamics = RecordedDynamics(arrays, seed=0)

    def bare_step(action):
        transition = dynamics.step(action)
        return transition.done, transition.action_mask

    found = {"dynamics": steps_per_second(steps, lambda: dynamics.reset().action_mask, bare_step)}
    made = gymnasium.make("pilotage/RecordedReasoning-v0", bank=arrays, cost_weight=0.1, seed=0)
    for name, env in (("environment", made.unwrapped), ("gymnasium.make", made)):

        def step(action, env=env):
            _, _, done, _, info = env.step(action)
            return done, info["action_mask"]

        found[name] = steps_per_second(steps, lambda env=env: env.reset()[1]["action_mask"], step)
    return found


if __name__ == "__main__":
    main()
