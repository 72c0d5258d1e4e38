"""What an evaluation file holds, checked: `evaluation.json`, version 1, as frozen models."""

from __future__ import annotations

import json
import unicodedata
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pilotage.navigator.errors import ReportError

FORMAT = "pilotage-evaluation"
VERSION = 1

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNPRINTABLE = ("Cc", "Cs", "Co", "Cn")
_AGAIN = "write it anew with `pilotage evaluate`"


def _printable(text: str) -> str:
    """The text on one line, without characters that XML forbids or that would reorder what stands around it."""
    line = " ".join(text.split())
    return "".join("\ufffd" if sign in _BIDI or unicodedata.category(sign) in _UNPRINTABLE else sign for sign in line)


def _ordered(interval: tuple[float, float]) -> tuple[float, float]:
    if interval[0] > interval[1]:
        raise ValueError("its lower end is above its upper end")
    return interval


Text = Annotated[str, AfterValidator(_printable)]
Name = Annotated[str, AfterValidator(_printable), Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Cost = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Interval = Annotated[tuple[float, float], AfterValidator(_ordered)]


class Part(BaseModel):
    """Base of all parts; what a later version adds is left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class BankPart(Part):
    """The bank that was evaluated on; `families` gives tasks by family."""

    name: Text
    model: Text
    preset: Text
    tasks: Count
    nodes: Count
    families: dict[Name, Count]


class Protocol(Part):
    """How it was evaluated; `tasks` were evaluated, `bootstrap` is the number of resamples."""

    kind: Literal["cross-fit", "held-out"]
    folds: Count | None = None
    split_seed: int
    train_seeds: Count
    tasks: Count
    cost_weight: float
    bootstrap: Count


class Seed(Part):
    """One training of a policy."""

    seed: int
    accuracy: Share
    cost: Cost


class MiddleMean(Part):
    """Interquartile mean over runs and tasks (Agarwal et al. 2021, section 4.3)."""

    accuracy: Share
    interval: Interval


class Bin(Part):
    """Runs for which a similar success was predicted; `n` of them, in expectation."""

    predicted: float
    observed: Share
    n: Cost


class Calibration(Part):
    """How well a policy foretells success. `ece`: expected calibration error; `n` runs, over all seeds."""

    bins: tuple[Bin, ...]
    ece: float
    brier: float
    n: Cost


class PolicyPart(Part):
    """One policy. Costs are thousands of tokens a task, accuracies shares."""

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
    seeds: tuple[Seed, ...] = ()
    iqm: MiddleMean | None = None
    calibration: Calibration | None = None
    uses: dict[Name, Cost] = Field(default_factory=dict)


class Comparison(Part):
    """One policy against another on the same tasks; `difference` is in accuracy, the gap that is closed in value."""

    policy: Name
    against: Name
    tasks: Count
    difference: float
    interval: Interval
    better: Cost
    worse: Cost
    mcnemar_p: Share | None = None
    holm_p: Share | None = None
    cost_ratio: Cost | None = None
    cost_ratio_interval: Interval | None = None
    value_difference: float | None = None
    value_interval: Interval | None = None
    gap_closed: float | None = None
    gap_closed_interval: Interval | None = None


class Point(Part):
    """One setting of a policy on the plane of accuracy and cost."""

    effort: float | None = None
    cost_weight: float | None = None
    accuracy: Share
    accuracy_interval: Interval | None = None
    cost: Cost
    cost_interval: Interval | None = None


class Line(Part):
    """A policy at several settings; a single point for what has none."""

    policy: Name
    points: tuple[Point, ...]


class Score(Part):
    """A policy on one family; nothing where the bank cannot tell."""

    accuracy: Share | None = None
    cost: Cost | None = None


class FamilyPart(Part):
    """One family of tasks, by policy."""

    family: Name
    tasks: Count
    policies: dict[Name, Score]


class Transfer(Part):
    """A policy on what it was not trained on, against the best fixed sequence there."""

    policy: Name
    kind: Literal["family", "bank"]
    held_out: Name
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
    family: Name | None = None
    edges: tuple[Edge, ...]


class Curve(Part):
    """One training: scores after so many steps, on the validation tasks."""

    policy: Name
    seed: int
    steps: tuple[float, ...]
    accuracy: tuple[float, ...]
    cost: tuple[float, ...] = ()
    value: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        for name in ("accuracy", "cost", "value"):
            found = getattr(self, name)
            if len(found) != len(self.steps) and (found or name == "accuracy"):
                raise ValueError(f"it has {len(self.steps)} steps and {len(found)} values of {name}")
        return self


class EvaluationData(Part):
    """A whole evaluation file. What a section is about may be missing; the report then says so."""

    bank: BankPart
    protocol: Protocol
    policies: tuple[PolicyPart, ...] = Field(min_length=1)
    comparisons: tuple[Comparison, ...] = ()
    frontier: tuple[Line, ...] = ()
    families: tuple[FamilyPart, ...] = ()
    transfer: tuple[Transfer, ...] = ()
    routes: tuple[Routes, ...] = ()
    curves: tuple[Curve, ...] = ()
    defects: tuple[Text, ...] = ()
    unmeasured: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [policy.name for policy in self.policies]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two policies have the name {twice[0]!r}")
        return self


def as_json(evaluation: Any) -> Any:
    """The same as plain JSON types; NaN and infinities become null, lone surrogates question marks.

    Raises:
        ReportError: it holds something that JSON cannot.
    """
    try:
        text = json.dumps(evaluation, ensure_ascii=False)
        return json.loads(text.encode("utf-8", "replace"), parse_constant=lambda _: None)
    except (TypeError, ValueError, RecursionError) as error:
        raise ReportError(f"the evaluation holds something that JSON cannot ({error}): {_AGAIN}") from error


def parse(evaluation: Any, source: str = "the evaluation") -> EvaluationData:
    """The evaluation, checked. Policies without a score (nothing of them is recorded) are only named.

    Args:
        evaluation: plain JSON types, as `as_json` gives them.
        source: what to call it in messages.

    Raises:
        ReportError: it is something else, of another version, or a part is missing or impossible.
    """
    if not isinstance(evaluation, dict) or evaluation.get("format") != FORMAT:
        raise ReportError(f"{source} is no evaluation: give the evaluation.json that `pilotage evaluate` wrote")
    version = evaluation.get("version")
    if version != VERSION or isinstance(version, bool):
        raise ReportError(f"{source} has version {version!r}, this pilotage reads {VERSION}: {_AGAIN}")
    policies = evaluation.get("policies")
    if isinstance(policies, list):
        scored = [one for one in policies if not _has_no_score(one)]
        if policies and not scored:
            raise ReportError(f"{source} has no score of any policy: the bank holds none of their routes; record more")
        unmeasured = [one.get("name") for one in policies if _has_no_score(one)]
        evaluation = {**evaluation, "policies": scored, "unmeasured": unmeasured}
    try:
        return EvaluationData.model_validate(evaluation)
    except ValidationError as error:
        raise ReportError(f"{source}: {_first(error)}; {_AGAIN}") from error


def _has_no_score(policy: Any) -> bool:
    return isinstance(policy, dict) and policy.get("coverage") == 0 and policy.get("accuracy") is None


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    place = ".".join(str(step) for step in found[0]["loc"])
    what = found[0]["msg"].removeprefix("Value error, ")
    what = "it is missing" if found[0]["type"] == "missing" else what[:1].lower() + what[1:]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{place}: {what}{more}" if place else f"{what}{more}"
