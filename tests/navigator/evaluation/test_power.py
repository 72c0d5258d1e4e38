"""Power: what is said to be found four times in five is found four times in five."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from pilotage.common.statistics import mcnemar_exact
from pilotage.navigator.evaluation.power import power_of, smallest_difference, tasks_needed


def found_in(tasks, difference, discordance, level, repeats=2000, seed=0):
    """Share of made-up comparisons in which McNemar's exact test finds the difference."""
    generator = np.random.default_rng(seed)
    ahead, behind = (discordance + difference) / 2, (discordance - difference) / 2
    drawn = generator.multinomial(tasks, [ahead, behind, 1 - discordance], size=repeats)
    return np.mean([mcnemar_exact(better, worse) < level for better, worse, _ in drawn.tolist()])


@pytest.mark.parametrize("level", [0.05, 0.005])
@pytest.mark.parametrize(("tasks", "discordance"), [(400, 0.15), (1000, 0.1), (300, 0.4)])
def test_the_smallest_difference_is_found_about_four_times_in_five(tasks, discordance, level):
    smallest = smallest_difference(tasks, discordance, level)
    assert 0.68 <= found_in(tasks, smallest, discordance, level) <= 0.86
    assert found_in(tasks, smallest / 2, discordance, level) < 0.4
    assert tasks_needed(smallest, discordance, level) == pytest.approx(tasks, abs=1)


def test_the_figures_of_the_docs_hold():
    """About 470 tasks show 5 points, 1,300 show 3, for policies that disagree on 15 tasks in 100."""
    assert tasks_needed(0.05, 0.15, 0.05) == pytest.approx(470, abs=5)
    assert tasks_needed(0.03, 0.15, 0.05) == pytest.approx(1300, abs=15)


def test_of_expected_scores_the_mean_square_counts():
    gain = np.random.default_rng(0).normal(0, 0.3, 500)
    shown = power_of(gain, 1)
    half = (NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)) * math.sqrt((gain**2).mean() / 500)
    assert shown.discordance == pytest.approx((gain**2).mean()) and shown.smallest == pytest.approx(half, rel=0.02)


def test_more_hypotheses_or_fewer_tasks_show_less():
    gain = np.tile([1.0, -1.0, 0, 0, 0, 0, 0, 0, 0, 0], 40)
    one, ten = power_of(gain, 1), power_of(gain, 10)
    assert one.smallest < ten.smallest < power_of(gain[:200], 10).smallest
    assert (one.level, ten.level) == (0.05, 0.005) and one.tasks_for_6_points < ten.tasks_for_6_points


def test_where_too_few_tasks_differ_none_is_shown_and_as_many_as_it_takes_are_asked_for():
    gain = np.zeros(200)
    assert power_of(gain, 1).smallest is None
    gain[:4] = 1
    assert power_of(gain, 1).smallest is None, "four tasks that all go one way have p = 0.125"
    assert power_of(gain, 1).tasks_for_6_points == tasks_needed(0.06, 0.06, 0.05)
    assert power_of(np.array([1.0]), 1).smallest is None
