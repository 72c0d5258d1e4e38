"""The regression and the calibrations, against what defines them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.navigator.confidence.calibrators import (
    CALIBRATORS,
    Isotonic,
    Platt,
    calibrator_of,
    pool_adjacent_violators,
)
from pilotage.navigator.confidence.logistic import fit_logistic, log_loss, probabilities

ROWS = st.lists(st.tuples(st.integers(-4, 4), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.25, 1.0, 3.0])))
SOME_ROWS = ROWS.filter(lambda rows: len(rows) >= 2)


def columns(rows):
    x, y, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return x, y, weight


@given(SOME_ROWS, st.sampled_from([0.3, 1.0, 10.0]))
def test_at_the_fit_the_penalised_likelihood_is_flat(rows, ridge):
    x, y, weight = columns(rows)
    inputs = np.column_stack([x, x**2])
    if np.ptp(y) == 0:
        y[0] = 1 - y[0] if y[0] != 0.5 else 1.0  # of answers that are all right the intercept has no end
    fitted = fit_logistic(inputs, y, weight, ridge)
    off = weight * (probabilities(fitted[0] + inputs @ fitted[1:]) - y)
    assert abs(off.sum()) < 1e-5
    assert np.allclose(inputs.T @ off + ridge * fitted[1:], 0, atol=1e-5)


def test_what_can_be_told_apart_without_fault_is_fitted_without_end_to_its_certainty():
    x = np.linspace(-1, 1, 40)[:, None]
    fitted = fit_logistic(x, (x[:, 0] > 0).astype(float), np.ones(40), 0.5)
    assert np.isfinite(fitted).all() and fitted[1] > 3
    weaker = fit_logistic(x, (x[:, 0] > 0).astype(float), np.ones(40), 50.0)
    assert 0 < weaker[1] < fitted[1]


@given(SOME_ROWS)
def test_pooling_gives_the_rising_function_of_least_squares(rows):
    x, y, weight = columns(rows)
    at, value = pool_adjacent_violators(x, y, weight)
    assert (np.diff(at) > 0).all() and (np.diff(value) > 0).all()
    points = np.unique(x)
    mass = np.array([weight[x == point].sum() for point in points])
    total = np.array([(weight * y)[x == point].sum() for point in points])
    mean = lambda low, high: total[low : high + 1].sum() / mass[low : high + 1].sum()  # noqa: E731
    # The max-min formula of isotonic regression (Robertson, Wright and Dykstra 1988).
    wanted = [
        max(min(mean(low, high) for high in range(place, len(points))) for low in range(place + 1))
        for place in range(len(points))
    ]
    assert np.allclose(sorted(set(np.round(wanted, 9))), value)


@pytest.mark.parametrize("kind", CALIBRATORS)
@given(rows=SOME_ROWS)
def test_a_calibration_rises_and_stays_clear_of_certainty(kind, rows):
    x, y, weight = columns(rows)
    fitted = CALIBRATORS[kind].fit(x, y, weight)
    likely = fitted(np.linspace(-9, 9, 50))
    assert ((likely > 0) & (likely < 1)).all() and (np.diff(likely) >= -1e-12).all()
    assert calibrator_of(fitted.to_json()) == fitted


def test_each_calibration_mends_what_is_twice_too_sure():
    generator = np.random.default_rng(0)
    odds = generator.normal(0, 1.5, 4_000)
    score = (generator.random(4_000) < probabilities(odds)).astype(float)
    weight = np.ones(4_000)
    for kind in (Platt, Isotonic):
        mended = kind.fit(2 * odds, score, weight)(2 * odds)
        assert np.abs(mended - probabilities(odds)).mean() < 0.03
        assert log_loss(mended, score, weight) < log_loss(probabilities(2 * odds), score, weight) - 0.02
    assert Platt.fit(2 * odds, score, weight).slope == pytest.approx(0.5, abs=0.05)


def test_what_is_ranked_the_wrong_way_round_says_nothing():
    odds, score = np.linspace(-2, 2, 50), (np.linspace(-2, 2, 50) < 0).astype(float)
    flat = Platt.fit(odds, score, np.ones(50))
    assert flat.slope == 0 and flat(np.array([-3.0, 3.0])) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "platt", "intercept": 0, "slope": -1},
        {"kind": "platt", "intercept": float("nan"), "slope": 1},
        {"kind": "isotonic", "at": [0, 1], "probability": [0.6, 0.4]},
        {"kind": "isotonic", "at": [1, 0], "probability": [0.4, 0.6]},
        {"kind": "isotonic", "at": [0, 1], "probability": [0.0, 0.6]},
        {"kind": "isotonic", "at": [], "probability": []},
        {"kind": "beta"},
    ],
)
def test_a_calibration_that_is_none_is_refused(data):
    with pytest.raises(ValueError, match="its (Platt |isotonic )?calibration"):
        calibrator_of(data)
