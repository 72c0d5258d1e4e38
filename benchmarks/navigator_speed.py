"""All speed figures of the navigator in one go, each beside its aim; best and median, since machines are shared.

    python benchmarks/navigator_speed.py                       # on a made-up bank of the size of a real one
    python benchmarks/navigator_speed.py --bank BANK --algorithms double-dueling-dqn,qr-dqn --json
    python benchmarks/navigator_speed.py --bank BANK --algorithms ""    # no training

Steps of the environment, one decision of the shipped rules, 50,000 steps of training, one decision of its policy, how
much longer stable-baselines3's own `predict` is, the mean of five networks, and how far numpy is from torch on 10,000
random observations. The exit code is 1 where the best of a figure misses its aim.

(`benchmarks/navigator.py` would hide the package of that name from every script in this folder.)
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from navigator_env import make_bank, rates

from pilotage.navigator import Bank
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.policies.policy import Policy
from pilotage.navigator.policies.rules.default import DefaultPolicy
from pilotage.navigator.policies.rules.one_bit import one_bit
from pilotage.navigator.training.train import Plan, train

ROUNDS, DECISIONS = 60, 50
"""One round is so many decisions in a row; ours and stable-baselines3's rounds take turns."""


@dataclass(frozen=True)
class Figure:
    """One measured thing.

    Attributes:
        name: what was measured.
        unit: of the numbers.
        values: one a repeat.
        aim: what it should reach; None for none.
        more_is_better: whether it should be at least the aim.
    """

    name: str
    unit: str
    values: list[float]
    aim: float | None = None
    more_is_better: bool = False

    @property
    def best(self) -> float:
        return (max if self.more_is_better else min)(self.values)

    @property
    def met(self) -> bool | None:
        if self.aim is None:
            return None
        return self.best >= self.aim if self.more_is_better else self.best <= self.aim

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "unit": self.unit,
            "best": self.best,
            "median": statistics.median(self.values),
            "repeats": len(self.values),
            "aim": self.aim,
            "met": self.met,
        }

    def line(self) -> str:
        aim = "" if self.aim is None else f"{'>=' if self.more_is_better else '<='} {number(self.aim)}"
        met = {None: "", True: "met", False: "MISSED"}[self.met]
        cells = f"{number(self.best):>12} {number(statistics.median(self.values)):>12}  {self.unit:8} {aim:>11}  {met}"
        return f"{self.name:54}{cells}".rstrip()


@dataclass(frozen=True)
class Ratio(Figure):
    """A figure whose best is not the greatest of its values: that of the best times."""

    of_best: float = 0.0

    @property
    def best(self) -> float:
        return self.of_best


def number(value: float) -> str:
    """A number with the digits that matter."""
    if value == 0 or 1e-3 <= abs(value) < 1000:
        return f"{value:.4g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, help="folder of a bank; a made-up one of 150 tasks if left out")
    parser.add_argument("--algorithms", default="double-dueling-dqn,qr-dqn")
    parser.add_argument("--steps", type=int, default=50_000, help="of a training")
    parser.add_argument("--trainings", type=int, default=1, help="repeats of it")
    parser.add_argument("--env-steps", type=int, default=100_000, help="of one repeat of the environment")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bank = Bank.open(given.bank) if given.bank else make_bank(Path(folder) / "bank")
        figures = []
        for figure in measured(bank, Path(folder), given):
            figures.append(figure)
            if not given.json:
                if len(figures) == 1:
                    print(f"{'':54}{'best':>12} {'median':>12}  {'':8} {'aim':>11}")
                print(figure.line(), flush=True)
    if given.json:
        print(json.dumps([figure.to_json() for figure in figures]))
    sys.exit(any(figure.met is False for figure in figures))


def measured(bank: Bank, folder: Path, given: argparse.Namespace) -> Iterator[Figure]:
    aims = {"dynamics": None, "environment": 20_000, "gymnasium.make": 20_000}
    for name, found in rates(BankArrays.of(bank), given.env_steps).items():
        yield Figure(f"recorded environment, {name}", "steps/s", found, aims[name], more_is_better=True)
    arrays = BankArrays.of(bank)
    for rules in (DefaultPolicy(bank.actions, bank.observations), one_bit(bank.actions, bank.observations)):
        yield Figure(f"{rules.name}: one decision", "us", rounds_of(rules, arrays), 60.0)
    for algorithm in filter(None, given.algorithms.split(",")):
        train(bank, Plan(algorithm, steps=100, seeds=1))  # imports
        seconds, worked = [], []
        for _ in range(given.trainings):
            started, used = time.perf_counter(), time.process_time()
            train(bank, Plan(algorithm, steps=given.steps, seeds=1), out=folder / "policy.safetensors")
            seconds.append(time.perf_counter() - started)
            worked.append(time.process_time() - used)
        aim = 90.0 if given.steps >= 50_000 else None
        yield Figure(f"{algorithm}: training, {given.steps:,} steps", "s", seconds, aim)
        yield Figure(f"{algorithm}: the same, processor time", "s", worked)
        policy = load_policy(folder / "policy.safetensors", bank.actions, bank.observations)
        yield from decisions(algorithm, policy, arrays)
        gap, same = torch_gap(policy)
        yield Figure(f"{algorithm}: numpy and torch apart", "", [gap], 1e-5)
        yield Figure(f"{algorithm}: same choices, of 10,000", "", [float(same)], 10_000, more_is_better=True)


def decisions(algorithm: str, policy: LearnedPolicy, arrays: BankArrays) -> Iterator[Figure]:
    rows, masks = list(arrays.features[:DECISIONS]), list(arrays.legal[:DECISIONS])
    model = sb3_model(policy, arrays)
    scaled = list(policy.scaling(arrays.features[:DECISIONS]))
    ours: list[float] = []
    theirs: list[float] = []
    wide: list[float] = []
    five = five_seeds(policy)
    for _ in range(ROUNDS):
        ours.append(microseconds(lambda place: policy.decide(rows[place], masks[place]), len(rows)))
        theirs.append(microseconds(lambda place: model.predict(scaled[place], deterministic=True), len(scaled)))
        wide.append(microseconds(lambda place: five.decide(rows[place], masks[place]), len(rows)))
    yield Figure(f"{algorithm}: one decision", "us", ours, 20.0)
    yield Figure(f"{algorithm}: stable-baselines3's predict", "us", theirs)
    # Neighbouring rounds are compared, and beside the median the best of each: no disturbed round can flatter that.
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    yield Ratio(f"{algorithm}: predict over one decision", "times", ratios, 8.0, True, min(theirs) / min(ours))
    yield Figure(f"{algorithm}: one decision, mean of five seeds", "us", wide)


def rounds_of(policy: Policy, arrays: BankArrays) -> list[float]:
    """Microseconds of a decision, a round each, over states from all over the bank."""
    places = np.linspace(0, len(arrays.features) - 1, DECISIONS).astype(int)
    rows, masks = list(arrays.features[places]), list(arrays.legal[places])
    return [microseconds(lambda place: policy.decide(rows[place], masks[place]), DECISIONS) for _ in range(ROUNDS)]


def microseconds(once: Callable[[int], object], count: int) -> float:
    """Processor time of this thread for each of some calls: on a busy machine what others take is not counted."""
    started = time.thread_time()
    for place in range(count):
        once(place)
    return 1e6 * (time.thread_time() - started) / count


def sb3_model(policy: LearnedPolicy, arrays: BankArrays):
    """A DQN of stable-baselines3 with the same inputs and layers."""
    import gymnasium
    from gymnasium import spaces
    from stable_baselines3 import DQN

    class Idle(gymnasium.Env[np.ndarray, np.int64]):
        observation_space = spaces.Box(-3, 3, (len(arrays.observations),), dtype=np.float32)
        action_space = spaces.Discrete(len(arrays.actions))

    import torch

    torch.set_num_threads(1)  # one observation gains nothing from more, and on a busy machine they wait for each other
    hidden = [len(bias) for _, bias in policy.layers[:-1]]
    return DQN("MlpPolicy", Idle(), policy_kwargs={"net_arch": hidden}, buffer_size=1, device="cpu")


def five_seeds(policy: LearnedPolicy) -> LearnedPolicy:
    """The mean of five such networks, as `--ensemble` keeps it."""
    from pilotage.navigator.training.ensemble import mean_network

    return LearnedPolicy(policy.header, mean_network([policy.layers] * 5), policy.scaling)


def torch_gap(policy: LearnedPolicy) -> tuple[float, int]:
    """Greatest difference between numpy and torch on 10,000 random observations, and how many choices are the same."""
    import torch

    from pilotage.navigator.training.algorithms.networks import Dueling, adopt_plain, dense

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
    everything = np.ones(len(policy.header.actions), dtype=np.bool_)
    one_by_one = LearnedPolicy(_free(policy), policy.layers, policy.scaling)
    found = np.array([one_by_one.decide(row, everything).values for row in rows])
    return float(np.abs(found - wanted).max()), int((found.argmax(1) == wanted.argmax(1)).sum())


def _free(policy: LearnedPolicy):
    """The header without what was tried: every action has its say."""
    from dataclasses import replace

    return replace(policy.header, settings={**policy.header.settings, "output": "value", "tried": None})


if __name__ == "__main__":
    main()
