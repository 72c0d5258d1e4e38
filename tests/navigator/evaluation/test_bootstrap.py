import math

import numpy as np
import pytest

from pilotage.common.statistics import wilson
from pilotage.navigator.errors import NavigatorError
from pilotage.navigator.evaluation import bootstrap
from pilotage.navigator.evaluation.bootstrap import (
    Resampler,
    interquartile_mean,
    interval,
    over_families,
    runs_interval,
)


def test_the_interquartile_mean_leaves_out_a_quarter_at_either_end():
    assert interquartile_mean([0, 1, 2, 100]) == 1.5
    assert interquartile_mean([5, 1, 3, 2, 4]) == 3
    assert interquartile_mean([9, 0, 3]) == 4, "a quarter of three, rounded down, is none"
    assert interquartile_mean(np.arange(8)) == np.arange(2, 6).mean()


def test_the_quarters_that_go_are_scores_of_runs_on_tasks_and_not_whole_runs():
    """Agarwal et al. 2021: three runs of four tasks are twelve scores, of which the middle six count."""
    scores = np.array([[0.0, 0.1, 0.9, 1.0], [0.0, 0.3, 0.8, 1.0], [0.2, 0.4, 0.7, 1.0]])
    ordered = sorted(scores.ravel())
    assert interquartile_mean(scores) == pytest.approx(np.mean(ordered[3:9]))
    assert interquartile_mean(scores) != pytest.approx(np.sort(scores.mean(axis=1))[:].mean())


def test_the_interquartile_mean_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    scores = np.random.default_rng(4).random((5, 37))
    assert interquartile_mean(scores) == pytest.approx(stats.trim_mean(scores, 0.25, axis=None))


def test_an_interval_of_a_mean_is_about_that_of_the_normal_law():
    scores = np.random.default_rng(0).random(400)
    low, high = Resampler(400).mean(scores)
    half = 1.96 * scores.std() / math.sqrt(400)
    assert low == pytest.approx(scores.mean() - half, abs=0.002)
    assert high == pytest.approx(scores.mean() + half, abs=0.002)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    generator = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        low, high = Resampler(80, 500, seed).mean(generator.random(80) < 0.3)
        held += low <= 0.3 <= high
    assert 0.9 <= held / 200 <= 0.99


def test_the_same_draws_serve_all_figures_so_pairs_stay_pairs():
    resampler = Resampler(60, 500)
    scores = np.random.default_rng(0).random(60)
    draws = resampler.means(scores, scores + 0.25)
    assert np.allclose(draws[:, 1] - draws[:, 0], 0.25)
    low, high = resampler.ratio(3 * scores, scores)
    assert low == pytest.approx(3) and high == pytest.approx(3)


def test_a_large_bank_is_drawn_in_parts_that_repeat(monkeypatch):
    monkeypatch.setattr(bootstrap, "_CELLS", 1000)
    scores = np.random.default_rng(0).random(90)
    resampler = Resampler(90, 400)
    assert resampler.means(scores).shape == (400, 1)
    assert resampler.mean(scores) == resampler.mean(scores)


def test_unknown_tasks_are_left_out():
    scores = np.array([1.0, 0.0, np.nan, np.nan] * 20)
    low, high = Resampler(80, 2000).mean(scores)
    assert low < 0.5 < high and high - low > 0.2
    assert all(math.isnan(end) for end in Resampler(4, 200).mean(np.full(4, np.nan)))
    assert all(math.isnan(end) for end in Resampler(4, 200).ratio(np.ones(4), np.zeros(4)))


def test_where_all_are_right_the_interval_is_not_a_point():
    assert Resampler(20, 200).accuracy(np.ones(20)) == wilson(20, 20)
    assert Resampler(20, 200).accuracy(np.zeros(20)) == wilson(0, 20)


def test_seeds_that_agree_leave_no_spread_and_those_that_differ_some():
    fold = np.array([0, 1])
    assert runs_interval(np.full((5, 2), 0.7), fold) == (pytest.approx(0.7), pytest.approx(0.7))
    low, high = runs_interval(np.array([[0.1, 0.1], [0.5, 0.5], [0.6, 0.6], [0.9, 0.9]]), fold)
    assert 0.1 < low < 0.55 < high < 0.9


def test_seeds_are_drawn_within_each_fold():
    """One fold in which seeds differ, one in which they do not: the second keeps its level in every draw."""
    scores = np.repeat([[0.0, 1.0], [1.0, 1.0]], 3, axis=1)  # two runs, two folds of three tasks
    low, high = runs_interval(scores, np.repeat([4, 7], 3))
    assert low == pytest.approx(0.5) and high == pytest.approx(1)


def test_tasks_of_one_fold_are_played_by_one_training_so_they_come_and_go_together():
    """Drawn task by task, six runs that differ as a whole would look as if they hardly differed."""
    scores = np.tile(np.linspace(0, 1, 6)[:, None], (1, 50))
    low, high = runs_interval(scores, np.zeros(50, dtype=int))
    assert high - low > 0.3
    apart = runs_interval(scores, np.arange(50))
    assert apart[1] - apart[0] < (high - low) / 2


def test_an_interval_of_nothing_is_unknown_and_too_few_draws_are_refused():
    assert all(math.isnan(end) for end in interval(np.array([np.nan, np.nan, 1.0])))
    with pytest.raises(NavigatorError, match="100 resamples at least"):
        Resampler(5, 10)
    with pytest.raises(NavigatorError, match="needs a task"):
        Resampler(0)


def test_drawing_families_draws_as_many_families_and_tasks_within_them():
    families = ["a"] * 3 + ["b"] * 5 + ["c"]
    ones = [np.array([float(name == family) for name in families]) for family in "abc"]
    counts = np.concatenate(list(Resampler(9, 400, 0, families)._draws()))
    for mine, size in zip(ones, (3, 5, 1), strict=True):
        drawn = counts @ mine
        assert set((drawn / size).tolist()) == {0, 1, 2, 3} and drawn.mean() == pytest.approx(size, rel=0.15)
    assert (counts[:, :3].std(axis=1) > 0).any(), "tasks are drawn within a family as well"


def test_where_families_differ_and_tasks_within_do_not_only_families_count():
    families = [f"f{n:02}" for n in range(12) for _ in range(10)]
    scores = np.repeat(np.random.default_rng(0).random(12), 10)
    (low, high), (below, above) = Resampler(120).mean(scores), over_families(families, 10_000, 0).mean(scores)
    assert above - below == pytest.approx(2 * 1.96 * scores.std() / math.sqrt(12), rel=0.1)
    assert above - below > 2.5 * (high - low)


def test_intervals_over_families_hold_the_mean_of_all_families_where_those_over_tasks_do_not():
    generator, over, tasks = np.random.default_rng(3), 0, 0
    families = [f"f{n:02}" for n in range(20) for _ in range(10)]
    for seed in range(150):
        scores = generator.random(200) < np.repeat(generator.beta(1, 1, 20), 10)
        low, high = over_families(families, 400, seed).mean(scores)
        over += low <= 0.5 <= high
        low, high = Resampler(200, 400, seed).mean(scores)
        tasks += low <= 0.5 <= high
    assert 0.89 <= over / 150 <= 1 and tasks / 150 < 0.8


def test_where_all_is_right_an_interval_over_families_counts_families():
    families = [f"f{n % 6}" for n in range(60)]
    assert over_families(families, 200, 0).accuracy(np.ones(60)) == wilson(6, 6)
    assert over_families(families[:59], 200, 0).accuracy(np.zeros(59)) == wilson(0, 6)
    assert over_families(["a", "b", "c", "d"], 200, 0) is None
