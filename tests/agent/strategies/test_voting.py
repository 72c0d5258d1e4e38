"""Voting strategies against what theory says of them, and the ways in which votes go wrong elsewhere."""

import math
from random import Random

import pytest

from pilotage.agent.models import ScriptedChatModel, ScriptedReply
from pilotage.agent.strategies.choosing.best_of_n import BestOfN
from pilotage.agent.strategies.choosing.self_consistency import SelfConsistency
from pilotage.agent.strategies.choosing.weighted_vote import WeightedVote
from pilotage.agent.strategies.known.skilled import surer_when_right
from pilotage.agent.strategies.voting import best_scored, chance_to_stay, draws_until_settled
from pilotage.agent.trace import Step
from tests.agent.strategies.skilled import RIGHT, accuracy, near, run, skilled, task

TASKS = 150


@pytest.mark.parametrize(("p", "n", "expected"), [(0.6, 3, 0.648), (0.6, 5, 0.683), (0.4, 9, 0.267)])
def test_a_majority_is_right_as_often_as_the_binomial_says(p, n, expected):
    assert near(accuracy(SelfConsistency(n=n), skilled(p), TASKS), expected, TASKS)


def test_a_tie_is_broken_by_chance_and_not_by_who_came_first():
    """Two draws that disagree are a fair coin: neither the first nor the likelier leads."""
    share = accuracy(SelfConsistency(n=2), skilled(0.5), TASKS)
    assert near(share, 0.5, TASKS)


@pytest.mark.parametrize(
    ("votes", "chance"), [((3, 0), 0.9375), ((4, 0), 0.96875), ((), 0.5), ((1,), 0.75), ((5, 1), 0.9375), ((2, 2), 0.5)]
)
def test_the_chance_of_a_leader_to_stay_is_that_of_adaptive_consistency(votes, chance):
    assert chance_to_stay(votes) == pytest.approx(chance)


def test_the_chance_to_stay_is_the_integral_that_the_paper_defines():
    draws = Random(3)
    for votes in ((3, 0), (4, 1), (7, 5)):
        shares = [draws.betavariate(votes[0] + 1, votes[1] + 1) for _ in range(20_000)]
        assert chance_to_stay(votes) == pytest.approx(sum(share > 0.5 for share in shares) / 20_000, abs=0.015)


def test_draws_that_cannot_settle_a_vote_are_asked_for_together():
    assert draws_until_settled([], 0.95) == 4
    assert draws_until_settled([3], 0.95) == 1
    assert draws_until_settled([4], 0.95) == 0
    assert draws_until_settled([3, 1], 0.95) == 3  # 6 to 1


def test_votes_of_a_thousand_draws_are_counted_too():
    """2 to the power of their number is more than a float holds."""
    assert chance_to_stay([490, 490]) == 0.5
    more = draws_until_settled([490, 490], 0.95)
    assert chance_to_stay([490 + more, 490]) > 0.95 >= chance_to_stay([489 + more, 490])
    assert draws_until_settled([1000, 0], 0.95) == 0


@pytest.mark.parametrize(
    ("replies", "drawn"),
    [
        (["4"] * 2, 2),
        (["4", "5", "4", "4"], 4),
        (["4", None], 4),  # one answer agrees with nobody
        ([None] * 8, 8),
        (["4", "5"] * 4, 8),
    ],
)
def test_adaptive_rounds_double_until_three_quarters_agree(replies, drawn):
    model = ScriptedChatModel([f"Answer: {reply}" if reply else "I cannot say" for reply in (*replies, *["4"] * 8)])
    step, _ = run(SelfConsistency(n=8, stop="adaptive"), model)
    assert len(step.draws) == drawn


def test_by_beta_four_that_agree_suffice_and_three_do_not():
    step, _ = run(SelfConsistency(n=20, stop="beta"), ScriptedChatModel(["Answer: 4"] * 20))
    assert len(step.draws) == 4
    step, _ = run(SelfConsistency(n=20, stop="beta"), ScriptedChatModel(["Answer: 4"] * 3 + ["Answer: 5"] * 17))
    assert (len(step.draws), step.candidate) == (12, "5")  # 9 to 3


def test_replies_without_an_answer_abstain_however_many_they_are():
    model = ScriptedChatModel(["no", "no", "no", "Answer: 7", "Answer: 7"])
    step, _ = run(SelfConsistency(n=5), model)
    assert step.candidate == "7"
    assert step.routes == 2
    assert step.evidence.note == "2 of 5 draws agree, 3 without an answer"
    step, _ = run(SelfConsistency(n=3), ScriptedChatModel(["no"] * 3))
    assert step.candidate is None


def test_answers_are_compared_by_meaning_and_not_by_text():
    model = ScriptedChatModel(["Work.\nAnswer: 41", "x\nAnswer: $42", "y\nAnswer: 42.0", "**Answer: 42**"])
    step, _ = run(SelfConsistency(n=4), model, given=task().model_copy(update={"kind": "numeric"}))
    assert (step.candidate, step.routes) == ("42", 3)


def test_a_constant_scorer_is_a_majority():
    plain = [run(SelfConsistency(n=5), skilled(0.6), number)[0].candidate for number in range(60)]
    weighted = [run(WeightedVote(n=5), skilled(0.6), number)[0].candidate for number in range(60)]
    assert plain == weighted


@pytest.mark.parametrize(("n", "expected"), [(1, 0.3), (4, 0.52), (12, 0.66)])
def test_the_best_of_n_is_right_as_often_as_its_scorer_allows(n, expected):
    share = accuracy(BestOfN(n=n), skilled(0.3, surer_when_right), TASKS)
    assert near(share, expected, TASKS)


def test_a_blind_scorer_chooses_by_chance_and_a_perfect_one_finds_what_is_there():
    blind = skilled(0.3, lambda right, chance: math.log(chance.uniform(0.2, 0.9)))
    assert near(accuracy(BestOfN(n=8), blind, TASKS), 0.3, TASKS)
    same = skilled(0.3, lambda right, chance: -0.1)
    assert near(accuracy(BestOfN(n=8), same, TASKS), 0.126, TASKS), "the votes decide, half of the ties among them"
    perfect = skilled(0.3, lambda right, chance: -0.1 if right else -0.2)
    assert near(accuracy(BestOfN(n=8), perfect, TASKS), 1 - 0.7**8, TASKS)


def test_scores_that_hardly_differ_leave_it_to_the_votes():
    """The one that is alone has the highest score, by less than what says anything."""
    replies = [
        ScriptedReply(text=f"Answer: {said}", logprob=score)
        for said, score in zip("abb", (-0.1, -0.104, -0.105), strict=True)
    ]
    for given, taken in (
        (replies, "b"),
        ([replies[0], *(r.model_copy(update={"logprob": -0.2}) for r in replies[1:])], "a"),
    ):
        assert run(BestOfN(n=3), ScriptedChatModel(given))[0].candidate == taken


def test_of_draws_that_hardly_differ_the_best_is_drawn():
    steps = [Step(block="x", candidate=answer) for answer in "ab"]
    assert {best_scored(steps, [0.9, 0.905], Random(seed)) for seed in range(20)} == {0, 1}
    assert {best_scored(steps, [0.9, 0.95], Random(seed)) for seed in range(20)} == {1}


def test_weights_by_log_probability_help_where_they_tell_something():
    plain = accuracy(SelfConsistency(n=5), skilled(0.4, surer_when_right), TASKS)
    weighted = accuracy(SelfConsistency(n=5, weight="logprob"), skilled(0.4, surer_when_right), TASKS)
    assert weighted > plain


def test_what_was_drawn_is_in_the_step_with_its_scores():
    step, kit = run(BestOfN(n=4), skilled(0.6, surer_when_right))
    assert len(step.draws) == 4
    assert [draw.score for draw in step.draws] == [pytest.approx(math.exp(d.mean_logprob)) for d in step.draws]
    best = max(step.draws, key=lambda draw: draw.score)
    assert step.candidate == best.candidate
    assert sum(draw.usage.total_tokens for draw in step.draws) == kit.usage.total_tokens == step.usage.total_tokens


def test_draws_of_one_seed_are_the_same_and_of_another_are_others():
    def drawn(seed):
        return [draw.candidate for n in range(12) for draw in run(SelfConsistency(n=5), skilled(0.5), n, seed)[0].draws]

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)
    assert RIGHT in drawn(0)
