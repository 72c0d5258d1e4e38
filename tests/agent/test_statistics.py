import math

from hypothesis import given
from hypothesis import strategies as st

from agent.statistics import mcnemar_exact, paired_difference, wilson


def test_the_score_interval_is_the_published_one():
    low, high = wilson(81, 263)  # Newcombe 1998, table I
    assert math.isclose(low, 0.2553, abs_tol=1e-4)
    assert math.isclose(high, 0.3662, abs_tol=1e-4)


@given(st.integers(1, 200), st.data())
def test_the_score_interval_holds_the_share(n, data):
    right = data.draw(st.integers(0, n))
    low, high = wilson(right, n)
    assert 0 <= low <= right / n + 1e-12 and right / n - 1e-12 <= high <= 1


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
