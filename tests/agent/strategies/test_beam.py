"""Beam search over steps: with full width it is exhaustive, and what the beam holds is what was scored highest."""

import pytest
from pydantic import ValidationError

from pilotage.agent.strategies.searching.a_star import AStar
from pilotage.agent.strategies.searching.beam import Beam
from pilotage.agent.strategies.searching.mcts import Mcts
from pilotage.agent.strategies.searching.particle_filter import ParticleFilter
from tests.agent.strategies.skilled import run
from tests.agent.strategies.trees import best_leaf, drawn_from, full_tree, known, said, tree

DEPTH = 3


def test_with_full_width_it_is_exhaustive_search(monkeypatch):
    branches, scores = full_tree(DEPTH)
    known(monkeypatch, scores)
    for number in range(3):
        step, _ = run(Beam(beams=100, children=9, scorer="known"), tree(drawn_from(branches)), number)
        assert step.candidate == best_leaf(scores)
        assert len(step.draws) == 2**DEPTH


def test_a_narrow_beam_follows_what_is_scored_highest(monkeypatch):
    branches, scores = full_tree(DEPTH)
    known(monkeypatch, scores)
    step, kit = run(Beam(beams=1, children=9, scorer="known"), tree(drawn_from(branches)))
    path = ()
    for _ in range(DEPTH):
        path = max(((*path, side) for side in ("left", "right")), key=scores.__getitem__)
    assert step.candidate == " ".join(path)
    assert kit.usage.llm_calls == 9 * (DEPTH + 1)


def test_looking_ahead_sees_what_a_step_leads_to(monkeypatch):
    """The step that looks better leads to the worse answer."""
    branches = {(): {"shiny": 0.5, "plain": 0.5}, ("shiny",): {said("bad"): 1}, ("plain",): {said("good"): 1}}
    scores = {("shiny",): 0.9, ("plain",): 0.2, ("shiny", said("bad")): 0.1, ("plain", said("good")): 0.8}
    known(monkeypatch, scores)
    assert run(Beam(children=8, scorer="known"), tree(drawn_from(branches)))[0].candidate == "bad"
    assert run(Beam(children=8, lookahead=1, scorer="known"), tree(drawn_from(branches)))[0].candidate == "good"


def test_a_path_that_ended_stays_only_while_it_is_among_the_highest(monkeypatch):
    branches = {(): {said("early"): 0.5, "on": 0.5}, ("on",): {said("late"): 1}}
    for late, answer in ((0.9, "late"), (0.3, "early")):
        known(monkeypatch, {(said("early"),): 0.5, ("on",): 0.6, ("on", said("late")): late})
        assert run(Beam(children=8, scorer="known"), tree(drawn_from(branches)))[0].candidate == answer


def test_steps_that_are_the_same_are_gone_on_with_once(monkeypatch):
    known(monkeypatch, lambda path: 0.5)
    branches = {(): {"only": 1.0}, ("only",): {said("A"): 1}}
    _, kit = run(Beam(beams=4, children=4, scorer="known"), tree(drawn_from(branches)))
    assert kit.usage.llm_calls == 8


def test_no_more_steps_than_allowed(monkeypatch):
    step, kit = run(Beam(beams=2, children=3, max_steps=3), tree(lambda path, chance: f"step {chance.random()}"))
    assert step.candidate is None
    assert kit.usage.llm_calls == 3 + 6 + 6


def test_where_every_next_step_is_silence_it_ends():
    step, kit = run(Beam(children=3), tree(lambda path, chance: None if path else "That is all."))
    assert step.candidate is None
    assert kit.usage.llm_calls == 6


def test_equals_are_chosen_among_by_chance(monkeypatch):
    known(monkeypatch, lambda path: 0.5)
    model = tree(drawn_from({(): {said("A"): 0.5, said("B"): 0.5}}))
    answers = [run(Beam(children=8, scorer="known"), model, number)[0].candidate for number in range(60)]
    assert 15 < answers.count("A") < 45


@pytest.mark.parametrize("strategy", [Beam(children=8, scorer="logprob"), Mcts(children=8), AStar(children=8)])
def test_a_path_that_nobody_judged_is_no_better_for_that(monkeypatch, strategy):
    """The last steps are written, and none of their scores can be read."""
    scorer = known(monkeypatch, {("on",): 0.4, (said("judged"),): 0.8, ("on", said("unjudged")): None})
    branches = {(): {said("judged"): 0.5, "on": 0.5}, ("on",): {said("unjudged"): 1}}
    strategy = type(strategy)(**strategy.model_dump() | {"scorer": "known"})
    step, _ = run(strategy, tree(drawn_from(branches)))
    assert step.candidate == "judged"
    assert scorer.asked


def test_where_no_path_was_judged_the_answer_is_said_to_be_worth_nothing(monkeypatch):
    known(monkeypatch, lambda path: None)
    step, _ = run(Beam(children=4, scorer="known"), tree(drawn_from({(): {said("A"): 1}})))
    assert step.candidate == "A"
    assert "0.00, that of what it goes on from" in step.evidence.note
    assert [draw.score for draw in step.draws] == [None]


@pytest.mark.parametrize("scorer", ["executed", "agreement"])
@pytest.mark.parametrize("strategy", [Beam, Mcts, AStar, ParticleFilter])
def test_a_scorer_of_finished_solutions_is_refused(strategy, scorer):
    with pytest.raises(ValidationError, match=f"{scorer} says nothing of unfinished paths: use logprob, judge"):
        strategy(scorer=scorer)
