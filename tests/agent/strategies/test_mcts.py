"""Monte Carlo tree search: its choice is UCB's, and with full expansion it finds the best leaf."""

import math
from random import Random

from pilotage.agent.strategies.searching.mcts import Mcts, Node
from pilotage.agent.strategies.searching.stepwise import Path
from tests.agent.strategies.skilled import run
from tests.agent.strategies.test_beam import DEPTH
from tests.agent.strategies.trees import best_leaf, drawn_from, full_tree, known, said, tree


def regrets(chance, pulls, chances=(0.75, 0.25), c=1.5):
    """Expected regret of a two-armed bandit after so many pulls."""
    root = Node(Path())
    root.below = [Node(Path(), above=root) for _ in chances]
    lost, found = 0.0, {}
    for pull in range(1, max(pulls) + 1):
        arm = root.next(c, chance)
        p = chances[root.below.index(arm)]
        arm.back_up(float(chance.random() < p))
        lost += max(chances) - p
        if pull in pulls:
            found[pull] = lost
    return [found[pull] for pull in pulls]


def test_on_a_two_armed_bandit_regret_grows_as_the_logarithm():
    pulls, runs = (250, 500, 1000, 2000, 4000), 25
    mean = [sum(one) / runs for one in zip(*(regrets(Random(seed), pulls) for seed in range(runs)), strict=True)]
    grown = [later - earlier for earlier, later in zip(mean, mean[1:], strict=False)]
    each = 1.5**2 / 0.5 * math.log(2)  # what UCB adds for each doubling
    assert all(0.3 * each < more < 2 * each for more in grown), grown
    assert mean[-1] < 1.5**2 / 0.5 * math.log(4000) + 3
    greedy = [sum(regrets(Random(seed), (4000,), c=0)[0] for seed in range(runs)) / runs]
    assert greedy[0] > 2 * mean[-1], "who never tries the other arm may stay with the worse one"


def test_with_full_expansion_it_finds_the_best_leaf_and_then_ends(monkeypatch):
    branches, scores = full_tree(DEPTH)
    known(monkeypatch, scores)
    step, kit = run(Mcts(children=12, iterations=1000, scorer="known"), tree(drawn_from(branches)))
    assert step.candidate == best_leaf(scores)
    assert kit.usage.llm_calls == 12 * (2 ** (DEPTH + 1) - 1)
    assert len(step.draws) == 2**DEPTH


def test_it_goes_on_where_the_scores_are_high(monkeypatch):
    scorer = known(monkeypatch, lambda path: 0.9 if path[0] == "good" else 0.1)
    branches = {(): {"good": 0.5, "bad": 0.5}}
    deep = drawn_from(branches)
    model = tree(lambda path, chance: deep(path, chance) if not path else f"{path[0]} {chance.random()}")
    run(Mcts(children=8, iterations=6, c=0.1, scorer="known"), model)
    assert sum(path[0] == "good" for path in scorer.asked) > 0.8 * len(scorer.asked)


def test_where_no_path_has_ended_the_best_is_finished_alone(monkeypatch):
    known(monkeypatch, lambda path: {"a": 0.8, "b": 0.3}[path[0]])
    branches = {(): {"a": 0.5, "b": 0.5}}
    for side in "ab":
        branches |= {(side,): {"on": 1}, (side, "on"): {"on": 1}, (side, "on", "on"): {said(side): 1}}
    step, kit = run(Mcts(children=6, iterations=1, scorer="known"), tree(drawn_from(branches)))
    assert step.candidate == "a"
    assert kit.usage.llm_calls == 6 + 3
    step, kit = run(Mcts(children=6, iterations=1, max_steps=3, scorer="known"), tree(drawn_from(branches)))
    assert step.candidate is None
    assert kit.usage.llm_calls == 6 + 2


def test_a_tree_is_no_deeper_than_it_may_be():
    model = tree(lambda path, chance: f"step {chance.random()}", logprob=lambda path: -0.01 * len(path))
    step, kit = run(Mcts(children=2, iterations=50, max_steps=3), model)
    assert kit.usage.llm_calls == 2 + 4 + 8
    assert step.candidate is None
