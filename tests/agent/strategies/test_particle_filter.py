"""The particle filter against what theory says of it, and the ways in which it goes wrong elsewhere."""

import asyncio
import math
from math import comb
from random import Random

import pytest

from pilotage.agent.budget import Meter
from pilotage.agent.kit import Kit
from pilotage.agent.models import ModelClient
from pilotage.agent.state import State
from pilotage.agent.strategies.searching.particle_filter import ParticleFilter, Swarm, filtered, redrawn
from pilotage.agent.strategies.searching.stepwise import Path, Writing
from pilotage.agent.trace import Trace
from tests.agent.strategies.skilled import PLENTY, near, run, task
from tests.agent.strategies.trees import drawn_from, known, odds, said, tree

A, B = said("A"), said("B")
EVEN = {(): {A: 0.5, B: 0.5}}


def share_of_a(strategy, branches):
    """What A weighs in the end: with many particles its share of the posterior."""
    step, _ = run(strategy, tree(drawn_from(branches)))
    return sum(draw.score for draw in step.draws if draw.candidate == "A")


def evidence(strategy, branches, tasks):
    """The estimates of the normalising constant, one of each task."""
    client = ModelClient(tree(drawn_from(branches)))

    async def one(number):
        writing = Writing(strategy, State(task(number), Trace(), PLENTY), Kit(client, Meter(PLENTY)))
        return math.exp((await filtered(writing, strategy, resampling=strategy.resampling)).log_evidence)

    async def each():
        return [await one(number) for number in range(tasks)]

    return asyncio.run(each())


def test_odds_of_four_to_one_give_four_fifths(monkeypatch):
    """A last weight that is used twice, to resample and to choose, would give 16/17."""
    known(monkeypatch, {(A,): odds(4), (B,): odds(1)})
    assert share_of_a(ParticleFilter(n=250, scorer="known"), EVEN) == pytest.approx(0.8, abs=0.09)
    strategy = ParticleFilter(n=6, scorer="known", answer="sampled")
    model, expected = tree(drawn_from(EVEN)), sum(comb(6, k) * 4 * k / (3 * k + 6) for k in range(7)) / 2**6
    assert near(sum(run(strategy, model, number)[0].candidate == "A" for number in range(40)) / 40, expected, 40, 2.5)


@pytest.mark.parametrize("ess", [0.0, 1.0])
def test_a_branch_that_was_better_from_its_first_step_on_weighs_no_more_for_that(monkeypatch, ess):
    """Its score is that of the path so far, so it is used once, however often the path was resampled."""
    branches = {(): {"a": 0.5, "b": 0.5}, ("a",): {"more": 1}, ("b",): {"more": 1}}
    branches |= {("a", "more"): {A: 1}, ("b", "more"): {B: 1}}
    known(monkeypatch, lambda path: odds(4 if path[0] == "a" else 1))
    assert share_of_a(ParticleFilter(n=150, scorer="known", ess=ess), branches) == pytest.approx(0.8, abs=0.1)


def test_by_steps_the_scores_of_all_steps_multiply(monkeypatch):
    branches = {(): {"a": 0.5, "b": 0.5}, ("a",): {A: 1}, ("b",): {B: 1}}
    known(monkeypatch, lambda path: odds(2 if path[0] == "a" else 1))
    assert share_of_a(ParticleFilter(n=200, scorer="known", weigh="step"), branches) == pytest.approx(0.8, abs=0.09)


@pytest.mark.parametrize("weigh", ["path", "step"])
@pytest.mark.parametrize("resampling", ["systematic", "multinomial"])
def test_one_that_ends_early_gets_its_own_weight_not_more_and_not_less(monkeypatch, weigh, resampling):
    """A ends two resamplings before B does."""
    branches = {(): {A: 0.5, "b": 0.5}, ("b",): {"c": 1}, ("b", "c"): {B: 1}}
    scores = {(A,): odds(3), ("b",): odds(2 if weigh == "path" else 1), ("b", "c"): odds(1), ("b", "c", B): odds(1)}
    known(monkeypatch, scores)
    strategy = ParticleFilter(n=250, scorer="known", weigh=weigh, resampling=resampling)
    assert share_of_a(strategy, branches) == pytest.approx(0.75, abs=0.1)


def test_a_softer_softmax_is_flatter(monkeypatch):
    known(monkeypatch, {(A,): odds(4), (B,): odds(1)})
    assert share_of_a(ParticleFilter(n=300, scorer="known", softmax_temperature=2), EVEN) == pytest.approx(
        2 / 3, abs=0.1
    )


@pytest.mark.parametrize(
    ("weigh", "resampling", "expected"),
    [
        ("path", "multinomial", 0.5 * 2 + 0.25 * 5 + 0.25 * 1),  # the odds of each path's last score
        ("step", "systematic", 0.5 * 3 * 2 + 0.25 * 0.5 * 5 + 0.25 * 0.5 * 1),  # those of all its scores
    ],
)
def test_the_product_of_mean_weights_is_an_unbiased_estimate(monkeypatch, weigh, resampling, expected):
    branches = {(): {"a": 0.5, "b": 0.5}, ("a",): {A: 1}, ("b",): {A: 0.5, B: 0.5}}
    scores = {("a",): 3, ("b",): 1 / 2, ("a", A): 2, ("b", A): 5, ("b", B): 1}
    known(monkeypatch, {path: odds(ratio) for path, ratio in scores.items()})
    found = evidence(ParticleFilter(n=3, scorer="known", weigh=weigh, resampling=resampling), branches, 120)
    mean = sum(found) / len(found)
    spread = (sum((one - mean) ** 2 for one in found) / len(found)) ** 0.5
    assert abs(mean - expected) < 4 * spread / len(found) ** 0.5
    assert spread > 0.1


def test_so_many_steps_at_most_are_exactly_that_many(monkeypatch):
    model = tree(lambda path, chance: f"step {len(path) + 1}")
    step, kit = run(ParticleFilter(n=3, max_steps=5), model)
    assert kit.usage.llm_calls == model.counted.llm_calls == 15
    assert step.candidate is None
    assert step.text.strip().splitlines()[-1] == "step 5"


def test_one_that_has_ended_is_not_written_again(monkeypatch):
    known(monkeypatch, lambda path: 0.5)
    model = tree(drawn_from({(): {A: 1.0}}))
    _, kit = run(ParticleFilter(n=4, max_steps=6, scorer="known"), model)
    assert kit.usage.llm_calls == 4


def test_a_path_that_ends_without_an_answer_is_left_for_others(monkeypatch):
    """Its sisters take its place, however well it was scored before."""
    known(monkeypatch, {("lost",): odds(2)}, default=0.5)
    branches = {(): {"lost": 0.8, "found": 0.2}, ("lost",): {None: 1}, ("found",): {"on": 1}, ("found", "on"): {A: 1}}
    step, _ = run(ParticleFilter(n=12, scorer="known"), tree(drawn_from(branches)))
    assert step.candidate == "A"
    assert all(draw.candidate == "A" for draw in step.draws)


def test_copies_of_one_first_step_are_one_route_to_an_answer(monkeypatch):
    known(monkeypatch, lambda path: 0.999 if path[0] == "good" else 0.001)
    branches = {(): {"good": 0.3, "bad": 0.7}, ("good",): {A: 1}, ("bad",): {B: 1}}
    model = tree(drawn_from(branches))
    for number in range(8):
        step, _ = run(ParticleFilter(n=6, scorer="known"), model, number)
        if step.candidate == "A":
            assert len(step.draws) == 6
            assert step.routes < 6


def test_resampling_takes_each_as_often_as_its_share_says():
    chance, shares = Random(1), [0.5, 0.3, 0.0, 0.2]
    for resampling in ("systematic", "multinomial"):
        places = [place for _ in range(4000) for place in redrawn(shares, resampling, chance)]
        assert [places.count(place) / len(places) for place in range(4)] == pytest.approx(shares, abs=0.015)
    assert all(sorted(redrawn([0.25] * 4, "systematic", chance)) == [0, 1, 2, 3] for _ in range(50))
    assert all(redrawn([0.0, 1.0], "systematic", chance, retained=True)[0] == 0 for _ in range(50))


def test_where_the_budget_ends_it_the_particles_so_far_decide(monkeypatch):
    from pilotage.agent.blocks.base import CutShort

    known(monkeypatch, lambda path: 0.5)
    branches = {(): {A: 0.5, "b": 0.5}, ("b",): {"c": 1}, ("b", "c"): {B: 1}}
    with pytest.raises(CutShort) as limit:
        run(
            ParticleFilter(n=4, scorer="known"),
            tree(drawn_from(branches)),
            budget=PLENTY.model_copy(update={"max_calls": 6}),
        )
    assert limit.value.step.candidate == "A"
    assert len(limit.value.step.draws) == 4


def test_sharp_weights_and_many_steps_stay_in_range(monkeypatch):
    """The product of their mean weights does not fit a number; its logarithm does."""
    branches = {(): {"a": 1}, ("a",): {"b": 1}, ("a", "b"): {A: 1}}
    for ratio in (1 / 9, 9):
        known(monkeypatch, lambda path, ratio=ratio: odds(ratio ** len(path)))
        for temperature in (0.001, 0.005):
            strategy = ParticleFilter(n=4, scorer="known", softmax_temperature=temperature, ess=1.0, weigh="step")
            assert run(strategy, tree(drawn_from(branches)))[0].candidate == "A"
        swarm = Swarm([Path(), Path()])
        for _ in range(400):
            swarm.logs = [math.log(ratio), math.log(ratio)]
            swarm.resample([0, 1])
        assert swarm.log_evidence == pytest.approx(400 * math.log(ratio))


def test_a_particle_that_was_not_judged_weighs_as_what_it_goes_on_from(monkeypatch):
    known(monkeypatch, {("a",): odds(4), ("b",): odds(1), ("a", A): None, ("b", B): None})
    branches = {(): {"a": 0.5, "b": 0.5}, ("a",): {A: 1}, ("b",): {B: 1}}
    assert share_of_a(ParticleFilter(n=150, scorer="known", ess=0.0), branches) == pytest.approx(0.8, abs=0.1)
