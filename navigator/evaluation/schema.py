"""All figures of an evaluation, as models: what `evaluate` gives, `evaluation.json` (version 1) holds and reports read.

Costs are thousands of tokens a task, accuracies shares, intervals 95% over tasks unless noted.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from pilotage.navigator.evaluation.fields import Cost, Count, Interval, Name, Part, Share, Text

FORMAT = "pilotage-evaluation"
VERSION = 1  # a reader refuses another one
BEST_FIXED = "best-fixed"
"""Name of the fixed sequence that was chosen on the training tasks; the gap to the oracle is measured from it."""

_DIGITS = 6


class BankPart(Part):
    """The bank that was evaluated on; `families` gives tasks by family."""

    name: Text
    model: Text
    preset: Text
    tasks: Count
    nodes: Count
    families: dict[Text, Count]


class ProtocolPart(Part):
    """How it was evaluated; `tasks` were evaluated, `bootstrap` is the number of resamples.

    Attributes:
        only: families that alone were judged, by what the others teach; none for all.
        leave_out: families of which nothing was read, learned from or judged.
    """

    kind: Literal["cross-fit", "held-out"]
    folds: Count | None = None
    part: Text | None = None
    parts: dict[str, float] | None = None
    only: tuple[Text, ...] = ()
    leave_out: tuple[Text, ...] = ()
    split_seed: int
    train_seeds: Count
    tasks: Count
    cost_weight: float
    bootstrap: Count
    against: tuple[Text, ...] = ()
    plan: dict[str, Any] = Field(default_factory=dict)
    in_sample: bool = False


class SeedScore(Part):
    """One training of a policy."""

    seed: int
    accuracy: Share
    cost: Cost


class MiddleMean(Part):
    """Interquartile means over runs and tasks (Agarwal et al. 2021, section 4.3); intervals over training seeds."""

    accuracy: Share
    interval: Interval
    value: float | None = None
    value_interval: Interval | None = None


class Bin(Part):
    """Runs for which a similar success was predicted; `n` of them, in expectation."""

    predicted: float
    observed: Share
    n: Cost


class Calibration(Part):
    """How predictions of success and results agree, over `n` runs of all seeds.

    Attributes:
        bins: of equal width, where there are predictions.
        ece: expected calibration error: mean distance of both over the bins, weighted (Naeini et al. 2015).
        brier: mean squared distance of both (Brier 1950).
    """

    bins: tuple[Bin, ...]
    ece: float
    brier: float
    n: Cost


class PolicyFigures(Part):
    """One policy on the judged tasks.

    Attributes:
        coverage: share of the tasks that the bank can tell of; the figures are over these.
        blocks: blocks a task, without the answer.
        value: accuracy less weighted cost.
        unrecorded: share of decisions for which it preferred what was legal but not recorded, and took its next choice.
        iqm: over training seeds and tasks; None for fewer than 3.
        calibration: of its predictions of success; None where it makes none.
        uses: mean times of each action a task.
    """

    name: Name
    kind: Literal["baseline", "learned", "oracle"]
    about: Text = ""
    coverage: Share
    accuracy: Share
    accuracy_interval: Interval
    cost: Cost
    cost_interval: Interval
    blocks: Cost
    value: float
    unrecorded: Share = 0.0
    seeds: tuple[SeedScore, ...] = ()
    iqm: MiddleMean | None = None
    calibration: Calibration | None = None
    uses: dict[Name, Cost] = Field(default_factory=dict)


class Comparison(Part):
    """`policy` against `against`, on the tasks that the bank can tell of for both.

    Attributes:
        better: tasks that only `policy` is right on: with an expected score, over samples and seeds, above one half.
        mcnemar_p: exact two-sided p-value of better against worse (McNemar 1947); None where scores are expectations.
        permutation_p: two-sided p-value of the differences themselves, by flipping signs (Fisher 1935).
        holm_p: `p`, adjusted for all comparisons with `against` (Holm 1979).
        cost_ratio: mean cost of the one by that of the other; None where the other costs nothing.
        value_difference: of the values, score less weighted cost.
        gap_closed: share of the gap in value between the best fixed sequence and the oracle that `policy` closes; None
            where `against` is another one, where there is no gap, or no oracle.
    """

    policy: Name
    against: Name
    tasks: Count
    difference: float
    interval: Interval
    better: Cost
    worse: Cost
    mcnemar_p: Share | None = None
    holm_p: Share | None = None
    permutation_p: Share | None = None
    cost_ratio: Cost | None = None
    cost_ratio_interval: Interval | None = None
    value_difference: float | None = None
    value_interval: Interval | None = None
    gap_closed: float | None = None
    gap_closed_interval: Interval | None = None

    @property
    def p(self) -> float | None:
        """Of the test that fits the scores: McNemar's where tasks are right or wrong, sign flips for expectations."""
        return self.permutation_p if self.mcnemar_p is None else self.mcnemar_p


class Point(Part):
    """One setting of a policy: its effort, or what the cost weight amounts to; None for a fixed sequence."""

    effort: float | None = None
    cost_weight: float | None = None
    accuracy: Share
    accuracy_interval: Interval | None = None
    cost: Cost
    cost_interval: Interval | None = None


class Line(Part):
    """A policy at its settings, in order of the effort; a single point for what has none."""

    policy: Name
    points: tuple[Point, ...]


class Score(Part):
    """A policy on one family; nothing where the bank cannot tell."""

    accuracy: Share | None = None
    cost: Cost | None = None


class FamilyPart(Part):
    """One family of tasks, by policy."""

    family: Text
    tasks: Count
    policies: dict[Name, Score]


class Transfer(Part):
    """A policy against the best fixed sequence, on `held_out`: families, or the bank of another model.

    Neither was trained there; both are known on `tasks` tasks.
    """

    policy: Name
    kind: Literal["family", "bank"]
    held_out: Text
    tasks: Count
    accuracy: Share
    cost: Cost
    best_fixed_accuracy: Share
    best_fixed_cost: Cost
    difference: float
    interval: Interval


class Edge(Part):
    """How often a task goes from one block to another, in expectation."""

    source: Name = Field(alias="from")
    to: Name
    share: Cost


class Routes(Part):
    """The moves of a policy, on one family or on all tasks (None)."""

    policy: Name
    family: Text | None = None
    edges: tuple[Edge, ...]


class Curve(Part):
    """One training: scores after so many steps on the validation tasks, mean over folds."""

    policy: Name
    seed: int
    steps: tuple[float, ...]
    accuracy: tuple[float, ...]
    cost: tuple[float, ...] = ()
    value: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        for name in ("accuracy", "cost", "value"):
            values = getattr(self, name)
            if len(values) != len(self.steps) and (values or name == "accuracy"):
                raise ValueError(f"it has {len(self.steps)} steps and {len(values)} values of {name}")
        return self


class Evaluation(Part):
    """A whole evaluation. In a file, what a section is about may be missing; the report then says so.

    Attributes:
        frontier: policies at several settings, and fixed sequences.
        defects: sentences a reader should know before believing the figures.
        unmeasured: policies of a file of which nothing is recorded.
        outcomes: by policy and task, expected score and cost of what is known; for checks, in no evaluation.json.
    """

    bank: BankPart
    protocol: ProtocolPart
    policies: tuple[PolicyFigures, ...] = Field(min_length=1)
    comparisons: tuple[Comparison, ...] = ()
    frontier: tuple[Line, ...] = ()
    families: tuple[FamilyPart, ...] = ()
    transfer: tuple[Transfer, ...] = ()
    routes: tuple[Routes, ...] = ()
    curves: tuple[Curve, ...] = ()
    defects: tuple[Text, ...] = ()
    unmeasured: tuple[Name, ...] = Field(default=(), exclude=True)
    outcomes: Mapping[str, Mapping[str, tuple[float, float]]] = Field(default_factory=dict, exclude=True)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        if twice := [name for name, n in Counter(one.name for one in self.policies).items() if n > 1]:
            raise ValueError(f"two policies have the name {min(twice)!r}")
        return self

    def policy(self, name: str) -> PolicyFigures:
        """The figures of one policy; raises KeyError where it did not take part."""
        return {one.name: one for one in self.policies}[name]

    def comparison(self, policy: str, against: str) -> Comparison:
        """One pair; raises KeyError where it was not compared."""
        return {(one.policy, one.against): one for one in self.comparisons}[policy, against]

    def to_json(self) -> dict[str, Any]:
        """Plain data: lists, dictionaries, text, numbers with six decimals, and None for what is not known."""
        return _plain({"format": FORMAT, "version": VERSION, **self.model_dump(by_alias=True)})  # type: ignore[no-any-return]

    def outcomes_csv(self) -> str:
        """Expected score and cost (thousands of tokens) of every policy on every task that is known, as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("policy", "task", "score", "cost"))
        writer.writerows(
            (policy, task, round(score, _DIGITS), round(cost, _DIGITS))
            for policy, by_task in self.outcomes.items()
            for task, (score, cost) in by_task.items()
        )
        return text.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return round(value, _DIGITS) + 0.0 if math.isfinite(value) else None
    return value
