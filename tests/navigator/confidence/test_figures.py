"""The figures of predictions, against the plainest way to compute them."""

import numpy as np
import pytest

from pilotage.navigator.confidence.figures import Figures, Predicted
from pilotage.navigator.evaluation.calibration import Predictions, calibrate


def made(tasks=60, each=3, seed=0, sure=1.0):
    """Answers that are right as often as is predicted, or, where `sure` is above 1, less clearly."""
    generator = np.random.default_rng(seed)
    odds = generator.normal(0, 1.5, tasks * each)
    score = (generator.random(tasks * each) < 1 / (1 + np.exp(-odds))).astype(float)
    predicted = 1 / (1 + np.exp(-sure * odds))
    weight = generator.choice([0.0, 0.25, 1.0], tasks * each)
    return Predicted(predicted, score, weight, np.repeat(np.arange(tasks), each), tasks)


def test_error_and_brier_are_those_of_an_evaluation():
    one = made(sure=2.0)
    found = Figures.of(one, 200)
    known = calibrate(Predictions(one.predicted, one.score, one.weight))
    assert (found.ece.value, found.brier.value) == pytest.approx((known.ece, known.brier))


def test_auc_is_the_share_of_pairs_in_the_right_order():
    one = made(20, 2)
    one = Predicted(np.round(one.predicted, 1), one.score, one.weight, one.task, one.tasks)  # so that there are ties
    won = total = 0.0
    for p, right, w in zip(one.predicted, one.score, one.weight, strict=True):
        for q, other, v in zip(one.predicted, one.score, one.weight, strict=True):
            if right > other:
                total += w * v
                won += w * v * (float(p > q) + 0.5 * float(p == q))
    assert Figures.of(one, 200).auc.value == pytest.approx(won / total)


def test_the_surest_are_counted_by_their_thresholds_and_the_surest_half_by_their_rank():
    predicted = np.array([0.95, 0.85, 0.65, 0.65, 0.2, 0.1])
    score = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 1.0])
    found = Figures.of(Predicted(predicted, score, np.ones(6), np.arange(6), 6), 500)
    rows = {row.threshold: (row.share.value, row.right.value) for row in found.above}
    assert rows[0.8] == pytest.approx((2 / 6, 1.0)) and rows[0.6] == pytest.approx((4 / 6, 3 / 4))
    assert found.surest_half.value == pytest.approx((1 + 1 + 0.5) / 3)  # of the two that are equally sure, one half
    low, high = next(row.right.interval for row in found.above if row.threshold == 0.8)
    assert low < 0.6 and high == pytest.approx(1)  # two answers that are right say little
    nobody = Figures.of(Predicted(predicted / 2, score, np.ones(6), np.arange(6), 6), 500).above[-1].right
    assert np.isnan(nobody.value)


def test_a_figure_lies_in_its_interval_which_narrows_with_the_tasks():
    few, many = (Figures.of(made(tasks, 1), 500) for tasks in (40, 640))
    for name in ("brier", "log_loss", "auc", "right", "surest_half"):
        for found in (few, many):
            low, high = getattr(found, name).interval
            assert low < getattr(found, name).value < high
        assert np.ptp(getattr(many, name).interval) < 0.5 * np.ptp(getattr(few, name).interval)


def test_chance_alone_explains_the_error_of_those_who_are_exactly_right_and_of_no_others():
    right, surer = Figures.of(made(2_000, 1), 200), Figures.of(made(2_000, 1, sure=4.0), 200)
    assert right.ece.value < 2 * right.ece_by_chance
    assert surer.ece.value > 4 * surer.ece_by_chance
    assert Figures.of(made(100, 1), 200).ece_by_chance > 2 * right.ece_by_chance


def test_joined_parts_keep_their_tasks_apart():
    parts = [made(5, 2, seed=seed) for seed in (0, 1)]
    joined = Predicted.joined(parts)
    assert joined.tasks == 10 and sorted(set(joined.task)) == list(range(10))
    whole = np.concatenate([part.by_task(np.ones(10)) for part in parts])
    assert joined.by_task(np.ones(20)) == pytest.approx(whole)
