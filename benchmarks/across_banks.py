"""Policies of several evaluations side by side, on the tasks that all of them judged, paired.

    python benchmarks/across_banks.py free/outcomes.csv=cql:ensemble free/outcomes.csv=best-fixed rlot/outcomes.csv=rlot

Each argument is an `outcomes.csv` of `pilotage evaluate --out` and a policy in it. Banks of other presets have other
features and actions, so one evaluation cannot hold them; what a policy reached on a task and what that cost can be
compared all the same, where model, budget and tasks are the same. The first one is what the others are compared with.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np

from pilotage.common.statistics import holm, paired_p
from pilotage.navigator.evaluation.bootstrap import Resampler

Outcomes = dict[str, tuple[float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policies", nargs="+", metavar="FILE=POLICY")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    try:
        found = {text: read(*text.partition("=")[::2]) for text in given.policies}
        report = compared(found)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(json.dumps(report) if given.json else text_of(report))


def read(file: str, policy: str) -> Outcomes:
    """Score and cost (thousands of tokens) by task; raises ValueError where the file has no such policy."""
    with Path(file).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or set(rows[0]) != {"policy", "task", "score", "cost"}:
        raise ValueError(f"{file} is no outcomes.csv; `pilotage evaluate --out FOLDER` writes one")
    found = {row["task"]: (float(row["score"]), float(row["cost"])) for row in rows if row["policy"] == policy}
    if not found:
        raise ValueError(
            f"{file} has no policy {policy!r}; it has {', '.join(sorted({row['policy'] for row in rows}))}"
        )
    return found


def compared(found: dict[str, Outcomes]) -> dict:
    """Figures of every policy on the common tasks; intervals are 95%, over tasks."""
    tasks = sorted(set.intersection(*(set(outcomes) for outcomes in found.values())))
    if not tasks:
        raise ValueError("the files have no task in common")
    scores, costs = (
        {name: np.array([outcomes[task][place] for task in tasks]) for name, outcomes in found.items()}
        for place in (0, 1)
    )
    draws = Resampler(len(tasks))
    first, *others = found
    p_values = {name: paired_p((scores[name] - scores[first]).tolist()) for name in others}
    adjusted = holm(p_values)
    rows = []
    for name in found:
        row = {
            "policy": name,
            "accuracy": float(scores[name].mean()),
            "accuracy_interval": [float(x) for x in draws.accuracy(scores[name])],
            "cost": float(costs[name].mean()),
            "cost_interval": [float(x) for x in draws.mean(costs[name])],
        }
        if name in adjusted:
            gain = scores[name] - scores[first]
            row |= {
                "difference": float(gain.mean()),
                "difference_interval": [float(x) for x in draws.mean(gain)],
                "cost_ratio": float(costs[name].mean() / costs[first].mean()),
                "cost_ratio_interval": [float(x) for x in draws.ratio(costs[name], costs[first])],
                "p": p_values[name],
                "holm_p": adjusted[name],
            }
        rows.append(row)
    return {"tasks": len(tasks), "against": first, "policies": rows}


def text_of(report: dict) -> str:
    """The report for people."""
    out = [f"{report['tasks']} tasks; intervals are 95%, over tasks; p adjusted by Holm", ""]
    for row in report["policies"]:
        (low, high), (less, more) = row["accuracy_interval"], row["cost_interval"]
        out.append(
            f"{row['policy']}: {row['accuracy']:.1%} right ({low:.0%} to {high:.0%}), {1000 * row['cost']:.0f} tokens "
            f"({1000 * less:.0f} to {1000 * more:.0f})"
        )
        if "difference" in row:
            (low, high), (less, more) = row["difference_interval"], row["cost_ratio_interval"]
            out.append(
                f"    {100 * row['difference']:+.1f} points ({100 * low:+.0f} to {100 * high:+.0f}, "
                f"p = {row['holm_p']:.2f}), {row['cost_ratio']:.2f} times the tokens ({less:.2f} to {more:.2f})"
            )
    return "\n".join(out)


if __name__ == "__main__":
    main()
