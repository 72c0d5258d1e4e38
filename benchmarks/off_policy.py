"""How well do off-policy estimates tell? Runs are drawn from recorded trees, on which the truth is known.

    PYTHONPATH=. python benchmarks/off_policy.py                    a made-up bank, that of the tests
    python benchmarks/off_policy.py --bank BANK --logging epsilon=0.3:rules --policy fixed:program,answer

Prints, for every estimator, its error against the exact value over many logs, and how often its 95% interval holds it,
where it gives one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from pilotage.agent.routing.policies import policy_for
from pilotage.navigator import Bank
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.off_policy import Figure, estimate
from pilotage.navigator.off_policy.sampling import drawn_log
from pilotage.navigator.policies.policy import Policy
from pilotage.navigator.values.rollout import by_probabilities, rollout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path)
    parser.add_argument("--logging", default="epsilon=0.5:fixed:program,verify,answer")
    parser.add_argument("--policy", default="fixed:program,answer")
    parser.add_argument("--logs", type=int, default=100)
    parser.add_argument("--runs", type=int, default=300, help="in each log")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bank = Bank.open(given.bank) if given.bank else made_up(Path(folder))
        arrays = BankArrays.of(bank)
        found = study(arrays, named(given.logging, bank), named(given.policy, bank), given.logs, given.runs)
    if given.json:
        print(json.dumps(found))
        return
    about = (
        f"{given.logs} logs of {given.runs} runs by {given.logging}, worth {found['effective']:.0f} of {given.policy}"
    )
    print(f"{about}\nexact: {found['accuracy']:.1%} right, {1000 * found['cost']:.0f} tokens a task\n")
    print("| estimator | error, points right | interval holds it | error, tokens | interval holds it |")
    print("|---|---|---|---|---|")
    for name, (right, held, tokens, held_tokens) in found["by"].items():
        shares = ["none given" if np.isnan(share) else f"{share:.0%}" for share in (held, held_tokens)]
        print(f"| `{name}` | {100 * right:.1f} | {shares[0]} | {1000 * tokens:.1f} | {shares[1]} |")


def made_up(folder: Path) -> Bank:
    """60 tasks in three families: one needs a program, one needs reasoning, one nothing."""
    from tests.navigator.banks import learnable_bank

    return learnable_bank(folder, tasks=60, depth=2)


def named(name: str, bank: Bank) -> Policy:
    """A policy by name, over the bank's own actions and features."""
    return policy_for(name, bank.actions, bank.observations)


def chances(arrays: BankArrays, policy: Policy) -> np.ndarray:
    """How likely a policy is to take each action in each state."""
    rows = zip(arrays.features, arrays.playable, strict=True)
    return np.array([policy.decide(seen, mask).distribution(len(mask)) for seen, mask in rows])


def holds(figure: Figure, truth: float) -> float:
    """1 where the interval holds the truth, 0 where not, NaN where there is none; to the last bit but nine."""
    return float("nan") if np.isnan(figure.low) else float(figure.low - 1e-9 <= truth <= figure.high + 1e-9)


def share(held: np.ndarray) -> float:
    """Mean over the logs that gave an interval; NaN where none did."""
    return float("nan") if np.isnan(held).all() else float(np.nanmean(held))


def study(arrays: BankArrays, logging: Policy, policy: Policy, logs: int, runs: int) -> dict:
    """Root mean square errors and shares of intervals that hold the truth, by estimator."""
    exact = rollout(arrays, by_probabilities(chances(arrays, policy))).outcomes
    behaviour = chances(arrays, logging)
    errors: dict[str, list[tuple[float, ...]]] = {}
    effective = []
    for seed in range(logs):
        found = estimate(drawn_log(arrays, behaviour, runs, seed), policy, resamples=400, seed=seed)
        effective.append(found.effective_sample_size)
        for name, one in found.by.items():
            right, cost = one.accuracy, one.cost
            row = (right.value - exact.accuracy, holds(right, exact.accuracy))
            row += (cost.value - exact.mean_cost, holds(cost, exact.mean_cost))
            errors.setdefault(name, []).append(row)
    by = {}
    for name, rows in errors.items():
        table = np.array(rows, dtype=float)
        by[name] = [
            float(np.sqrt(np.nanmean(table[:, place] ** 2))) if place % 2 == 0 else share(table[:, place])
            for place in range(4)
        ]
    return {"accuracy": exact.accuracy, "cost": exact.mean_cost, "effective": float(np.mean(effective)), "by": by}


if __name__ == "__main__":
    main()
