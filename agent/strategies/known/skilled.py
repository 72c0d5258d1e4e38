"""Models that solve a task with a known probability, and are as sure of it as is said."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from langchain_core.messages import BaseMessage

from pilotage.agent.budget import Budget, Meter
from pilotage.agent.kit import Kit
from pilotage.agent.models.client import ModelClient
from pilotage.agent.models.named import NamedModels
from pilotage.agent.models.scripted import ScriptedChatModel, ScriptedReply
from pilotage.agent.models.stochastic import StochasticChatModel
from pilotage.agent.state import Abilities, State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.task import Task
from pilotage.agent.trace import Step, Trace

RIGHT, WRONG = "right", "wrong"
PLENTY = Budget(max_tokens=10_000_000, max_calls=100_000, max_seconds=600)

Certainty = Callable[[bool, Random], float]
"""Log-probability of every token of a reply, from whether it is right and the call's random stream."""


def task(number: int = 0) -> Task:
    """A task whose answer is `right` or `wrong`; of another number it is another prompt, and so draws anew."""
    return Task(id=f"task-{number}", prompt=f"Question {number}: right or wrong?", kind="text")


def answer(said: str, logprob: float = -0.1) -> ScriptedReply:
    """A solution that comes to an answer."""
    return ScriptedReply(text=f"Some work.\nAnswer: {said}", logprob=logprob)


def drawn_answer(p: float, chance: Random) -> ScriptedReply:
    """A solution that is right with probability p."""
    return answer(RIGHT if chance.random() < p else WRONG)


def skilled(p: float, logprob: Certainty = lambda right, chance: -0.1, silent: float = 0.0) -> StochasticChatModel:
    """Right with probability p among the draws that are not silent; `logprob` says how likely its tokens are."""

    def reply(messages: list[BaseMessage], chance: Random) -> ScriptedReply:
        if chance.random() < silent:
            return ScriptedReply(text="I cannot say.", logprob=-0.1)
        right = chance.random() < p
        return answer(RIGHT if right else WRONG, logprob(right, chance))

    return StochasticChatModel(reply, keeps_calls=False)


def surer_when_right(right: bool, chance: Random) -> float:
    """Log-probabilities whose exponential is normal, one standard deviation higher where the reply is right."""
    return math.log(min(0.99, max(0.01, 0.5 + 0.08 * (chance.gauss(0, 1) + right))))


def always(said: str, logprob: float = -0.1) -> ScriptedChatModel:
    """Answers the same, whatever is asked."""
    return ScriptedChatModel(lambda messages: answer(said, logprob))


def apart(model: StochasticChatModel) -> StochasticChatModel:
    """The model, with chances of its own: two stochastic models would draw alike on the same prompt."""
    script = model.script
    return StochasticChatModel(lambda messages, chance: script(messages, Random(chance.random())), keeps_calls=False)


async def stepped(
    strategy: Strategy,
    client: ModelClient,
    number: int = 0,
    *,
    seed: int = 0,
    given: Task | None = None,
    models: NamedModels | None = None,
) -> tuple[Step, Kit]:
    """The step of a strategy on one task with plenty of budget, and the kit that paid."""
    kit = Kit(client, Meter(PLENTY), models=models, seed=seed)
    return await strategy.run(State(given or task(number), Trace(), PLENTY, Abilities()), kit), kit
