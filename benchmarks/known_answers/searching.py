"""Searches over steps, on trees whose probabilities and scores are known."""

import math
from random import Random

from known_answers.row import Row, calls, of_step
from known_answers.theory import kept_after, weighted, worse_pulls
from pilotage.agent.budget import Meter
from pilotage.agent.kit import Kit
from pilotage.agent.models import ModelClient
from pilotage.agent.state import State
from pilotage.agent.strategies import strategy_named
from pilotage.agent.strategies.known.skilled import PLENTY, task
from pilotage.agent.strategies.known.trees import best_leaf, drawn_from, full_tree, known_scores, odds, said, tree
from pilotage.agent.strategies.searching.mcts import Node
from pilotage.agent.strategies.searching.particle_filter import filtered
from pilotage.agent.strategies.searching.path import Path
from pilotage.agent.strategies.searching.stepwise import Writing
from pilotage.agent.trace import Trace

A, B = said("A"), said("B")
EVEN = {(): {A: 0.5, B: 0.5}}
FOUR_TO_ONE = {(A,): odds(4), (B,): odds(1)}
TWO_STEPS = {(): {"a": 0.5, "b": 0.5}, ("a",): {A: 1}, ("b",): {A: 0.5, B: 0.5}}
RATIOS = {("a",): 3, ("b",): 1 / 2, ("a", A): 2, ("b", A): 5, ("b", B): 1}
EARLY = {(): {A: 0.5, "b": 0.5}, ("b",): {"c": 1}, ("b", "c"): {B: 1}}
EARLY_SCORES = {(A,): odds(3), ("b",): odds(1), ("b", "c"): odds(1), ("b", "c", B): odds(1)}

SHARES, WEIGHTS = {"x": 0.6, "y": 0.3, "z": 0.1}, {"x": 1, "y": 2, "z": 8}
THREE = {(): SHARES} | {(state,): {said(state.upper()): 1} for state in SHARES}

DEPTH = 3
COSTS = {
    ("cheap",): 0.1,
    ("dear",): 0.5,
    ("quick",): 0.9,
    ("cheap", "trap"): 1.5,
    ("dear", "way"): 0.2,
    ("cheap", "trap", said("wrong")): 0.3,
    ("dear", "way", said("right")): 0.1,
    ("quick", said("second")): 0.4,
}
"""What each step costs: right 0.8, second 1.3, wrong 1.9. The cheapest first step leads to the dearest answer."""


def picks(wanted: str):
    return lambda step, kit: step.candidate == wanted


def estimate(spec: str, branches, ratios, of=lambda path: True):
    """The product of mean weights, times what the paths of some kind weigh of it: both are without bias."""
    client = ModelClient(tree(drawn_from(branches)))
    with known_scores({}):
        strategy = strategy_named(spec)

    async def sample(number: int) -> float:
        with known_scores(ratios):
            writing = Writing(strategy, State(task(number), Trace(), PLENTY), Kit(client, Meter(PLENTY)))
            swarm = await filtered(writing, strategy, resampling=strategy.resampling)
        share = sum(share for share, path in zip(swarm.shares, swarm.paths, strict=True) if of(path))
        return math.exp(swarm.log_evidence) * share

    return sample


def below(path):
    return [other for other in COSTS if len(other) == len(path) + 1 and other[: len(path)] == path]


def rest(path) -> float:
    """What is still to be paid on the cheapest way to an answer."""
    return min((COSTS[other] + rest(other) for other in below(path)), default=0.0)


def bandit(pulls: int, chances: tuple[float, float], c: float):
    """Expected regret of a two-armed bandit that is played by the rule of the tree search."""

    async def sample(number: int) -> float:
        chance, root = Random(number), Node(Path())
        root.below = [Node(Path(), above=root) for _ in chances]
        for _ in range(pulls):
            arm = root.next(c, chance)
            arm.back_up(float(chance.random() < chances[root.below.index(arm)]))
        return root.below[1].visits * (chances[0] - chances[1])

    return sample


def rows() -> list[Row]:
    half = tree(drawn_from(EVEN))
    branches, scores = full_tree(DEPTH)
    best = best_leaf(scores)
    roads = tree(
        drawn_from(
            {path: dict.fromkeys((road[-1] for road in below(path)), 1) for path in ((), *COSTS) if below(path)}
        ),
        logprob=lambda path: -COSTS[path],
    )
    asked = "particle-filter;scorer=known;n="
    pulls, arms, c = 4000, (0.75, 0.25), strategy_named("mcts").c
    gap = arms[0] - arms[1]
    target = kept_after(10_000, SHARES, WEIGHTS)
    gibbs = "particle-gibbs;n=2;sweeps=21;scorer=known"

    def after_twenty(step, kit):  # the first particle of a pass is the path that it began with
        return step.draws[20 * 2].candidate == "Z"

    return [
        *(
            Row(
                "particle-filter",
                f"n={n}, answer=sampled, odds 4:1 (.8 for many)",
                weighted(0.5, n, 4),
                of_step(f"{asked}{n};answer=sampled", half, picks("A"), FOUR_TO_ONE),
                "answers A",
                cost=n / 6,
            )
            for n in (6, 48)
        ),
        Row(
            "particle-filter",
            "n=3, two steps: product of mean weights",
            0.5 * 2 + 0.25 * 5 + 0.25 * 1,
            estimate(f"{asked}3;resampling=multinomial", TWO_STEPS, {p: odds(r) for p, r in RATIOS.items()}),
            "estimate",
        ),
        Row(
            "particle-filter",
            "n=3, two steps, weigh=step: product of mean weights",
            0.5 * 3 * 2 + 0.25 * 0.5 * 5 + 0.25 * 0.5 * 1,
            estimate(f"{asked}3;weigh=step", TWO_STEPS, {p: odds(r) for p, r in RATIOS.items()}),
            "estimate",
        ),
        Row(
            "particle-filter",
            "n=6, one branch ends two steps early: its own weight",
            0.5 * 3,
            estimate(f"{asked}6", EARLY, EARLY_SCORES, lambda path: path.candidate == "A"),
            "estimate",
            cost=2,
        ),
        Row(
            "particle-gibbs",
            "n=2, three states, kept after 20 passes",
            target["z"],
            of_step(gibbs, tree(drawn_from(THREE)), after_twenty, lambda path: odds(WEIGHTS[path[0]])),
            "keeps Z",
            cost=10,
        ),
        Row(
            "beam",
            "full width, 9 draws a path: the best leaf, where its path is drawn",
            (1 - 0.5**9) ** DEPTH,
            of_step("beam;beams=100;children=9;scorer=known", tree(drawn_from(branches)), picks(best), scores),
            "finds it",
            cost=25,
        ),
        Row(
            "a-star",
            "exact estimate, 12 draws a path: the cheapest goal, where it is drawn",
            1 - (2 / 3) ** 12,
            of_step(
                "a-star;children=12;expansions=100;scorer=known",
                roads,
                picks("right"),
                lambda path: math.exp(-rest(path)),
            ),
            cost=8,
        ),
        Row(
            "a-star",
            "weight=0: the cheapest goal whatever the scorer says",
            1 - (2 / 3) ** 12,
            of_step(
                "a-star;children=12;expansions=100;weight=0;scorer=known",
                roads,
                picks("right"),
                lambda path: 0.01 if path[0] == "dear" else 0.99,
            ),
            cost=16,
        ),
        Row(
            "mcts",
            f"arms of {arms[0]} and {arms[1]}, {pulls:,} pulls: within UCB1's bound for c={c}",
            worse_pulls(pulls, gap, c) * gap,
            bandit(pulls, arms, c),
            "regret",
            cost=5,
            relation="<=",
        ),
        Row(
            "mcts",
            "the whole tree, 12 draws a path: the best leaf",
            (1 - 0.5**12) ** DEPTH,
            of_step("mcts;children=12;iterations=1000;scorer=known", tree(drawn_from(branches)), picks(best), scores),
            "finds it",
            cost=40,
        ),
        Row(
            "mcts",
            "the whole tree, 24 draws a path, which miss a step once in a million trees",
            24 * (2 ** (DEPTH + 1) - 1),
            of_step("mcts;children=24;iterations=1000;scorer=known", tree(drawn_from(branches)), calls, scores),
            "calls",
            cost=100,
            relation="exact",
        ),
    ]
