from dataclasses import replace

import pytest

from pilotage.common.statistics import holm, mcnemar_exact, sign_flip
from pilotage.navigator.evaluation import Protocol, evaluate
from tests.navigator.evaluation.made_up import chance_bank, flat_bank

QUICK = Protocol(folds=2, seeds=1, efforts=(), resamples=1000)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """40 tasks: 12 that only a program gets right, 3 that only reasoning does, 15 both, 10 neither."""
    kinds = [{"program"}] * 12 + [{"reason"}] * 3 + [{"program", "reason"}] * 15 + [set()] * 10
    bank = flat_bank(tmp_path_factory.mktemp("b") / "b", {f"f/{n:02}": kind for n, kind in enumerate(kinds)})
    names = ["always:reason", "always:program", "always:verify", "best-fixed", "random", "oracle"]
    return evaluate(bank, names, QUICK, against=["always:reason", "best-fixed", "random"])


def test_a_pair_is_counted_as_it_was_made(found):
    pair = found.comparison("always:program", "always:reason")
    assert (pair.tasks, pair.better, pair.worse) == (40, 12, 3)
    assert pair.difference == pytest.approx(9 / 40)
    assert pair.mcnemar_p == mcnemar_exact(12, 3) == pytest.approx(0.0351562, abs=1e-6)
    assert pair.permutation_p == pytest.approx(sign_flip([1] * 12 + [-1] * 3), rel=0.2)
    assert pair.interval[0] < pair.difference < pair.interval[1]
    assert pair.cost_ratio == pytest.approx(0.5) and pair.cost_ratio_interval == pytest.approx((0.5, 0.5))
    assert pair.value_difference == pytest.approx(9 / 40 + 0.1 * 0.15)


def test_p_values_are_adjusted_for_all_comparisons_whoever_they_are_with(found):
    """Five policies of which three are compared with: nine pairs, three of which stand there twice, turned."""
    assert len(found.comparisons) == 12 and found.protocol.adjusted_for == 9
    pairs = {frozenset((one.policy, one.against)): (one.p, one.holm_p) for one in found.comparisons}
    assert {one: holm_p for one, (_, holm_p) in pairs.items()} == holm({one: p for one, (p, _) in pairs.items()})
    turned = found.comparison("best-fixed", "random"), found.comparison("random", "best-fixed")
    assert turned[0].holm_p == turned[1].holm_p and turned[0].difference == -turned[1].difference


def test_what_was_tried_before_counts_and_what_takes_part_counts_once(tmp_path):
    kinds = [{"program"}] * 30 + [{"reason"}] * 10
    bank = flat_bank(tmp_path / "b", {f"f/{n:02}": kind for n, kind in enumerate(kinds)})
    names, against = ["always:reason", "always:program", "random"], ["always:reason", "random"]
    tried = replace(QUICK, tried=4, tried_names=("k=5", "k=30", "random"))
    alone, after = (evaluate(bank, names, protocol, against=against) for protocol in (QUICK, tried))
    assert alone.protocol.adjusted_for == 3 and after.protocol.adjusted_for == 3 + 2 * 6
    before, now = (one.comparison("always:program", "always:reason") for one in (alone, after))
    rank = sorted({one.p for one in after.comparisons}).index(now.p)
    assert now.holm_p == pytest.approx((15 - rank) * now.p) and now.holm_p > before.holm_p
    assert now.power.level == pytest.approx(0.05 / 15) and before.power.level == pytest.approx(0.05 / 3)
    assert now.power.smallest > before.power.smallest
    assert now.power.tasks_for_6_points > before.power.tasks_for_6_points


def test_with_too_few_families_nothing_is_said_of_others(found):
    assert found.comparison("random", "best-fixed").family_interval is None
    assert found.policy("random").accuracy_family_interval is None


def test_being_right_by_chance_one_time_in_two_or_less_is_not_being_right(found):
    """Random is right with a chance of 1/4 or 1/2: never more than half, so it wins no task."""
    pair = found.comparison("random", "always:reason")
    turned = found.comparison("always:reason", "random")
    assert (pair.better, pair.worse) == (0, 18) == (turned.worse, turned.better)
    assert found.policy("random").accuracy == pytest.approx((15 * 1 / 4 + 15 * 2 / 4) / 40)


def test_expected_scores_are_tested_as_they_are_and_not_as_right_or_wrong(found, tmp_path):
    """A quarter of a task ahead on each of ten: rounded, none is won, and McNemar's test would have p = 1."""
    pair = found.comparison("random", "always:reason")
    assert pair.mcnemar_p is None and pair.p == pair.permutation_p < 0.05
    bank = flat_bank(tmp_path / "b", {f"f/{n}": {"reason"} for n in range(10)})
    seen = evaluate(bank, ["fixed:answer", "random"], QUICK, against=["fixed:answer"])
    ahead = seen.comparison("random", "fixed:answer")
    assert (ahead.better, ahead.worse) == (0, 0) and ahead.interval[0] > 0
    assert ahead.mcnemar_p is None and ahead.p == ahead.holm_p == sign_flip([0.25] * 10) == 2 / 2**10


def test_the_gap_to_the_oracle_is_measured_from_the_best_fixed_sequence_alone(found):
    assert found.policy("best-fixed").accuracy == found.policy("always:program").accuracy
    assert found.comparison("always:program", "best-fixed").gap_closed == pytest.approx(0)
    assert found.comparison("always:reason", "best-fixed").gap_closed < 0
    assert found.comparison("always:program", "always:reason").gap_closed is None
    assert not [one for one in found.comparisons if one.policy == "oracle"]


def test_the_best_sequence_of_each_family_closes_the_whole_gap_where_the_family_tells_all(tmp_path):
    kinds = {f"{family}/{n}": {right} for n in range(10) for family, right in (("a", "program"), ("b", "reason"))}
    found = evaluate(flat_bank(tmp_path / "b", kinds), ["best-fixed", "best-fixed-per-family", "oracle"], QUICK)
    pair = found.comparison("best-fixed-per-family", "best-fixed")
    assert pair.gap_closed == pytest.approx(1) and pair.gap_closed_interval == pytest.approx((1, 1))
    assert pair.holm_p == mcnemar_exact(10, 0)


@pytest.mark.parametrize("seed", [0, 1])
def test_where_nothing_helps_nothing_is_found_to_help(tmp_path, seed):
    bank = chance_bank(tmp_path / "b", tasks=90, seed=seed)
    found = evaluate(bank, ["best-fixed", "linear", "nearest", "random-matched:nearest", "oracle"], QUICK)
    assert found.policy("oracle").accuracy == 1
    for pair in found.comparisons:
        assert pair.holm_p > 0.05, f"{pair.policy} cannot be better"
        assert pair.interval[0] < 0.02 and pair.value_interval[0] < 0.02


def test_what_costs_nothing_has_no_ratio(tmp_path):
    free = {"reason": 0, "program": 0, "verify": 0}
    bank = flat_bank(tmp_path / "b", {f"f/{n}": {"program"} for n in range(6)}, costs=free)
    found = evaluate(bank, ["always:program", "fixed:answer"], QUICK, against=["always:program"])
    pair = found.to_json()["comparisons"][0]
    assert pair["cost_ratio"] is None and pair["cost_ratio_interval"] is None
