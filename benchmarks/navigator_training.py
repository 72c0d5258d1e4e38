"""What training and deciding cost: time of 50,000 steps, of one decision, and how far numpy is from torch.

    python benchmarks/navigator_training.py                     # on a made-up bank
    python benchmarks/navigator_training.py --bank BANK --algorithms double-dueling-dqn,cql

Every figure is printed beside its aim.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from navigator import Bank
from navigator.learned import LearnedPolicy
from navigator.train import Plan, train
from navigator.training.table import Table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, help="folder of a bank; a made-up one of 90 tasks if left out")
    parser.add_argument("--algorithms", default="double-dueling-dqn")
    parser.add_argument("--steps", type=int, default=50_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bank = Bank.open(given.bank) if given.bank else made_up(Path(folder))
        for algorithm in given.algorithms.split(","):
            measure(bank, algorithm, given.steps, Path(folder))


def made_up(folder: Path) -> Bank:
    from tests.navigator.banks import learnable_bank

    return learnable_bank(folder / "bank", tasks=90)


def measure(bank: Bank, algorithm: str, steps: int, folder: Path) -> None:
    train(bank, Plan(algorithm, steps=100, seeds=1))  # imports
    started = time.perf_counter()
    result = train(bank, Plan(algorithm, steps=steps, seeds=1), out=folder / "policy.safetensors")
    seconds = time.perf_counter() - started
    policy = LearnedPolicy.load(folder / "policy.safetensors", bank.actions, bank.observations)
    score = result.card["scores"]["test"]["only"]
    print(f"{algorithm}: {steps:,} steps in {seconds:.1f} s (aim: 50,000 in 90 s); held-out tasks:", end=" ")
    print(f"{score['accuracy']:.1%} right for {1000 * score['cost']:.0f} tokens")
    table = Table.of(bank)
    ours, theirs = decision_seconds(policy, table), sb3_seconds(policy, table)
    print(f"  one decision {1e6 * ours:.1f} us (aim: 20), stable-baselines3's predict {1e6 * theirs:.0f} us,", end=" ")
    print(f"{theirs / ours:.0f} times as long (aim: 8)")
    gap, same = torch_gap(policy)
    print(f"  numpy and torch on 10,000 random observations: at most {gap:.1e} apart (aim: 1e-5), {same} choices alike")


def best_of(rounds: int, count: int, once: object) -> float:
    assert callable(once)
    least = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        for place in range(count):
            once(place)
        least = min(least, (time.perf_counter() - started) / count)
    return least


def decision_seconds(policy: LearnedPolicy, table: Table) -> float:
    rows, masks = list(table.observations[:100]), list(table.legal[:100])
    return best_of(20, len(rows), lambda place: policy.decide(rows[place], masks[place]))


def sb3_seconds(policy: LearnedPolicy, table: Table) -> float:
    """A DQN of stable-baselines3 with the same inputs and layers, deciding alone."""
    import gymnasium
    from gymnasium import spaces
    from stable_baselines3 import DQN

    class Idle(gymnasium.Env[np.ndarray, np.int64]):
        observation_space = spaces.Box(-3, 3, (len(table.features),), dtype=np.float32)
        action_space = spaces.Discrete(len(table.actions))

    hidden = [len(bias) for _, bias in policy.layers[:-1]]
    model = DQN("MlpPolicy", Idle(), policy_kwargs={"net_arch": hidden}, buffer_size=1, device="cpu")
    rows = list(policy.scaling(table.observations[:100]))
    return best_of(20, len(rows), lambda place: model.predict(rows[place], deterministic=True))


def torch_gap(policy: LearnedPolicy) -> tuple[float, int]:
    import torch

    from navigator.training.networks import Dueling, adopt_plain, dense

    spec = policy.header.observations
    rows = np.random.default_rng(0).uniform(spec.low, spec.high, (10_000, len(spec))).astype(np.float32)
    widths = [len(bias) for _, bias in policy.layers[:-1]]
    if policy.header.algorithm in ("double-dueling-dqn", "cql"):  # as it was trained: two streams of half the width
        network = Dueling(len(spec), len(policy.header.actions), [*widths[:-1], widths[-1] // 2])
        network.adopt(policy.layers)
    else:
        network = dense(len(spec), len(policy.header.actions), widths)
        adopt_plain(network, policy.layers)
    with torch.no_grad():
        wanted = network(torch.from_numpy(policy.scaling(rows))).numpy()
    found = policy.outputs(rows)
    return float(np.abs(found - wanted).max()), int((found.argmax(1) == wanted.argmax(1)).sum())


if __name__ == "__main__":
    main()
