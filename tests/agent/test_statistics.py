import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.common.statistics import (
    are_won_or_lost,
    clustered_difference,
    holm,
    mcnemar_exact,
    paired_difference,
    paired_p,
    paired_shares,
    sign_flip,
    wilson,
)


def test_the_score_interval_is_the_published_one():
    low, high = wilson(81, 263)  # Newcombe 1998, table I
    assert math.isclose(low, 0.2553, abs_tol=1e-4)
    assert math.isclose(high, 0.3662, abs_tol=1e-4)


@given(st.integers(1, 200), st.data())
def test_the_score_interval_holds_the_share(n, data):
    right = data.draw(st.integers(0, n))
    low, high = wilson(right, n)
    assert 0 <= low <= right / n + 1e-12 and right / n - 1e-12 <= high <= 1


def test_the_interval_of_paired_shares_is_the_published_one():
    difference, low, high = paired_shares(1, 1, 7, 12)  # Fagerland, Lydersen and Laake 2014, section 6
    assert math.isclose(difference, -6 / 21)
    assert math.isclose(low, -0.507, abs_tol=5e-4) and math.isclose(high, -0.026, abs_tol=5e-4)


def test_the_interval_of_paired_shares_is_not_nothing_where_nothing_differs():
    assert paired_shares(13, 0, 0, 2) == pytest.approx((0.0, -0.19, 0.19), abs=0.01)
    assert paired_shares(0, 0, 0, 3)[1] < 0 < paired_shares(3, 0, 0, 0)[2]


def test_mcnemar_is_the_exact_binomial_test():
    assert mcnemar_exact(0, 0) == 1
    assert mcnemar_exact(5, 5) == 1
    assert math.isclose(mcnemar_exact(1, 9), 2 * (1 + 10) / 2**10)
    assert mcnemar_exact(1, 9) == mcnemar_exact(9, 1)


def test_a_paired_difference_repeats_and_holds_its_mean():
    first, second = [1, 1, 0, 1, 0, 1], [0, 1, 0, 1, 1, 0]
    mean, low, high = paired_difference(first, second)
    assert math.isclose(mean, 1 / 6)
    assert low <= mean <= high
    assert paired_difference(first, second) == (mean, low, high)
    assert paired_difference(first, first) == (0, 0, 0)


def test_a_clustered_interval_is_wider_where_the_repeats_of_a_task_agree():
    alone = {str(i): [1.0 if i % 4 == 0 else 0.0] for i in range(80)}
    repeated = {str(i): [1.0 if i % 4 == 0 else 0.0] * 4 for i in range(20)}
    (mean, low, high), (same, lower, higher) = clustered_difference(alone), clustered_difference(repeated)
    assert mean == same == 0.25
    assert higher - lower > 1.5 * (high - low)


def test_the_sign_flip_test_is_exact_for_few_pairs_and_close_for_many():
    assert sign_flip([]) == sign_flip([0.0, 0.0]) == 1.0
    assert sign_flip([1.0] * 5) == 2 / 2**5
    assert sign_flip([1.0, -1.0]) == 1.0
    assert sign_flip([0.5] * 3 + [0.0] * 9) == 2 / 2**3
    assert sign_flip([1.0] * 10 + [-1.0] * 10) > 0.9
    assert sign_flip([1.0] * 25) < 0.001


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), max_size=14))
def test_on_tasks_won_and_lost_sign_flips_are_mcnemars_test(differences):
    assert are_won_or_lost(differences)
    assert paired_p(differences) == pytest.approx(sign_flip(differences))


def test_expected_scores_are_not_rounded_before_they_are_tested():
    behind = [-0.4, -0.3, -0.2, -0.4, -0.1, -0.3, 0.0]
    assert not are_won_or_lost(behind)
    assert paired_p(behind) == 2 / 2**6


def test_what_was_tried_beside_counts_as_what_is_least_sure():
    assert holm({"a": 0.01, "b": 0.04}, further=3) == pytest.approx({"a": 0.05, "b": 0.16})
    known = holm({"a": 0.01, "b": 0.04, "c": 1.0, "d": 1.0, "e": 1.0})
    assert known["a"] == pytest.approx(0.05) and known["b"] == pytest.approx(0.16)


def test_holm_adjusts_the_smallest_most_and_keeps_the_order():
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03})
    assert adjusted == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_intervals_of_differences_are_about_those_of_the_normal_law():
    """95%, neither 90 nor 99: half a width is 1.96 standard errors."""
    drawn = np.random.default_rng(0).normal(0.2, 1.0, 400)
    half = 1.96 * drawn.std() / 20
    alone = {str(number): [value] for number, value in enumerate(drawn)}
    for mean, low, high in (paired_difference(drawn, np.zeros(400)), clustered_difference(alone)):
        assert mean == pytest.approx(drawn.mean())
        assert (mean - low, high - mean) == pytest.approx((half, half), rel=0.08)


def test_a_sampled_sign_flip_is_never_certain():
    """No sample of 1,000 is as extreme as 40 wins; that they are one more sample themselves keeps p above 0."""
    assert sign_flip([1.0] * 40, resamples=1000) == pytest.approx(1 / 1001)
