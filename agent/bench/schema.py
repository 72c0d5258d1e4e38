"""All figures of a comparison, as models: what `bench.json` (version 1) holds and the report reads.

Accuracies are shares, costs thousands of tokens a task where not said otherwise, intervals 95% over tasks. What a
method did on one task in several repeats is averaged before: a task is the unit.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pilotage.agent.trace import Usage
from pilotage.navigator.evaluation.comparison_parts import Comparison
from pilotage.navigator.evaluation.fields import Cost, Count, Interval, Name, Part, Share, Text, plain
from pilotage.navigator.evaluation.schema import FamilyPart

FORMAT = "pilotage-bench"
VERSION = 1  # a reader refuses another one


class CostModel(Part):
    """What tokens weigh in the idealised cost, which no endpoint's prices, load or cache have a say in.

    A token that is read costs `prompt`, one that is written `decode`: a model reads all of a prompt at once and writes
    one token after the other, and those who sell both ask three to five times as much for the second. Those of a second
    model cost as many times more as `models` says of it by name; once, where it says nothing.
    """

    prompt: float = Field(1.0, ge=0)
    decode: float = Field(4.0, ge=0)
    models: dict[Name, Cost] = Field(default_factory=dict)

    def of(self, usage: Usage) -> float:
        """Thousands of weighed tokens."""
        parts = [(1.0, usage.own), *((self.models.get(name, 1.0), part) for name, part in usage.others.items())]
        weigh = [
            times * (self.prompt * one.prompt_tokens + self.decode * one.completion_tokens) for times, one in parts
        ]
        return sum(weigh) / 1000


class Setting(Part):
    """What all methods had in common.

    Attributes:
        sources: of the tasks, as they were given.
        tasks: that every method has done, in at least one repeat.
        families: tasks by family.
        repeats: runs of each task by each method, under the seeds `seed`, `seed + 1`, ...
        pairs: tasks and repeats that every method has done; fewer than `tasks` times `repeats` where it was stopped.
        budget: limits of a run.
        prices: US dollars for a million tokens (`input`, `cached_input`, `output`); None where they are not known.
        other_prices: those of second models, by name.
        bootstrap: resamples of the intervals.
        adjusted_for: how many comparisons `holm_p` is adjusted for.
    """

    sources: tuple[Text, ...] = ()
    model: Text
    tasks: Count
    families: dict[Text, Count]
    repeats: Count
    pairs: Count
    seed: int
    budget: dict[str, Any]
    cost_model: CostModel
    prices: dict[str, float | None] | None = None
    other_prices: dict[Name, dict[str, float | None]] = Field(default_factory=dict)
    bootstrap: Count
    adjusted_for: Count


class MethodFigures(Part):
    """One method: means over tasks; of a task that was tried again, what it cost before counts too.

    Attributes:
        unanswered: share without an answer; they are wrong.
        failed: runs whose reply stayed unusable; they are wrong, and tried again when the command is resumed.
        over_max_tokens: runs that took more tokens than their limit, as where an endpoint ignores that of a reply.
        most_over: by how many at most.
        prompt_tokens: read, those that a backend had cached too.
        completion_tokens: written.
        cost: both together, in thousands.
        estimated: whether a part of the tokens is estimated, because no backend counted them.
        seconds: spent in calls of the model, those side by side added up; of a replayed call what it took at first.
        others: thousands of tokens of models other than the run's own, by name; `cost` counts them too.
        money: US dollars a task, each token at the price of its model; None where a price is not known.
        idealised: cost by the stated cost model, in thousands.
        by_repeat: accuracy in each repeat.
        metrics: further means of tasks that have such: see `pilotage.agent.tasks.procbench`.
    """

    name: Name
    accuracy: Share
    accuracy_interval: Interval
    accuracy_family_interval: Interval | None = None
    unanswered: Share
    failed: Count
    over_max_tokens: Count = 0
    most_over: Count = 0
    prompt_tokens: Cost
    completion_tokens: Cost
    cost: Cost
    cost_interval: Interval
    estimated: bool = False
    calls: Cost
    seconds: Cost
    others: dict[Name, Cost] = Field(default_factory=dict)
    money: Cost | None = None
    idealised: Cost
    idealised_interval: Interval
    by_repeat: tuple[Share, ...]
    metrics: dict[str, float] = Field(default_factory=dict)


class Together(Part):
    """What the methods reach together.

    Attributes:
        oracle: share of the tasks that any method is right on, in the same repeat, mean over repeats: who knew which
            method to ask. Of one repeat it is the share that is not in `by_none`, of several at most that.
        best_single: the most accurate method on these tasks, chosen by them.
        only: tasks that runs of one method alone are right on, by method.
        by_all: tasks that every run of every method is right on.
        by_none: tasks that no run of any method is.
    """

    oracle: Share
    oracle_interval: Interval
    best_single: Name
    best_single_accuracy: Share
    only: dict[Name, tuple[Text, ...]]
    by_all: Count
    by_none: Count


class DrawPoint(Part):
    """What draws come to, the first of them in the order they were asked for.

    Attributes:
        draws: mean number of draws.
        cost: mean thousands of tokens of these draws.
        limit: thousands of tokens that a task may spend on draws; None for a point at so many draws.
        accuracy: of the vote of these draws, of tied answers the mean.
        oracle: share of the tasks on which any of them is right.
        blind: mean accuracy of a draw: what a chooser that knows nothing reaches.
    """

    draws: Cost
    cost: Cost
    limit: Cost | None = None
    accuracy: Share
    accuracy_interval: Interval
    oracle: Share
    blind: Share


class DrawCurve(Part):
    """What the draws of a method come to, on the tasks on which every method with a curve drew.

    Attributes:
        tasks: how many these are.
        own: accuracy of the method's own choice among all its draws, on these tasks.
        by_draws: at 1, 2, 3, ... draws a task; a task with fewer keeps what it has.
        by_tokens: at the same limits of tokens for all methods.
    """

    method: Name
    tasks: Count
    own: Share
    by_draws: tuple[DrawPoint, ...]
    by_tokens: tuple[DrawPoint, ...]


class Beside(Part):
    """A method without a curve, on the tasks of the curves: what it costs and how often it is right there."""

    method: Name
    cost: Cost
    accuracy: Share


class Benched(Part):
    """A whole comparison; `notes` are sentences that a reader should know before believing the figures."""

    setting: Setting
    methods: tuple[MethodFigures, ...] = Field(min_length=1)
    comparisons: tuple[Comparison, ...] = ()
    families: tuple[FamilyPart, ...] = ()
    together: Together
    curves: tuple[DrawCurve, ...] = ()
    beside: tuple[Beside, ...] = ()
    notes: tuple[Text, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data, as `bench.json` holds it."""
        return plain({"format": FORMAT, "version": VERSION, **self.model_dump(by_alias=True)})  # type: ignore[no-any-return]
