"""Text at the edges: carriable, whatever comes in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.text import carriable, carriable_data

ANY_TEXT = st.text(st.characters(exclude_categories=()) | st.sampled_from("\ud83d\ude00"))


@given(ANY_TEXT)
def test_any_text_can_be_written_once_it_is_carriable(text):
    made = carriable(text)
    assert made.encode().decode() == made
    assert carriable(made) == made


@given(st.text())
def test_text_that_can_be_written_stays_as_it_is(text):
    assert carriable(text) == text


@pytest.mark.parametrize(
    "text, made",
    [
        ("a \ud83d b", "a \ufffd b"),
        ("half at the end \ud83d", "half at the end \ufffd"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\ude00", "\N{GRINNING FACE}"),
        ("byte \udcff", "byte \ufffd"),
    ],
)
def test_halves_side_by_side_are_one_character_and_lone_ones_are_replaced(text, made):
    assert carriable(text) == made


def test_data_is_made_carriable_all_the_way_down():
    data = json.loads(r'{"\ud83d": ["a\udc00", {"b": "\ud83d\ude00", "n": 1.5, "z": null}]}')
    made = carriable_data(data)
    assert made == {"\ufffd": ["a\ufffd", {"b": "\N{GRINNING FACE}", "n": 1.5, "z": None}]}
    json.dumps(made, ensure_ascii=False).encode()
