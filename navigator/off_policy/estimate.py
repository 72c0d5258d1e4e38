"""Estimate: what a policy would have reached on tasks that another policy ran, with intervals and warnings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pilotage.common.statistics import wilson
from pilotage.navigator.arguments import MOST_RESAMPLES, require_seed, require_whole
from pilotage.navigator.errors import LogError
from pilotage.navigator.off_policy.estimators import WITH_MODEL, WITHOUT_MODEL, Name, Terms, logged, terms
from pilotage.navigator.off_policy.log import Float64s, Log
from pilotage.navigator.off_policy.model import FOLDS, fitted_values
from pilotage.navigator.off_policy.probabilities import probabilities_of
from pilotage.navigator.off_policy.weights import Weights
from pilotage.navigator.policies.policy import Policy
from pilotage.navigator.policies.provenance import Provenance, heard, provenance

RESAMPLES = 2000
LEAST_EFFECTIVE = 5.0
"""With fewer effective runs no interval is given: a bootstrap over so few says nothing."""

FEW_EFFECTIVE = 30.0
HEAVY = 0.2
_CHUNK = 200


@dataclass(frozen=True)
class Figure:
    """A value with its 95% interval over tasks; NaN for what is not known."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """Plain data; None for NaN."""
        return {name: value if math.isfinite(value) else None for name, value in vars(self).items()}


@dataclass(frozen=True)
class Estimate:
    """What one estimator says.

    Attributes:
        accuracy: mean score of the answers. An unweighted estimate may leave 0 to 1.
        cost: thousands of tokens a task.
        accuracy_gain: how much more than the logged runs reached, on the same tasks.
        cost_gain: how much more than the logged runs cost.
    """

    accuracy: Figure
    cost: Figure
    accuracy_gain: Figure
    cost_gain: Figure

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {name: figure.to_json() for name, figure in vars(self).items()}


@dataclass(frozen=True)
class Estimates:
    """What is estimated of one policy.

    Attributes:
        policy: its name; `given` for probabilities.
        logged: what the logged runs themselves reached.
        by: the estimates, by the estimator's name.
        effective_sample_size: so many equally weighted runs would vary as much (Kish 1965).
        largest_weight: the greatest weight of a run; 1 is what a run of the logging policy itself has.
        largest_share: share of all weight that the heaviest run has.
        mean_weight: 1 on average, where the probabilities are right and every action has one.
        agreeing: number of runs that the policy could have made.
        lost: share of the policy's own runs that would leave what could be logged.
        warnings: what a reader must know, a sentence each.
    """

    policy: str
    runs: int
    tasks: int
    logged: Estimate
    by: Mapping[Name, Estimate]
    effective_sample_size: float
    largest_weight: float
    largest_share: float
    mean_weight: float
    agreeing: int
    lost: float
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        estimates = {name: one.to_json() for name, one in self.by.items()}
        given = {name: value for name, value in vars(self).items() if name not in ("logged", "by", "warnings")}
        return {**given, "logged": self.logged.to_json(), "estimates": estimates, "warnings": list(self.warnings)}


def estimate(
    log: Log,
    policy: Policy | Float64s,
    *,
    values: Float64s | None = None,
    folds: int = FOLDS,
    resamples: int = RESAMPLES,
    seed: int = 0,
    in_sample: bool = False,
) -> Estimates:
    """Judges a policy by runs that another one made.

    Args:
        log: the runs, with known probabilities.
        policy: the policy, or how probable it is to take each action at each logged decision, shape (N, a).
        values: what is still to come after each action, (N, a, 2), where a model is at hand that did not learn from
            these tasks; fitted here if None, on the other tasks.
        folds: parts of the tasks for fitting; see `fitted_values`.
        resamples: of the bootstrap over tasks.
        seed: of the folds and of the bootstrap. The same log and seed pair the resamples of several policies.
        in_sample: judge it on tasks that it was trained on, too; a warning says so.

    Raises:
        LogError: the probabilities of the logged actions are not known, the policy was trained on logged tasks, or a
            number makes no sense.
        SpecMismatch: the policy chooses what is not legal.
    """
    require_seed(seed, LogError)
    require_whole("the number of resamples", resamples, 1, MOST_RESAMPLES, LogError)
    if isinstance(policy, np.ndarray):
        named, learned, probabilities = "given", Provenance(), policy
    else:
        named, learned = policy.name, provenance(policy)
        if not in_sample:
            _require_apart(named, learned, log)  # before anything is asked
        with heard() as listener:
            probabilities = probabilities_of(policy, log)
        learned |= listener.learned
        if not in_sample:
            _require_apart(named, learned, log)
    own = learned.tasks & set(log.names)
    weights = Weights(log, probabilities)
    if values is None and len(log.names) > 1:
        values = fitted_values(log, weights.target, folds, seed)
    names: tuple[Name, ...] = WITHOUT_MODEL if values is None else (*WITHOUT_MODEL, *WITH_MODEL)
    made: dict[str, Terms] = {"logged": logged(log), **{one: terms(one, weights, values) for one in names}}
    effective, tasks = weights.effective_sample_size, float(len(log.names))
    drawn = _resampled(log, made, resamples, seed)
    base = made["logged"].value(log.share)
    estimates: dict[str, Estimate] = {}
    for one, of in made.items():
        # Resampling tasks says nothing of a model's own error: measured, it held the truth in 4 of 10.
        runs = {"logged": tasks, "dm": 0.0}.get(one, min(effective, tasks))
        unknown = one in WITHOUT_MODEL and not weights.agreeing
        value = np.full(2, np.nan) if unknown else of.value(log.share)
        accuracy, cost = (_figure(value, drawn[one], part, runs) for part in range(2))
        gains = [_figure(value - base, drawn[one] - drawn["logged"], part, runs) for part in range(2)]
        estimates[one] = Estimate(_not_too_sure(accuracy, runs), cost, *gains)
    trained = {
        f"was trained on {len(own)} of the tasks: its figures are in-sample": own,
        "does not say which tasks it was trained on: they may be these": learned.unsaid,
        "went on from another policy, whose tasks its file does not list: they may be these": learned.continued,
    }
    return Estimates(
        policy=named,
        runs=len(log),
        tasks=len(log.names),
        logged=estimates.pop("logged"),
        by={one: estimates[one] for one in names},
        effective_sample_size=effective,
        largest_weight=float(weights.whole.max()),
        largest_share=weights.largest_share,
        mean_weight=float(weights.shared.sum()),
        agreeing=weights.agreeing,
        lost=weights.lost,
        warnings=(
            *(f"{named} {text}" for text, holds in trained.items() if holds),
            *_warnings(weights, values is not None),
        ),
    )


def _require_apart(name: str, learned: Provenance, log: Log) -> None:
    if own := learned.tasks & set(log.names):
        raise LogError(
            f"{name} was trained on {len(own)} of the {len(log.names)} logged tasks ({min(own)!r} for one), so these "
            "runs cannot judge it: give runs on other tasks, or ask for figures on its own (--in-sample)"
        )
    if learned.unsaid:
        raise LogError(
            f"{name} does not say which tasks it was trained on, so nothing tells whether these runs can judge it: "
            "train it anew, or ask for figures that may be in-sample (--in-sample)"
        )


def _resampled(log: Log, made: Mapping[str, Terms], resamples: int, seed: int) -> dict[str, Float64s]:
    """Each estimate on tasks drawn with replacement, (resamples, 2): whole tasks, the same draws for all."""
    generator = np.random.default_rng(seed)
    tasks = len(log.names)
    parts: dict[str, list[Float64s]] = {name: [] for name in made}
    for start in range(0, resamples, _CHUNK):
        drawn = generator.multinomial(tasks, np.full(tasks, 1 / tasks), size=min(_CHUNK, resamples - start))
        shares = drawn[:, log.task] * log.share
        for name, one in made.items():
            parts[name].append(one.value(shares))
    return {name: np.concatenate(values) for name, values in parts.items()}


def _figure(value: Float64s, drawn: Float64s, part: int, runs: float) -> Figure:
    known = drawn[np.isfinite(drawn[:, part]), part]
    if runs < LEAST_EFFECTIVE - 1e-9 or len(known) < 0.95 * len(drawn) or not math.isfinite(value[part]):
        return Figure(float(value[part]), math.nan, math.nan)
    low, high = np.quantile(known, [0.025, 0.975])
    return Figure(float(value[part]), float(low), float(high))


def _not_too_sure(accuracy: Figure, runs: float) -> Figure:
    """Where all runs that count ended alike, no resample differs: the interval of a share of so many runs instead."""
    if accuracy.low != accuracy.high or not 0 <= accuracy.value <= 1:
        return accuracy
    return Figure(accuracy.value, *wilson(accuracy.value * int(runs), int(runs)))


def _warnings(weights: Weights, with_model: bool) -> list[str]:
    log, effective = weights.log, weights.effective_sample_size
    sentences = []
    if weights.lost > 0.005:
        by = ", ".join(weights.left_by())
        sentences.append(
            f"support is missing: about {weights.lost:.0%} of the policy's runs would do what the logged runs never do "
            f"there ({by}); estimates leave them out, the model guesses them"
        )
    if not weights.agreeing:
        sentences.append(
            "no logged run could be the policy's own: only the model says anything, and nothing corrects it"
        )
    elif effective < FEW_EFFECTIVE:
        without = "; no interval is given below 5" if effective < LEAST_EFFECTIVE - 1e-9 else ""
        sentences.append(f"the {len(log)} runs are worth only {effective:.1f} of the policy's own: log more{without}")
    if weights.agreeing and weights.largest_share > HEAVY:
        sentences.append(f"one run has {weights.largest_share:.0%} of all weight: what it reached decides")
    mean, hoped = float(weights.shared.sum()), 1 - weights.lost
    spread = float(np.sqrt((log.share**2 * (weights.whole - mean) ** 2).sum()))
    # A few heavy runs that happen not to come make the mean too small; only wrong probabilities make it far too great.
    enough = LEAST_EFFECTIVE if mean > hoped else FEW_EFFECTIVE
    if effective >= enough and abs(hoped - mean) > 4 * spread + 1e-6:
        sentences.append(
            f"the weights average {mean:.2f}, where {hoped:.2f} is expected: the probabilities of the logged actions "
            "are probably not right"
        )
    if not with_model:
        sentences.append("with one task no model can be fitted: direct and doubly robust estimates are left out")
    return sentences
