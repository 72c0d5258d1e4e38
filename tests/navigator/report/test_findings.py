"""The sentences: nothing is called better that the interval does not show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.navigator.evaluation.comparison_parts import Comparison
from pilotage.navigator.report.findings import comparison, gap, headline, usable, value, verdict
from pilotage.navigator.report.method import cautions, method
from pilotage.navigator.report.reading import parse
from pilotage.navigator.report.sections import sections
from pilotage.navigator.report.wording import elided, listed, number, p_value, percent, points, tokens
from tests.navigator.report.evaluations import evaluation

CLAIMS = ("significantly more", "significantly less", "significantly fewer", "better", "ahead", "behind", "It closes 5")


def compared(low=0.01, high=0.09, p=0.01, **more):
    given = {
        "policy": "learned",
        "against": "best-fixed",
        "tasks": 100,
        "difference": (low + high) / 2,
        "interval": (low, high),
        "better": 12,
        "worse": 3,
        "mcnemar_p": p,
        "holm_p": p,
        "cost_ratio": 0.6,
        "cost_ratio_interval": (0.5, 0.7),
    }
    return Comparison.model_validate({**given, **more})


def test_a_clear_difference_is_named_with_its_figures():
    assert comparison(compared()) == (
        "learned is significantly more accurate than best-fixed (+5.0 points, 95% interval +1.0 to +9.0, p 0.010 after "
        "correction), at 60% of its tokens (50 to 70%)."
    )
    assert "significantly less accurate" in comparison(compared(-0.09, -0.01))


@pytest.mark.parametrize("interval", [(-0.01, 0.09), (0.0, 0.09), (-0.05, 0.0), (0.0, 0.0)])
def test_an_interval_that_covers_0_shows_no_difference(interval):
    text = comparison(compared(*interval))
    assert "not significantly different" in text and not any(claim in text for claim in CLAIMS)


def test_a_difference_that_does_not_survive_correction_is_none():
    text = comparison(compared(p=0.2))
    assert "not significantly different from best-fixed in accuracy once the number of comparisons counts" in text
    assert not any(claim in text for claim in CLAIMS)


def test_cost_is_called_different_only_where_it_is():
    assert "nor is its cost" in comparison(compared(-0.1, 0.1, cost_ratio=0.98, cost_ratio_interval=(0.9, 1.1)))
    alike = comparison(compared(cost_ratio=0.98, cost_ratio_interval=(0.9, 1.1)))
    assert "its cost is not significantly different (98% of the tokens, 90 to 110%)" in alike
    assert "tokens" not in comparison(compared(cost_ratio=None, cost_ratio_interval=None))


@given(
    st.floats(-1, 1),
    st.floats(-1, 1),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(-2, 2),
)
def test_no_claim_without_an_interval_and_a_p_value_that_hold(one, other, p, closed):
    low, high = sorted((one, other))
    shown = compared(low, high, p, gap_closed=closed)
    text = " ".join((comparison(shown), *gap(shown)))
    sure = (low > 0 or high < 0) and (p is None or p < 0.05)
    assert sure == (verdict(shown.interval, shown.holm_p) in ("more", "less"))
    assert sure == any(claim in text for claim in CLAIMS[:3])
    assert sure or not any(claim in text for claim in CLAIMS[:5])


def test_the_gap_is_closed_only_where_its_interval_shows_it():
    assert gap(compared(gap_closed=None)) == []
    assert "closes none of the gap" in gap(compared(gap_closed=-0.2))[0]
    assert gap(compared(gap_closed=0.54, gap_closed_interval=(0.2, 0.8)))[0].startswith(
        "It closes 54% (95% interval 20 to 80%) of the gap in value"
    )
    assert "which is not told from none" in gap(compared(gap_closed=0.54, gap_closed_interval=(-0.1, 0.8)))[0]
    assert "which is not told from none" in gap(compared(-0.1, 0.2, gap_closed=0.54))[0]


def test_value_is_compared_by_its_own_interval():
    assert value(compared()) == []
    assert (
        "it is ahead by 0.100 (95% interval 0.050 to 0.200"
        in value(compared(value_difference=0.1, value_interval=(0.05, 0.2)))[0]
    )
    assert (
        "it is behind by 0.100 (95% interval \u22120.200 to"
        in value(compared(value_difference=-0.1, value_interval=(-0.2, -0.05)))[0]
    )
    assert "not significantly different" in value(compared(value_difference=0.1, value_interval=(-0.1, 0.2)))[0]


def test_on_a_bank_where_nothing_helps_nothing_is_claimed():
    given = evaluation(learned=2, baselines=2, families=2, tasks=40, resamples=200, gain=0.0)
    kept = [one for one in given["comparisons"] if "oracle" not in (one["policy"], one["against"])]
    for one in kept:
        one |= {"difference": 0.01, "interval": [-0.1, 0.12], "holm_p": 1.0, "gap_closed": 0.03}
    data = parse({**given, "comparisons": kept, "transfer": []})
    said = " ".join(
        [*headline(data), *(text for part in sections(data, {"comparisons": None}) for text in part.sentences)]
    )
    assert "has the highest value" in said and "not significantly different" in said
    assert not any(claim in said.replace("Up and to the left is better", "") for claim in CLAIMS)


def test_the_best_is_chosen_by_value_among_what_can_be_used():
    data = parse(evaluation(learned=2, baselines=2, families=2, tasks=40, resamples=50))
    best = max((one for one in data.policies if one.kind != "oracle"), key=lambda one: one.value)
    assert (
        usable(data)[0] == best
        and f" {best.name} has the highest value (share right minus 0.1 per" in headline(data)[0]
    )
    only = data.model_copy(update={"policies": tuple(one for one in data.policies if one.kind == "oracle")})
    assert headline(only) == [
        "Only an oracle was evaluated, which sees the answers: it is a ceiling, not a policy to use."
    ]


def test_expected_scores_that_an_earlier_file_rounded_for_its_test_are_tested_by_sign_flips():
    """Their difference is not that of the tasks won and lost; p-values beside theirs are adjusted anew with them."""
    given = evaluation(learned=2, baselines=2, families=2, tasks=40, resamples=50)
    whole = next(one for one in given["comparisons"] if one["policy"] != "oracle" and one["against"] == "best-fixed")
    rounded = {**whole, "policy": given["policies"][0]["name"], "difference": -0.07, "interval": [-0.09, -0.04]}
    rounded |= {"better": 0, "worse": 0, "mcnemar_p": 1.0, "permutation_p": 0.0001, "holm_p": 1.0}
    whole |= {"policy": given["policies"][2]["name"], "permutation_p": 0.5, "mcnemar_p": 0.04, "holm_p": 0.08}
    first, second = parse({**given, "comparisons": [rounded, whole]}).comparisons
    assert (first.mcnemar_p, first.p, first.holm_p) == (None, 0.0001, 0.0002)
    assert (second.mcnemar_p, second.p, second.holm_p) == (0.04, 0.04, 0.04)
    assert "significantly less accurate" in comparison(first)
    again = parse(parse({**given, "comparisons": [rounded, whole]}).to_json()).comparisons
    assert [(one.p, one.holm_p) for one in again] == [(0.0001, 0.0002), (0.04, 0.04)]
    (alone,) = parse({**given, "comparisons": [whole]}).comparisons
    assert alone.holm_p == 0.08, "what needs no mending stays as the file has it"


def test_a_comparison_is_found_from_either_side():
    given = evaluation(learned=1, baselines=1, families=2, tasks=40, resamples=50)
    data = parse(given)
    (one,) = (found for found in data.comparisons if found.against == "best-fixed" and found.policy != "oracle")
    turned = {
        **given["comparisons"][0],
        "policy": "best-fixed",
        "against": one.policy,
        "difference": -0.2,
        "interval": [-0.3, -0.1],
        "holm_p": 0.001,
    }
    said = " ".join(headline(parse({**given, "comparisons": [turned]})))
    best = usable(data)[0].name
    more = f"It answers significantly more tasks right than {'best-fixed'}." in said
    assert ("significantly less accurate than" in said or "fewer tasks right than" in said) == (best == "best-fixed")
    assert best == "best-fixed" or more or "significantly more accurate than best-fixed" in said


def test_the_method_names_tasks_folds_seeds_and_resamples():
    given = evaluation(learned=2, baselines=2, families=2, tasks=40, resamples=50)
    said = " ".join(method(parse(given)))
    assert "5 policies were compared on 40 tasks of 2 families" in said and "5 folds" in said and "50 resamples" in said
    given["protocol"] |= {"kind": "held-out", "folds": None, "train_seeds": 1}
    assert "held out from training" in " ".join(method(parse(given)))
    assert "1 training seed:" in cautions(parse(given))[0]


@pytest.mark.parametrize("kind", ["cross-fit", "held-out"])
def test_the_method_calls_nothing_held_out_where_policies_may_be_judged_on_their_training_tasks(kind):
    given = evaluation(learned=1, baselines=1, families=2, tasks=40, resamples=50)
    given["protocol"] |= {"kind": kind, "in_sample": False}
    held_out, in_sample = "held out", "may be judged on their own training tasks"
    said = " ".join(method(parse(given)))
    assert held_out in said and in_sample not in said
    given["protocol"]["in_sample"] = True
    said = " ".join(method(parse(given)))
    assert held_out not in said and in_sample in said


def test_the_method_says_which_test_is_whose_and_what_the_margin_is_of():
    said = " ".join(method(parse(evaluation(learned=1, baselines=1, families=2, tasks=40, resamples=50))))
    assert "McNemar's exact test where every task is right or wrong, and sign flips" in said
    assert "median difference" not in said and "in the median over all comparisons" in said


def test_what_the_evaluation_says_against_itself_comes_first():
    given = evaluation(learned=2, baselines=2, families=2, tasks=40, resamples=50)
    given["policies"][0]["coverage"], given["policies"][1]["coverage"] = 0.5, 0.9
    first, second = (policy["name"] for policy in given["policies"][:2])
    given["defects"] = [f"{first}: half of its tasks are unknown."]
    said = cautions(parse(given))
    assert said == [
        given["defects"][0],
        f"Scores hold only for the share of tasks on which a route is recorded: {second} (90%).",
    ]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (number(-0.04, 1), "0.0"),
        (number(-1234.56), "\u22121,234.56"),
        (points(0.05), "+5.0"),
        (points(-0.0001), "0.0"),
        (points(-0.05), "\u22125.0"),
        (percent(0.7142), "71.4%"),
        (tokens(0.4123), "412"),
        (tokens(12.3456), "12,300"),
        (p_value(0.0004), "<\u20090.001"),
        (p_value(0.0321), "0.032"),
        (p_value(1), "1.00"),
        (listed(["a", "b", "c"]), "a, b and c"),
        (listed(["a"]), "a"),
        (listed([]), ""),
        (elided("abcdefghij", 7), "abcd\u2026ij"),
    ],
)
def test_numbers_are_written_in_one_way(shown, expected):
    assert shown == expected


@given(st.text(max_size=60), st.integers(3, 40))
def test_a_cut_name_fits(name, length):
    assert len(elided(name, length)) <= max(length, 0) and (len(name) > length or elided(name, length) == name)
