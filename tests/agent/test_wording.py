"""What a task's text looks like, in numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent.routing.observation import WORDING, wording
from pilotage.navigator.spaces import ObservationSpec

SPEC = ObservationSpec(WORDING)


def test_every_number_is_what_it_says():
    values = wording("Sort 12, 7.5 and 300.\nHow many are odd? Reply 'yes' or 'no'!")
    assert values["lines"] == 2 and values["sentences"] == 3
    assert values["numbers"] == 3 and values["longest_number"] == 3
    assert values["quoted"] == 2 and values["commas"] == 1
    assert values["counting"] == 1 and values["yes_or_no"] == 1
    assert values["longest_word"] == len("Reply")


@pytest.mark.parametrize(
    ("more", "less", "feature"),
    [
        ("(3 + 4) * [2 - 1]", "three plus four", "symbol_share"),
        ("1010101", "a1", "digit_share"),
        ("ALICE met BOB", "alice met bob", "capital_share"),
        ("if all A are B then some B are not A", "a train leaves at noon", "logic_share"),
    ],
)
def test_kinds_of_text_differ_where_they_should(more, less, feature):
    assert wording(more)[feature] > wording(less)[feature]


@given(st.text(max_size=300))
def test_any_text_has_values_within_the_bounds(text):
    vector = SPEC.vector(wording(text))
    assert ((SPEC.low <= vector) & (vector <= SPEC.high)).all()
