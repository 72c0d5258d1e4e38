"""Draws side by side, among which a vote or a score chooses."""

import math

from known_answers.row import Row, calls, draws, of_step
from known_answers.theory import highest, majority, settled, some, stays
from pilotage.agent.models import ModelClient, ScriptedChatModel, ScriptedReply, StochasticChatModel
from pilotage.agent.strategies import strategy_named
from pilotage.agent.strategies.known.readers import number_of_right, with_checklist
from pilotage.agent.strategies.known.skilled import RIGHT, WRONG, always, answer, skilled, stepped, surer_when_right


def same_as(spec: str, other: str, model):
    """Whether two strategies answer the same on the same draws."""
    one, two, client = strategy_named(spec), strategy_named(other), ModelClient(model)

    async def sample(number: int) -> float:
        steps = [(await stepped(strategy, client, number))[0] for strategy in (one, two)]
        return float(steps[0].candidate == steps[1].candidate)

    return sample


def likelier_when_right(right, chance) -> float:
    return -0.1 if right else -0.2


def blind(right, chance) -> float:
    return math.log(chance.uniform(0.2, 0.9))


def paths(p: float, wrong_ways: int) -> StochasticChatModel:
    """Right with skill p by ways that are all different, wrong by so many; all tokens are as likely."""

    def reply(messages, chance):
        right = chance.random() < p
        way = chance.random() if right else chance.randrange(wrong_ways)
        return ScriptedReply(text=f"By way {way}.\nAnswer: {RIGHT if right else WRONG}", logprob=-0.5)

    return StochasticChatModel(reply, keeps_calls=False)


def distinct_majority(p: float, n: int) -> float:
    """Right ways are all different and the wrong ones all the same, so that they have one vote together."""
    alone = n * p * (1 - p) ** (n - 1)
    return 1 - (1 - p) ** n - alone / 2


def abstaining(number: int) -> ScriptedChatModel:
    """Three replies without an answer, the same each time, and two right ones."""
    return ScriptedChatModel(["I cannot say."] * 3 + [answer(RIGHT)] * 2)


def rows() -> list[Row]:
    def vote(p, n):
        name = f"self-consistency;n={n}"
        return Row("self-consistency", f"n={n}, p={p}", majority(p, n), of_step(name, skilled(p)), cost=max(1, n / 8))

    def best(n, certainty, told, theory):
        return Row("best-of-n", f"n={n}, p=0.3, {told}", theory, of_step(f"best-of-n;n={n}", skilled(0.3, certainty)))

    right, drawn = settled(0.8, 40)
    beta = "self-consistency;n=40;stop=beta"
    one_sd = "a score one standard deviation higher where right"
    return [
        *(vote(0.6, n) for n in (3, 5, 9, 33)),
        vote(0.4, 33),
        Row(
            "self-consistency",
            "n=5, three replies cannot be read, two are right",
            1.0,
            of_step("self-consistency;n=5", abstaining),
            cost=4,
            relation="exact",
        ),
        Row(
            "self-consistency",
            f"stop=beta, all agree: on at 3-0 ({stays(3, 0):.4f}), no more at 4-0 ({stays(4, 0):.3f})",
            4,
            of_step(beta, skilled(1.0), draws),
            "draws",
            cost=4,
            relation="exact",
        ),
        Row("self-consistency", "stop=beta, n=40, p=0.8", right, of_step(beta, skilled(0.8))),
        Row("self-consistency", "stop=beta, n=40, p=0.8", drawn, of_step(beta, skilled(0.8), draws), "draws"),
        best(4, surer_when_right, one_sd, highest(0.3, 4, 1)),
        best(16, surer_when_right, one_sd, highest(0.3, 16, 1)),
        best(8, blind, "a blind score", 0.3),
        best(8, likelier_when_right, "a perfect score", some(0.3, 8)),
        Row(
            "weighted-vote",
            "n=5, p=0.6, all scores the same: as a majority",
            1.0,
            same_as("weighted-vote;n=5", "self-consistency;n=5", skilled(0.6)),
            "same answer",
            cost=2,
            relation="exact",
        ),
        Row(
            "rpc",
            "n=5, p=0.6, equal probabilities, distinct paths",
            majority(0.6, 5),
            of_step("rpc;n=5", paths(0.6, 10**9)),
        ),
        Row(
            "rpc",
            "n=5, p=0.4, all wrong draws are one path",
            distinct_majority(0.4, 5),
            of_step("rpc;n=5", paths(0.4, 1)),
        ),
        Row(
            "hedged",
            "identical draws: no checklist is asked for",
            5,
            of_step("hedged", always("7"), calls),
            "calls",
            cost=4,
            relation="exact",
        ),
        Row("hedged", "5 draws, p=0.3, a checklist that sees nothing", 0.3, of_step("hedged", with_checklist(0.3))),
        Row(
            "hedged",
            "5 draws, p=0.3, one that sees",
            some(0.3, 5),
            of_step("hedged", with_checklist(0.3, number_of_right)),
        ),
        Row("hedged", "by=mbr, 5 draws, p=0.6", majority(0.6, 5), of_step("hedged;by=mbr", with_checklist(0.6))),
    ]
