"""Figures: what result lines come to, on the tasks that every method has done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pilotage.agent.banks.sources import Assigned
from pilotage.agent.batch.rows import key
from pilotage.agent.batch.summary import Excess, limits_met
from pilotage.agent.bench.curves import draw_curves
from pilotage.agent.bench.outcomes import Outcomes
from pilotage.agent.bench.run import Lane
from pilotage.agent.bench.schema import Benched, CostModel, MethodFigures, Setting, Together
from pilotage.agent.errors import UsageError
from pilotage.agent.models.prices import Price
from pilotage.agent.tasks.procbench import metrics_of
from pilotage.agent.trace import Usage
from pilotage.navigator.bank.arrays import Float64s
from pilotage.navigator.evaluation.bootstrap import Resampler, over_families
from pilotage.navigator.evaluation.comparison import Scored, adjusted, paired
from pilotage.navigator.evaluation.comparison_parts import Comparison
from pilotage.navigator.evaluation.schema import FamilyPart, Score

_SAME = 1e-9

FEW = 30
"""Tasks below which a report says that they show large differences only."""


@dataclass(frozen=True)
class Terms:
    """How figures are made.

    Attributes:
        cost_model: of the idealised cost.
        price: of the tokens of the run's own model, where it is known.
        others: prices of second models, by name.
        bootstrap: resamples of the intervals.
    """

    cost_model: CostModel = field(default_factory=CostModel)
    price: Price | None = None
    others: Mapping[str, Price] = field(default_factory=dict)
    bootstrap: int = 10_000

    def dollars(self, usage: Usage) -> float:
        """What a usage costs, each part of it at the price of its model; not a number where one is not known."""
        if usage.total_tokens == 0:
            return 0.0
        if self.price is None:
            return float("nan") if usage.cost is None else usage.cost
        parts = [(self.price, usage.own), *((self.others.get(name), part) for name, part in usage.others.items())]
        return sum(
            price.of(part).cost_usd if price is not None else float("nan") for price, part in parts if part.total_tokens
        )


def outcomes_of(lanes: Sequence[Lane], assigned: Sequence[Assigned]) -> list[Outcomes]:
    """What every method did on the tasks that all have done, and in the repeats in which all have.

    Raises:
        UsageError: there is none.
    """
    lines: dict[str, list[list[Mapping[str, Any]]]] = {lane.method.label: [] for lane in lanes}
    shared: list[Assigned] = []
    for one in assigned:
        done: dict[int, list[Lane]] = {}
        for lane in lanes:
            if lane.place.is_done(one.task):
                done.setdefault(lane.repeat, []).append(lane)
        whole = [ours for _, ours in sorted(done.items()) if len(ours) == len(lines)]
        if whole:
            shared.append(one)
            for name in lines:
                lines[name].append([])
            for lane in (lane for ours in whole for lane in ours):
                lines[lane.method.label][-1].append(lane.results.done[key(one.task.id, lane.repeat)])
    if not shared:
        raise UsageError("no task was done by every method yet: run the same command again with --resume")
    tasks, families = tuple(one.task for one in shared), tuple(one.header.family for one in shared)
    conditions = {lane.method.label: lane.results.conditions for lane in lanes}
    return [Outcomes(name, tasks, families, found, conditions[name]) for name, found in lines.items()]


def figures_of(outcomes: Sequence[Outcomes], setting: Mapping[str, Any], terms: Terms, notes: Sequence[str]) -> Benched:
    """All figures.

    Args:
        outcomes: of each method, the first of them what the others are compared with.
        setting: what the figures cannot tell: `sources`, `model`, `repeats`, `seed`, `budget`.
        terms: how they are made.
        notes: what else a reader should know.
    """
    first = outcomes[0]
    resampler = Resampler(len(first.tasks), terms.bootstrap)
    by_family = over_families(first.families, terms.bootstrap, resampler.seed)
    scored = [Scored(one.name, one.score, one.cost) for one in outcomes]
    others = scored[1:]
    made = [paired(one, scored[0], resampler, by_family, len(others)) for one in others]
    compared = adjusted([_by_runs(pair, one, first) for pair, one in zip(made, outcomes[1:], strict=True)])
    limit = setting["budget"].get("max_tokens")
    second = sorted({name for one in outcomes for name in one.others})
    drawn = draw_curves(outcomes, resampler)
    return Benched(
        setting=Setting(
            **setting,
            tasks=len(first.tasks),
            families=dict(Counter(first.families)),
            pairs=sum(map(len, first.lines)),
            cost_model=terms.cost_model,
            prices=None if terms.price is None else terms.price.model_dump(),
            other_prices={name: price.model_dump() for name, price in terms.others.items() if name in second},
            bootstrap=terms.bootstrap,
            adjusted_for=len(others),
        ),
        methods=tuple(_method(one, terms, resampler, by_family, limit) for one in outcomes),
        comparisons=tuple(compared),
        families=tuple(_families(outcomes)),
        together=_together(outcomes, resampler),
        curves=drawn.curves,
        beside=drawn.beside,
        notes=tuple([*notes, *_cautions(outcomes, setting["repeats"], limit), *_untold(second, terms), *drawn.notes]),
    )


def _method(
    one: Outcomes, terms: Terms, resampler: Resampler, by_family: Resampler | None, limit: int | None
) -> MethodFigures:
    idealised = one.spent(terms.cost_model.of)
    money = one.spent(terms.dollars)
    # Without a price, a run that paid nothing says nothing of what one costs.
    priced = terms.price is not None or bool(one.spent(lambda usage: usage.cost is not None).any())
    repeats, excess = max(map(len, one.lines)), _excess(one, limit)
    return MethodFigures(
        name=one.name,
        accuracy=one.score.mean(),
        accuracy_interval=resampler.accuracy(one.score),
        accuracy_family_interval=None if by_family is None else by_family.accuracy(one.score),
        unanswered=one.column(lambda line: line["answer"] is None).mean(),
        failed=sum("error" in line for lines in one.lines for line in lines),
        over_max_tokens=excess.runs,
        most_over=excess.most,
        prompt_tokens=one.usage("prompt_tokens").mean(),
        completion_tokens=one.usage("completion_tokens").mean(),
        cost=one.cost.mean(),
        cost_interval=resampler.mean(one.cost),
        estimated=bool(one.usage("estimated_calls").any()),
        calls=one.usage("llm_calls").mean(),
        seconds=one.usage("seconds").mean(),
        others={name: tokens.mean() for name, tokens in one.others.items()},
        money=float(money.mean()) if priced and np.isfinite(money).all() else None,
        idealised=idealised.mean(),
        idealised_interval=resampler.mean(idealised),
        by_repeat=tuple(_in_repeat(one, repeat) for repeat in range(repeats)),
        metrics=_metrics(one),
    )


def _excess(one: Outcomes, limit: int | None) -> Excess:
    excess = Excess(limit)
    for line in (line for lines in one.lines for line in lines):
        excess.add(line)
    return excess


def _in_repeat(one: Outcomes, repeat: int) -> float:
    scores = [lines[repeat]["score"] or 0.0 for lines in one.lines if len(lines) > repeat]
    return sum(scores) / len(scores)


def _metrics(one: Outcomes) -> dict[str, float]:
    """Means of the further metrics, over the tasks that have them."""
    found: dict[str, list[float]] = {}
    for task, lines in zip(one.tasks, one.lines, strict=True):
        graded = [metrics_of(task, line["answer"]) for line in lines]
        for name in graded[0]:
            found.setdefault(name, []).append(sum(each[name] for each in graded) / len(graded))
    return {name: sum(values) / len(values) for name, values in found.items()}


def _families(outcomes: Sequence[Outcomes]) -> list[FamilyPart]:
    families = np.array(outcomes[0].families)

    def score(one: Outcomes, here: Any) -> Score:
        return Score(accuracy=one.score[here].mean(), cost=one.cost[here].mean())

    return [
        FamilyPart(
            family=family,
            tasks=int((families == family).sum()),
            policies={one.name: score(one, families == family) for one in outcomes},
        )
        for family in dict.fromkeys(outcomes[0].families)
    ]


def _by_runs(pair: Comparison, one: Outcomes, other: Outcomes) -> Comparison:
    """A comparison with the tasks on which more of one's runs are right than of the other's, and fewer."""
    gain = one.right - other.right
    return pair.model_copy(update={"better": int((gain > _SAME).sum()), "worse": int((gain < -_SAME).sum())})


def _together(outcomes: Sequence[Outcomes], resampler: Resampler) -> Together:
    best = max(outcomes, key=lambda one: float(one.score.mean()))
    any_right = _oracle(outcomes)
    shares = np.array([one.right for one in outcomes])
    ever = shares > 0
    alone = ever & (ever.sum(axis=0) == 1)
    tasks = outcomes[0].tasks
    return Together(
        oracle=any_right.mean(),
        oracle_interval=resampler.accuracy(any_right),
        best_single=best.name,
        best_single_accuracy=best.score.mean(),
        only={
            one.name: tuple(task.id for task, is_alone in zip(tasks, mine, strict=True) if is_alone)
            for one, mine in zip(outcomes, alone, strict=True)
        },
        by_all=int((shares == 1).all(axis=0).sum()),
        by_none=int((~ever.any(axis=0)).sum()),
    )


def _oracle(outcomes: Sequence[Outcomes]) -> Float64s:
    """The best score of any method in the same repeat, mean over repeats, by task."""
    best: Callable[[tuple[Mapping[str, Any], ...]], float] = lambda lines: max(line["score"] or 0.0 for line in lines)  # noqa: E731
    by_task = zip(*(one.lines for one in outcomes), strict=True)
    return np.array([np.mean([best(lines) for lines in zip(*repeats, strict=True)]) for repeats in by_task])


def _untold(second: Sequence[str], terms: Terms) -> list[str]:
    """What nobody said of second models: what they cost."""
    said = []
    if unweighed := [name for name in second if name not in terms.cost_model.models]:
        said.append(
            f"The idealised cost weighs tokens of {', '.join(unweighed)} as those of the run's own model: "
            f"--model-weight MODEL=TIMES says otherwise."
        )
    if terms.price is not None and (unpriced := [name for name in second if name not in terms.others]):
        said.append(f"Money is unknown where {', '.join(unpriced)} was asked: --prices has no price of it.")
    return said


def _cautions(outcomes: Sequence[Outcomes], repeats: int, limit: int | None) -> list[str]:
    tasks, said = len(outcomes[0].tasks), []
    if tasks < FEW:
        said.append(f"{tasks} tasks show large differences only: read the intervals.")
    pairs = sum(map(len, outcomes[0].lines))
    if pairs < tasks * repeats:
        said.append(f"Of {tasks} times {repeats} runs of each method {pairs} are compared: the others are not done.")
    for one in outcomes:
        runs = [line for lines in one.lines for line in lines]
        if ended := [f"{count} by {limit}" for limit, count in limits_met(runs).items()]:
            said.append(f"Limits of the budget ended runs of {one.name}: {', '.join(ended)}, of {len(runs)}.")
        if (excess := _excess(one, limit)).runs:
            said.append(
                f"{excess.runs} of {len(runs)} runs of {one.name} took more than their limit of {limit:,} tokens, by "
                f"{excess.most:,} at most: their replies were longer than was asked for."
            )
    failed = sum("error" in line for one in outcomes for lines in one.lines for line in lines)
    if failed:
        said.append(f"{failed} runs had no usable reply and count as wrong; --resume tries them again.")
    return said
