"""Models of known skill for strategies: right with a known probability, and as sure of it as is said."""

import asyncio

from pilotage.agent.budget import Budget, Meter
from pilotage.agent.kit import Kit
from pilotage.agent.models import ModelClient, ScriptedReply, StochasticChatModel
from pilotage.agent.state import Abilities, State
from pilotage.agent.task import Task
from pilotage.agent.trace import Trace

RIGHT, WRONG = "right", "wrong"
PLENTY = Budget(max_tokens=10_000_000, max_calls=100_000, max_seconds=600)


def task(number=0):
    return Task(id=f"task-{number}", prompt=f"Question {number}: right or wrong?", kind="text")


def answer(said, logprob=-0.1):
    return ScriptedReply(text=f"Some work.\nAnswer: {said}", logprob=logprob)


def skilled(p, logprob=lambda right, chance: -0.1, silent=0.0):
    """Right with probability p among the draws that are not silent; `logprob` says how likely its tokens are."""

    def reply(messages, chance):
        if chance.random() < silent:
            return ScriptedReply(text="I cannot say.", logprob=-0.1)
        right = chance.random() < p
        return answer(RIGHT if right else WRONG, logprob(right, chance))

    return StochasticChatModel(reply, keeps_calls=False)


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
