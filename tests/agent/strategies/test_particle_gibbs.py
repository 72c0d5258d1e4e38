"""Particle Gibbs: what is kept comes to be distributed as the weights say, and costs no call a second time."""

import pytest

from pilotage.agent.strategies.searching.particle_gibbs import ParticleGibbs
from tests.agent.strategies.skilled import run
from tests.agent.strategies.trees import drawn_from, known, odds, said, tree

X, Y, Z = said("X"), said("Y"), said("Z")
THREE = {(): {"x": 0.6, "y": 0.3, "z": 0.1}, ("x",): {X: 1}, ("y",): {Y: 1}, ("z",): {Z: 1}}
WEIGHTS = {"x": 1, "y": 2, "z": 8}
TARGET = {"X": 0.3, "Y": 0.3, "Z": 0.4}  # .6 x 1, .3 x 2, .1 x 8


def kept(strategy, step):
    """The answer of the path that each pass but the first began with: the first of its particles."""
    answers = [draw.candidate for draw in step.draws]
    return answers[strategy.n :: strategy.n]


@pytest.mark.parametrize("ess", [0.5, 1.0])
def test_what_is_kept_has_the_stationary_distribution_of_a_toy_of_three_states(monkeypatch, ess):
    known(monkeypatch, lambda path: odds(WEIGHTS[path[0]]))
    strategy = ParticleGibbs(n=2, sweeps=350, scorer="known", ess=ess)
    found = kept(strategy, run(strategy, tree(drawn_from(THREE)), seed=3)[0])
    shares = {answer: found.count(answer) / len(found) for answer in TARGET}
    assert shares == pytest.approx(TARGET, abs=0.12)
    assert shares["Z"] > 0.25 > 2 * 0.1, "the model alone writes it in one of ten"


def test_the_path_that_is_kept_is_neither_written_nor_scored_again(monkeypatch):
    scorer = known(monkeypatch, lambda path: 0.5)
    strategy = ParticleGibbs(n=3, sweeps=4, scorer="known")
    step, kit = run(strategy, tree(drawn_from(THREE)))
    assert kit.usage.llm_calls == len(scorer.asked) == 2 * (3 + 2 + 2 + 2)
    assert len(step.draws) == 12


def test_with_one_pass_it_is_a_particle_filter(monkeypatch):
    known(monkeypatch, lambda path: odds(4 if path[0] == "x" else 1))
    branches = {(): {"x": 0.5, "y": 0.5}, ("x",): {X: 1}, ("y",): {Y: 1}}
    step, _ = run(ParticleGibbs(n=150, sweeps=1, scorer="known"), tree(drawn_from(branches)))
    assert sum(draw.score for draw in step.draws if draw.candidate == "X") == pytest.approx(0.8, abs=0.1)


def test_a_pass_whose_paths_all_end_without_an_answer_keeps_none(monkeypatch):
    known(monkeypatch, lambda path: 0.5)
    branches = {(): {"lost": 1.0}, ("lost",): {None: 1}}
    step, _ = run(ParticleGibbs(n=2, sweeps=3, scorer="known"), tree(drawn_from(branches)))
    assert step.candidate is None
    assert len(step.draws) == 6
