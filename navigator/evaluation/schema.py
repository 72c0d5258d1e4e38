"""All figures of an evaluation, as models: what `evaluate` gives, `evaluation.json` (version 1) holds and reports read.

Costs are thousands of tokens a task, accuracies shares, intervals 95% over tasks unless noted.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from pilotage.navigator.evaluation.comparison_parts import Comparison, Room, Transfer
from pilotage.navigator.evaluation.fields import DIGITS, Cost, Count, Interval, Name, Part, Share, Text, plain

FORMAT = "pilotage-evaluation"
VERSION = 1  # a reader refuses another one
BEST_FIXED = "best-fixed"
"""Name of the fixed sequence that was chosen on the training tasks; the gap to the oracle is measured from it."""


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
        tried: variants beside the policies that were looked at on these tasks, without those of `tried_names`.
        tried_names: such variants by name.
        adjusted_for: how many comparisons `holm_p` is adjusted for: all pairs of the evaluation, and each variant that
            was tried with each of `against`; None in files of before, which adjusted for those with one opponent.
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
    tried: Count = 0
    tried_names: tuple[Text, ...] = ()
    adjusted_for: Count | None = None


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
        accuracy_family_interval: families are drawn anew, and tasks within them; None for too few families. So are
            `cost_family_interval` and those of comparisons.
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
    accuracy_family_interval: Interval | None = None
    cost: Cost
    cost_interval: Interval
    cost_family_interval: Interval | None = None
    blocks: Cost
    value: float
    unrecorded: Share = 0.0
    seeds: tuple[SeedScore, ...] = ()
    iqm: MiddleMean | None = None
    calibration: Calibration | None = None
    uses: dict[Name, Cost] = Field(default_factory=dict)


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
        room: families that leave a router room; None where nothing was learned of any judged family.
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
    room: Room | None = None
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
        return plain({"format": FORMAT, "version": VERSION, **self.model_dump(by_alias=True)})  # type: ignore[no-any-return]

    def outcomes_csv(self) -> str:
        """Expected score and cost (thousands of tokens) of every policy on every task that is known, as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("policy", "task", "score", "cost"))
        writer.writerows(
            (policy, task, round(score, DIGITS), round(cost, DIGITS))
            for policy, by_task in self.outcomes.items()
            for task, (score, cost) in by_task.items()
        )
        return text.getvalue()
