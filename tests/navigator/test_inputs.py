import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import EFFORTS, LIMIT, ActionSupport, CostWeighting, Scaling
from pilotage.navigator.spaces import Feature, ObservationSpec
from tests.navigator.banks import ACTIONS, OBSERVATIONS, observed
from tests.navigator.policies import by_bounds

efforts = st.floats(0, 1)
LOGPROB = ObservationSpec((Feature("logprob", -20, 0), Feature("flag", 0, 1)))


@given(efforts)
def test_the_dial_goes_there_and_back(effort):
    assert CostWeighting().effort(CostWeighting().weight(effort)) == pytest.approx(effort, abs=1e-9)


@given(efforts, efforts)
def test_more_effort_means_that_tokens_weigh_less(one, other):
    low, high = sorted((one, other))
    assert CostWeighting().weight(low) >= CostWeighting().weight(high) >= 0


def test_the_ends_of_the_dial_are_what_they_are_said_to_be():
    assert CostWeighting(top=2.0).weight(0) == pytest.approx(2.0)
    assert CostWeighting().weight(1) == 0
    assert CostWeighting().effort(50.0) == 0


@pytest.mark.parametrize("effort", ["", "lots", "-0.1", 1.01, float("nan"), "nan"])
def test_what_is_no_effort_is_refused(effort):
    with pytest.raises(PolicyError, match="low, medium, high, or a number from 0 to 1"):
        CostWeighting.parse(effort)


@pytest.mark.parametrize(("given", "value"), [*EFFORTS.items(), ("0.3", 0.3), (1, 1.0)])
def test_an_effort_is_a_word_or_a_number(given, value):
    assert CostWeighting.parse(given) == value


@given(st.lists(st.tuples(st.floats(-20, 0), st.floats(0, 1)), min_size=1, max_size=30), st.floats(-1e6, 1e6))
def test_scaled_features_stay_in_order_and_within_their_limit(rows, wild):
    data = np.array(rows, dtype=np.float32)
    for scaling in (Scaling.from_data(LOGPROB, data), by_bounds(LOGPROB)):
        column = np.sort(np.append(data[:, 0], np.float32(wild)))
        scaled = scaling(np.column_stack([column, np.zeros_like(column)]))
        assert (np.diff(scaled[:, 0]) >= 0).all()
        assert np.abs(scaled).max() <= LIMIT


def test_a_bound_that_means_unknown_does_not_blur_the_known_values():
    known = np.random.default_rng(0).uniform(-0.6, 0, 200)
    data = np.column_stack([np.where(np.arange(200) % 2, known, -20), np.zeros(200)]).astype(np.float32)
    scaled = Scaling.from_data(LOGPROB, data)(data)[:, 0]
    there = scaled[data[:, 0] > -20]
    assert there.std() == pytest.approx(1, abs=0.1)
    assert scaled.min() == -LIMIT < there.min()


def test_nan_is_not_scaled_away():
    assert np.isnan(by_bounds(LOGPROB)(np.array([np.nan, 0], dtype=np.float32))[0])


def test_a_policy_goes_on_only_where_training_had_been():
    support = ActionSupport(OBSERVATIONS, ACTIONS, {(0, 0, 0): [1, 3], (0, 1, 0): [2]})
    start, after, elsewhere = (np.array(observed(r), np.float32) for r in ((), ("program",), ("reason",)))
    assert support.mask(start).tolist() == [False, True, False, True]
    assert support.mask(after).tolist() == [False, False, True, True], "the terminal action is always among them"
    assert support.mask(elsewhere).tolist() == [False, False, False, True]
    assert support.masks(np.array([start, elsewhere])).tolist() == [
        support.mask(start).tolist(),
        support.mask(elsewhere).tolist(),
    ]


def test_the_order_of_blocks_does_not_matter_to_what_was_tried():
    support = ActionSupport(OBSERVATIONS, ACTIONS, {(1, 1, 0): [2]})
    one, other = (np.array(observed(r), np.float32) for r in (("reason", "program"), ("program", "reason")))
    assert support.mask(one).tolist() == support.mask(other).tolist() == [False, False, True, True]


def test_counts_that_do_not_fit_the_features_are_refused():
    with pytest.raises(PolicyError, match="do not fit the 3 count_"):
        ActionSupport(OBSERVATIONS, ACTIONS, {(0, 0): [1]})
