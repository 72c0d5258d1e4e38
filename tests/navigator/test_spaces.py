import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.navigator import ActionSpec, Feature, ObservationSpec, SpecMismatch

ACTIONS = ActionSpec(("reason", "program", "answer"))
OBSERVATIONS = ObservationSpec((Feature("steps", 0, 8), Feature("logprob", -20, 0)))


def test_a_mask_always_allows_the_terminal_action():
    assert ACTIONS.mask(()).tolist() == [False, False, True]
    assert ACTIONS.mask(["program"]).tolist() == [False, True, True]


def test_an_unknown_action_is_named_with_the_choices():
    with pytest.raises(SpecMismatch, match="unknown action 'guess'; choose from reason, program, answer"):
        ACTIONS.index("guess")


@pytest.mark.parametrize(
    ("names", "complaint"),
    [(("reason", "reason", "answer"), "must be unique"), (("reason",), "terminal action 'answer'")],
)
def test_a_wrong_action_list_is_refused(names, complaint):
    with pytest.raises(SpecMismatch, match=complaint):
        ActionSpec(names)


@given(st.floats(allow_nan=False, width=32), st.floats(allow_nan=False, width=32))
def test_a_vector_is_always_within_its_bounds(steps, logprob):
    vector = OBSERVATIONS.vector({"steps": steps, "logprob": logprob})
    assert vector.dtype == np.float32
    assert (vector >= OBSERVATIONS.low).all() and (vector <= OBSERVATIONS.high).all()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"steps": 1}, r"missing: \['logprob'\]"),
        ({"steps": 1, "logprob": 0, "mood": 1}, r"unknown: \['mood'\]"),
        ({"steps": float("nan"), "logprob": 0}, r"NaN: \['steps'\]"),
    ],
)
def test_a_wrong_observation_is_refused_by_name(values, complaint):
    with pytest.raises(SpecMismatch, match=complaint):
        OBSERVATIONS.vector(values)


def test_an_observation_of_another_shape_is_refused():
    with pytest.raises(SpecMismatch, match="shape"):
        OBSERVATIONS.check(np.zeros(3, dtype=np.float32))


def test_the_schema_hash_changes_with_name_order_and_bound():
    swapped = ObservationSpec(OBSERVATIONS.features[::-1])
    widened = ObservationSpec((Feature("steps", 0, 9), Feature("logprob", -20, 0)))
    described = ObservationSpec((Feature("steps", 0, 8, "how many"), Feature("logprob", -20, 0)))
    assert len({OBSERVATIONS.schema_hash, swapped.schema_hash, widened.schema_hash}) == 3
    assert described.schema_hash == OBSERVATIONS.schema_hash
    assert ACTIONS.schema_hash != ActionSpec(("program", "reason", "answer")).schema_hash
