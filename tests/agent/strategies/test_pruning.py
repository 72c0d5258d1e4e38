"""RPC: a vote of distinct paths by their probabilities, and the two distributions by which it prunes."""

import math
from random import Random

import pytest

from pilotage.agent.models import ScriptedChatModel, ScriptedReply
from pilotage.agent.strategies.choosing.rpc import ReasoningPruningConsistency
from pilotage.agent.strategies.choosing.self_consistency import SelfConsistency
from pilotage.agent.strategies.choosing.weibull import Weibull, fitted
from tests.agent.strategies.skilled import run


def paths(*told):
    """A model that gives paths in order: their work, the answer, the probability."""
    return ScriptedChatModel(
        [ScriptedReply(text=f"{work}\nAnswer: {said}", logprob=math.log(chance)) for work, said, chance in told]
    )


def drawn(*told, **how):
    return run(ReasoningPruningConsistency(n=len(told), **how), paths(*told))[0]


def test_equal_probabilities_are_a_majority_of_the_distinct_paths():
    same = [("i", "a", 0.5), ("ii", "b", 0.5), ("iii", "b", 0.5), ("iv", "a", 0.5), ("v", "b", 0.5)]
    step = drawn(*same)
    assert step.candidate == "b" == run(SelfConsistency(n=5), paths(*same))[0].candidate
    repeated = [("i", "a", 0.5)] * 4 + [("ii", "b", 0.5), ("iii", "b", 0.5)]
    assert drawn(*repeated).candidate == "b"
    assert run(SelfConsistency(n=6), paths(*repeated))[0].candidate == "a"


def test_an_answer_has_the_sum_of_its_paths_probabilities():
    assert drawn(("i", "a", 0.3), ("ii", "a", 0.3), ("iii", "b", 0.5)).candidate == "a"
    assert drawn(("i", "a", 0.2), ("ii", "a", 0.2), ("iii", "b", 0.5)).candidate == "b"


def test_fewer_than_five_paths_or_probabilities_all_alike_are_not_pruned_and_the_step_says_so():
    step = drawn(*[(str(number), "a", 0.1 * number) for number in range(1, 5)])
    assert step.evidence.note == "4 distinct paths in 4 draws, none pruned: fewer than 5"
    step = drawn(*[(str(number), "a", 0.5) for number in range(6)])
    assert step.evidence.note == "6 distinct paths in 6 draws, none pruned: no two distributions fit"


LOW = [0.101, 0.11, 0.115, 0.12, 0.125, 0.13, 0.135]
HIGH = [0.80, 0.81, 0.83, 0.84]


def test_many_improbable_paths_do_not_outvote_a_few_probable_ones():
    low = [(f"low {chance}", "a", chance) for chance in LOW * 4]
    told = [(f"{work} {place}", said, chance) for place, (work, said, chance) in enumerate(low)]
    told += [(f"high {chance}", "b", chance) for chance in HIGH]
    assert drawn(*told, prune=False).candidate == "a"
    step = drawn(*told)
    assert (step.candidate, step.evidence.note) == ("b", "32 distinct paths in 32 draws, 28 pruned")


def test_draws_without_an_answer_are_no_paths():
    model = ScriptedChatModel(["I cannot say."] * 6 + ["Answer: b", "It is so.\nAnswer: b"])
    step, _ = run(ReasoningPruningConsistency(), model)
    assert (step.candidate, step.routes) == ("b", 2)
    assert step.evidence.note.startswith("2 distinct paths in 8 draws")


# The fit


def test_the_mixture_that_numbers_were_drawn_from_is_found_again():
    chance, low, high = Random(5), Weibull(5, 0.3), Weibull(20, 0.8)
    numbers = [chance.weibullvariate(0.3, 5) for _ in range(600)] + [chance.weibullvariate(0.8, 20) for _ in range(400)]
    mixture = fitted(numbers)
    assert mixture.share == pytest.approx(0.4, abs=0.05)
    assert (mixture.low.scale, mixture.high.scale) == pytest.approx((low.scale, high.scale), rel=0.05)
    assert (mixture.low.shape, mixture.high.shape) == pytest.approx((low.shape, high.shape), rel=0.2)
    assert mixture.chance_of_high(0.8) > 0.99 > 0.01 > mixture.chance_of_high(0.2)


def test_a_density_is_that_of_the_distribution():
    weibull = Weibull(2.0, 0.5)
    width = 0.0005
    assert sum(math.exp(weibull.log_density(width * place)) * width for place in range(1, 6000)) == pytest.approx(
        1, abs=1e-2
    )
    assert weibull.mean == pytest.approx(0.5 * math.gamma(1.5))


@pytest.mark.parametrize("numbers", [[], [0.1] * 4, [0.5] * 9, [0.0, 0.1, 0.2, 0.3, 0.4]])
def test_what_cannot_be_fitted_is_not(numbers):
    assert fitted(numbers) is None
