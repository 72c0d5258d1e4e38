"""Models of known skill for strategies, and how a test runs a strategy on them."""

import asyncio

from pilotage.agent.budget import Meter
from pilotage.agent.kit import Kit
from pilotage.agent.models import ModelClient
from pilotage.agent.state import Abilities, State
from pilotage.agent.strategies.known.skilled import PLENTY, RIGHT, WRONG, answer, skilled, task
from pilotage.agent.trace import Trace

__all__ = ["PLENTY", "RIGHT", "WRONG", "accuracy", "answer", "near", "run", "skilled", "task"]


def run(strategy, model, number=0, seed=0, budget=PLENTY, sandbox=None, given=None, cache=None):
    """The step of a strategy on one task, and the kit that paid."""
    client = model if isinstance(model, ModelClient) else ModelClient(model, cache=cache)
    kit = Kit(client, Meter(budget), sandbox=sandbox, seed=seed)
    state = State(given or task(number), Trace(), budget, Abilities(sandbox=sandbox is not None))
    return asyncio.run(strategy.run(state, kit)), kit


def accuracy(strategy, model, tasks, **how):
    """Share of tasks that a strategy answers right."""
    client = ModelClient(model)

    async def all_of_them():
        async def one(number):
            kit = Kit(client, Meter(PLENTY), **how)
            return (await strategy.run(State(task(number), Trace(), PLENTY), kit)).candidate == RIGHT

        return [await one(number) for number in range(tasks)]

    return sum(asyncio.run(all_of_them())) / tasks


def near(measured, expected, tasks, errors=4.0):
    """Whether a share of so many tasks is the expected one, within so many standard errors."""
    return abs(measured - expected) <= errors * (max(expected * (1 - expected), 1e-9) / tasks) ** 0.5
