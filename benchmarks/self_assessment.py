"""What a model's assessment of its own steps costs, and what it tells, on a recorded bank of `rlot` or `rlot+free`.

    python benchmarks/self_assessment.py BANK [--json]

The AUC of a score is the chance that it is higher after a step from which stopping answers right than after one from
which it does not, ties as halves: 0.5 tells nothing, 1 everything, 0 everything the other way round. Intervals are 95%,
over tasks drawn anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pilotage.agent.routing.self_scores import FEATURES, UNKNOWN
from pilotage.navigator import Bank
from pilotage.navigator.bank.records import Node, cost_of
from pilotage.navigator.errors import NavigatorError

RESAMPLES = 1_000


@dataclass(frozen=True)
class Told:
    """What one score tells: its mean, how often it is unknown, its AUC with an interval (None where all end alike)."""

    score: str
    mean: float
    unknown: float
    auc: float | None
    interval: tuple[float, float] | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bank", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    try:
        report = measured(Bank.open(given.bank))
    except NavigatorError as error:
        sys.exit(f"error: {error}")
    print(json.dumps(report) if given.json else text_of(report))


def measured(bank: Bank) -> dict:
    """Cost, forms and AUCs of all self-assessments in a bank; raises NavigatorError where it holds none."""
    names = [feature.name for feature in bank.meta.observations.features]
    wanted = [feature.name for feature in FEATURES]
    if not set(wanted) <= set(names):
        raise NavigatorError(f"{bank.path} holds no self-assessments; record one with --preset rlot or rlot+free")
    columns = [names.index(name) for name in wanted]
    by_task = [[node for node in bank.tree(task) if node.action] for task in bank.headers]
    steps = [node for nodes in by_task for node in nodes]
    if not steps:
        raise NavigatorError(f"{bank.path} holds no recorded step")
    task = np.concatenate([np.full(len(nodes), place) for place, nodes in enumerate(by_task)])
    scores = np.array([[node.observation[column] for column in columns] for node in steps])
    right = np.array([node.score for node in steps]) > 0.5
    paid = charges(steps)
    drawn = np.random.default_rng(0).multinomial(len(by_task), [1 / len(by_task)] * len(by_task), size=RESAMPLES)
    forms = Counter(" ".join(f"{value:.0f}" for value in row) for row in scores)
    return {
        "bank": str(bank.path),
        "tasks": len(by_task),
        "assessments": len(steps),
        "right": float(right.mean()),
        "share_of_tokens": sum(map(cost_of, paid)) / sum(step.cost for step in steps),
        "completion_tokens": float(np.mean([usage["completion_tokens"] for usage in paid])) if paid else 0.0,
        "forms": [(form, times / len(steps)) for form, times in forms.most_common(3)],
        "scores": [asdict(told(name, scores[:, place], right, drawn[:, task])) for place, name in enumerate(wanted)],
    }


def charges(steps: list[Node]) -> list[dict]:
    """What each assessment after these steps cost."""
    found = (charge for step in steps for charge in step.extras.get("charges", ()))
    return [charge["usage"] for charge in found if charge["by"].startswith("rlot")]


def told(name: str, score: np.ndarray, right: np.ndarray, drawn: np.ndarray) -> Told:
    """The figures of one score.

    Args:
        name: of the score.
        score: after each step, shape (steps,).
        right: whether stopping there answers right, shape (steps,).
        drawn: how often each step's task is in each draw, shape (draws, steps).
    """
    known = score != UNKNOWN
    rights, wrongs = known & right, known & ~right
    mean, unknown = float(score[known].mean()) if known.any() else UNKNOWN, float(1 - known.mean())
    ahead = np.sign(score[rights][:, None] - score[wrongs][None, :]) / 2 + 0.5
    if not ahead.size:
        return Told(name, mean, unknown, None, None)
    pairs = ((times[rights], times[wrongs]) for times in drawn)
    again = [a @ ahead @ b / (a.sum() * b.sum()) for a, b in pairs if a.any() and b.any()]
    low, high = np.quantile(again, (0.025, 0.975))
    return Told(name, mean, unknown, float(ahead.mean()), (float(low), float(high)))


def text_of(report: dict) -> str:
    """The report as people read it."""
    steps = f"{report['assessments']} steps on {report['tasks']} tasks, {report['right']:.0%} of them right"
    cost = (
        f"self-assessment: {report['share_of_tokens']:.0%} of their tokens, "
        f"{report['completion_tokens']:.0f} completion tokens a step"
    )
    forms = "; ".join(f"{form} ({share:.0%})" for form, share in report["forms"])
    lines = [steps, cost, f"most frequent: {forms}", "", f"{'score':18}  mean  unknown  AUC"]
    for one in report["scores"]:
        auc = (
            "all end alike" if one["auc"] is None else "{:.2f} ({:.2f} to {:.2f})".format(one["auc"], *one["interval"])
        )
        lines.append(f"{one['score']:18}  {one['mean']:4.2f}  {one['unknown']:7.1%}  {auc}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
