"""A*: with an exact estimate the first goal is the cheapest and nothing else is written; without one it is uniform."""

import math

import pytest

from pilotage.agent.strategies.searching.a_star import AStar
from tests.agent.strategies.skilled import run
from tests.agent.strategies.trees import drawn_from, known, said, tree

COSTS = {
    ("cheap",): 0.1,
    ("dear",): 0.5,
    ("cheap", "trap"): 1.5,
    ("dear", "way"): 0.2,
    ("cheap", "trap", said("wrong")): 0.3,
    ("dear", "way", said("right")): 0.1,
    ("quick",): 0.9,
    ("quick", said("second")): 0.4,
}
"""What each step costs: right 0.8, second 1.3, wrong 1.9. The cheapest first step leads to the dearest answer."""
BRANCHES = {
    (): {"cheap": 1, "dear": 1, "quick": 1},
    ("cheap",): {"trap": 1},
    ("dear",): {"way": 1},
    ("quick",): {said("second"): 1},
    ("cheap", "trap"): {said("wrong"): 1},
    ("dear", "way"): {said("right"): 1},
}


def model():
    return tree(drawn_from(BRANCHES), logprob=lambda path: -COSTS[path])


def rest(path):
    """What is still to be paid on the cheapest way to an answer."""
    if path in COSTS and path[-1].startswith("Answer"):
        return 0.0
    further = [other for other in COSTS if len(other) == len(path) + 1 and other[: len(path)] == path]
    return min(COSTS[other] + rest(other) for other in further)


def test_with_an_exact_estimate_the_first_goal_is_optimal_and_no_other_path_is_written(monkeypatch):
    scorer = known(monkeypatch, lambda path: math.exp(-rest(path)))
    step, kit = run(AStar(children=12, expansions=100, scorer="known"), model())
    assert step.candidate == "right"
    assert kit.usage.llm_calls == 12 * 3
    assert {path[0] for path in scorer.asked if len(path) > 1} == {"dear"}
    assert "least cost, 0.80" in step.evidence.note


def test_without_an_estimate_it_is_uniform_cost_search(monkeypatch):
    scorer = known(monkeypatch, lambda path: 0.01 if path[0] == "dear" else 0.99)  # misleading, and not read
    step, _ = run(AStar(children=12, expansions=100, weight=0, scorer="known"), model())
    assert step.candidate == "right"
    written = {path for path in scorer.asked}
    assert ("cheap", "trap") in written, "it costs 0.1 to come there, less than the goal's 0.8"
    assert ("cheap", "trap", said("wrong")) not in written, "which would go on from 1.6"
    assert ("quick", said("second")) not in written, "which would go on from 0.9"


def test_an_estimate_that_is_too_high_misleads(monkeypatch):
    known(monkeypatch, lambda path: 0.01 if path[0] == "dear" else 1.0)
    assert run(AStar(children=12, expansions=100, scorer="known"), model())[0].candidate == "second"


def test_a_path_with_an_answer_has_no_rest_whatever_its_score(monkeypatch):
    """What is estimated of a goal would else decide between goals: right costs 0.8, and second 1.3."""
    known(monkeypatch, lambda path: 0.01 if path[-1] == said("right") else math.exp(-rest(path)))
    step, _ = run(AStar(children=12, expansions=100, scorer="known"), model())
    assert step.candidate == "right"
    assert "least cost, 0.80" in step.evidence.note


def test_by_steps_the_shortest_path_is_the_cheapest(monkeypatch):
    known(monkeypatch, lambda path: 1.0)
    step, _ = run(AStar(children=12, expansions=100, cost="step", scorer="known"), model())
    assert step.candidate == "second"


@pytest.mark.parametrize("expansions", [1, 2])
def test_where_the_expansions_are_used_up_the_cheapest_path_is_finished_alone(monkeypatch, expansions):
    known(monkeypatch, lambda path: math.exp(-rest(path)))
    step, kit = run(AStar(children=12, expansions=expansions, scorer="known"), model())
    assert step.candidate == "right"
    assert kit.usage.llm_calls == 12 * expansions + 3 - expansions


def test_it_reads_log_probabilities_only_where_a_step_costs_its_surprise():
    assert AStar().needs_logprobs
    assert AStar(scorer="judge").needs_logprobs
    assert not AStar(scorer="judge", cost="step").needs_logprobs


def test_paths_that_come_to_nothing_end_it():
    step, kit = run(AStar(children=3), tree(lambda path, chance: None if path else "That is all."))
    assert step.candidate is None
    assert kit.usage.llm_calls == 6
