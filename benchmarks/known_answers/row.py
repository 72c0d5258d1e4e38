"""Row: one known answer of one strategy; and what measuring it came to."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Literal

from pilotage.agent.models import ModelClient
from pilotage.agent.models.named import NamedModels
from pilotage.agent.strategies import strategy_named
from pilotage.agent.strategies.known.skilled import RIGHT, stepped
from pilotage.agent.strategies.known.trees import known_scores
from pilotage.common.statistics import Z_95, wilson

ERRORS = 4.0
"""Standard errors within which a figure is what theory gives."""
ROUNDING = 1e-9

Relation = Literal["=", "<=", "exact"]
"""What theory gives: the mean of the samples, the most that it may be, or every sample."""

Sample = Callable[[int], Awaitable[float]]
"""What the task of a number gives: 1 or 0 for a share, any number for a mean."""


@dataclass(frozen=True)
class Row:
    """One known answer.

    Attributes:
        strategy: whose.
        setting: its parameters, and the model.
        theory: what theory gives.
        sample: measures it on one task.
        figure: what is measured, where it is not the share of right answers.
        cost: how many times fewer tasks it gets, since each takes that much longer.
        relation: what of the samples that is.
    """

    strategy: str
    setting: str
    theory: float
    sample: Sample
    figure: str = "right"
    cost: float = 1
    relation: Relation = "="


@dataclass(frozen=True)
class Measured:
    """A row after so many tasks: mean, its 95% interval (Wilson's for shares), and whether it is what theory gives."""

    strategy: str
    setting: str
    figure: str
    relation: Relation
    theory: float
    mean: float
    low: float
    high: float
    tasks: int
    holds: bool

    as_dict = asdict


async def measure(row: Row, tasks: int) -> Measured:
    """Takes the samples of a row one after the other."""
    count = max(20, round(tasks / row.cost))
    values = [await row.sample(number) for number in range(count)]
    return judged(row, values)


def judged(row: Row, values: list[float]) -> Measured:
    """The mean of samples, beside what theory gives.

    A share has the standard error that theory gives it, another mean that of its own spread.
    """
    count, mean = len(values), math.fsum(values) / len(values)
    if set(values) <= {0.0, 1.0}:
        low, high = wilson(sum(values), count)
        error = math.sqrt(max(0.0, row.theory * (1 - row.theory)) / count)
    else:
        error = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / max(1, count - 1) / count)
        low, high = mean - Z_95 * error, mean + Z_95 * error
    off = mean - row.theory
    if row.relation == "exact":
        holds = all(value == row.theory for value in values)
    else:
        holds = (off if row.relation == "<=" else abs(off)) <= ERRORS * error + ROUNDING
    return Measured(row.strategy, row.setting, row.figure, row.relation, row.theory, mean, low, high, count, holds)


def is_right(step, kit) -> bool:
    """Whether a run's answer is right."""
    return step.candidate == RIGHT


def of_step(spec: str, model, figure=is_right, scores=None, given=None, large=None) -> Sample:
    """Samples that are a figure of the step that a strategy comes to, by default whether its answer is right.

    Args:
        spec: the strategy, as `strategy:` writes it.
        model: a chat model; or a function that makes a new one for each task, where it keeps what it said.
        figure: of the step and the kit that paid.
        scores: what the scorer `known` says.
        given: the task, where it is not one of right or wrong; each number is another seed then.
        large: a second model, by the name `big`.
    """
    with known_scores({}):
        strategy = strategy_named(spec)
    own = None if callable(model) and not hasattr(model, "script") else ModelClient(model, identity="small")
    models = None if large is None else NamedModels(own, {"big": ModelClient(large, name="big", identity="big")})

    async def sample(number: int) -> float:
        client = own or ModelClient(model(number))
        seeded = {"given": given, "seed": number} if given is not None else {}
        if scores is None:
            return float(figure(*await stepped(strategy, client, number, models=models, **seeded)))
        with known_scores(scores):
            return float(figure(*await stepped(strategy, client, number, models=models, **seeded)))

    return sample


def draws(step, kit) -> int:
    """How many draws a run had."""
    return len(step.draws)


def calls(step, kit) -> int:
    """How many calls a run had."""
    return kit.usage.llm_calls
