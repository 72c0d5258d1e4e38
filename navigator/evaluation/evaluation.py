"""Evaluation: all figures of a comparison, as objects and as the JSON that reports are made of."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pilotage.navigator.evaluation.bootstrap import Interval
from pilotage.navigator.evaluation.calibration import Calibration
from pilotage.navigator.evaluation.comparison import Comparison
from pilotage.navigator.evaluation.frontier import Line
from pilotage.navigator.evaluation.transfer import Transfer

FORMAT = "pilotage-evaluation"
VERSION = 1
"""Of the JSON. A reader refuses another one."""

_DIGITS = 6


@dataclass(frozen=True)
class SeedScore:
    """One training seed of a policy: accuracy, and thousands of tokens a task."""

    seed: int
    accuracy: float
    cost: float


@dataclass(frozen=True)
class MiddleMean:
    """Interquartile means over runs and tasks, with the 95% interval that other training seeds would fall in."""

    accuracy: float
    interval: Interval
    value: float
    value_interval: Interval


@dataclass(frozen=True)
class PolicyFigures:
    """One policy on the judged tasks.

    Attributes:
        name: its name.
        kind: `baseline`, `learned` or `oracle`.
        about: how it was made.
        coverage: share of the tasks that the bank can tell of; the figures are over these.
        accuracy: mean score.
        accuracy_interval: 95%, over tasks.
        cost: thousands of tokens a task.
        cost_interval: likewise.
        blocks: blocks a task, without the answer.
        value: accuracy less weighted cost.
        unrecorded: share of decisions for which it preferred what was legal but not recorded, and took its next choice.
        seeds: its training seeds, where it has several.
        iqm: over these and the tasks; None for fewer than 3.
        calibration: of its predictions of success; None where it makes none.
        uses: mean times of each action a task.
    """

    name: str
    kind: str
    about: str
    coverage: float
    accuracy: float
    accuracy_interval: Interval
    cost: float
    cost_interval: Interval
    blocks: float
    value: float
    unrecorded: float
    seeds: tuple[SeedScore, ...]
    iqm: MiddleMean | None
    calibration: Calibration | None
    uses: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **vars(self),
            "seeds": [vars(one) for one in self.seeds],
            "iqm": vars(self.iqm) if self.iqm else None,
            "calibration": self.calibration.to_json() if self.calibration else None,
        }


@dataclass(frozen=True)
class Evaluation:
    """What came of comparing policies on a bank.

    Attributes:
        bank: name, model, preset, tasks, nodes and families of the bank.
        protocol: how tasks were held out, seeds, cost weight, and what else the figures depend on.
        policies: figures of each policy.
        comparisons: of pairs.
        frontier: policies at several settings, and fixed sequences.
        families: by family, accuracy and cost of each policy.
        transfer: to unseen families and other banks.
        routes: by policy and family (None for all), how often one block follows another.
        curves: what each training scored on its validation tasks, mean over folds.
        defects: sentences a reader should know before believing the figures.
        outcomes: by policy and task, expected score and cost; without the tasks that are unknown. For those who check.
    """

    bank: Mapping[str, Any]
    protocol: Mapping[str, Any]
    policies: tuple[PolicyFigures, ...]
    comparisons: tuple[Comparison, ...]
    frontier: tuple[Line, ...]
    families: tuple[Mapping[str, Any], ...]
    transfer: tuple[Transfer, ...]
    routes: tuple[Mapping[str, Any], ...]
    curves: tuple[Mapping[str, Any], ...]
    defects: tuple[str, ...]
    outcomes: Mapping[str, Mapping[str, tuple[float, float]]]

    def policy(self, name: str) -> PolicyFigures:
        """The figures of one policy; raises KeyError where it did not take part."""
        found = {one.name: one for one in self.policies}
        return found[name]

    def comparison(self, policy: str, against: str) -> Comparison:
        """One pair; raises KeyError where it was not compared."""
        found = {(one.policy, one.against): one for one in self.comparisons}
        return found[policy, against]

    def to_json(self) -> dict[str, Any]:
        """Plain data: lists, dictionaries, text, numbers with six decimals, and None for what is not known."""
        parts: dict[str, Any] = {"format": FORMAT, "version": VERSION}
        for name, value in vars(self).items():
            if name == "outcomes":  # one line a task and policy: a table of its own, see `outcomes_csv`
                continue
            whole = isinstance(value, tuple) and value and hasattr(value[0], "to_json")
            parts[name] = [one.to_json() for one in value] if whole else value
        plain: dict[str, Any] = _plain(parts)
        return plain

    def outcomes_csv(self) -> str:
        """Expected score and cost (thousands of tokens) of every policy on every task that is known, as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("policy", "task", "score", "cost"))
        for policy, by_task in self.outcomes.items():
            for task, (score, cost) in by_task.items():
                writer.writerow((policy, task, round(score, _DIGITS), round(cost, _DIGITS)))
        return text.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, _DIGITS) + 0.0 if np.isfinite(value) else None
    return value
