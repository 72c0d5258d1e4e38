"""RPC: votes of distinct paths by their probability, and what two Weibull distributions tell of them."""

import numpy as np
import pytest

from pilotage.agent.models import ScriptedChatModel, ScriptedReply
from pilotage.agent.strategies.rpc import ReasoningPruning
from pilotage.agent.strategies.weibull import fit_mixture
from tests.agent.strategies.skilled import run


def path(text, said, logprob=-0.1):
    return ScriptedReply(text=f"{text}\nAnswer: {said}", logprob=logprob)


def came_to(*replies, **parameters):
    return run(ReasoningPruning(n=len(replies), **parameters), ScriptedChatModel(list(replies)))[0]


def test_equal_probabilities_make_it_the_majority_of_distinct_paths():
    """One path that is drawn four times is one path: three others that agree outvote it."""
    step = came_to(*[path("same", "x")] * 4, path("one", "y"), path("two", "y"), path("six", "y"))
    assert step.candidate == "y"
    assert step.evidence.note.endswith("4 distinct paths, too few to prune: under 5")
    assert [draw.score for draw in step.draws] == [1, 0, 0, 0, 1, 1, 1]


def test_a_likely_path_outweighs_unlikely_ones():
    step = came_to(path("a", "x", -0.01), path("b", "y", -1.0), path("c", "y", -1.2), probability="mean")
    assert step.candidate == "x"


def test_by_the_whole_path_a_short_one_weighs_more_and_by_the_mean_it_does_not():
    short, long = path("a", "x"), path("a much longer path of many words", "y")
    assert came_to(short, long).candidate == "x"
    scores = [draw.score for draw in came_to(short, long, probability="mean").draws]
    assert scores[0] == pytest.approx(scores[1])


def test_paths_of_the_lower_distribution_are_pruned():
    likely = [path(f"l{n}", "x", -0.05 - n / 1000) for n in range(3)]
    unlikely = [path(f"u{n}", "y", -0.9 - n / 100) for n in range(9)]
    kept = came_to(*likely, *unlikely, probability="mean")
    assert kept.candidate == "x" and kept.evidence.note.endswith("12 distinct paths, 9 pruned")
    assert sum(draw.score > 0 for draw in kept.draws) == 3
    assert came_to(*likely, *unlikely, probability="mean", prune=False).candidate == "y"


def test_where_no_two_distributions_fit_nothing_is_pruned_and_that_is_said():
    step = came_to(*[path(f"p{n}", "x") for n in range(6)], probability="mean")
    assert step.evidence.note.endswith("6 distinct paths, not pruned: no two distributions fit")


def test_replies_without_an_answer_are_no_paths():
    step = came_to("I cannot say", path("a", "x"), "I cannot say")
    assert step.candidate == "x" and "1 distinct paths" in step.evidence.note


@pytest.mark.parametrize(("shapes", "scales"), [((2.0, 8.0), (0.1, 0.8)), ((1.0, 5.0), (0.02, 0.6))])
def test_two_distributions_are_found_again_in_what_they_gave(shapes, scales):
    chance = np.random.default_rng(5)
    drawn = np.concatenate([scale * chance.weibull(shape, 400) for shape, scale in zip(shapes, scales, strict=True)])
    fitted = fit_mixture(drawn)
    assert fitted is not None
    assert fitted.scales == pytest.approx(scales, rel=0.15)
    assert fitted.shapes == pytest.approx(shapes, rel=0.25)
    assert fitted.shares == pytest.approx([0.5, 0.5], abs=0.06)
    truly_higher = np.arange(800) >= 400
    assert ((fitted.share_of_higher(drawn) > 0.5) == truly_higher).mean() > 0.95


@pytest.mark.parametrize("values", [[0.5] * 8, [1e-300] * 7, [0.2, 0.2]])
def test_values_that_do_not_differ_are_of_no_two_distributions(values):
    assert fit_mixture(np.array(values)) is None


def test_values_of_any_size_are_fitted_or_refused_and_never_fail():
    chance = np.random.default_rng(1)
    for _ in range(300):
        values = np.exp(chance.uniform(-600, 0, chance.integers(2, 12)))
        fitted = fit_mixture(values)
        assert fitted is None or np.isfinite(fitted.share_of_higher(values)).all()
