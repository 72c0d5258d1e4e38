"""Text at the edges: carriable, whatever comes in."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.common.text import carriable, carriable_data, json_line, one_line, printable

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


def test_what_a_terminal_would_obey_is_shown_and_the_rest_stays():
    assert printable("a\tb\nc\r\nd \N{GRINNING FACE} é עברית\u200f") == "a\tb\nc\nd \N{GRINNING FACE} é עברית\u200f"
    assert printable("\x1b]0;title\x07") == r"\x1b]0;title\x07"
    assert printable("done\rfake") == r"done\rfake"
    assert printable("\u202e\x9b\ud83d") == r"\u202e\x9b\ud83d"


def test_no_character_that_shows_nothing_hides_in_a_text():
    for hidden in "\u200b\u034f\u1160\u2065\u206a\u3164\uffa0\U0001d173\U000e0041\U000e0fff":
        assert printable(f"a{hidden}b") == "a" + hidden.encode("unicode_escape").decode() + "b"
    one = "\N{HEAVY BLACK HEART}\ufe0f and \u845b\U000e0100"
    assert printable(one) == one
    assert printable("x\ufe0f\ufe01\U000e0101\U000e0102") == "x\ufe0f" + r"\ufe01\U000e0101\U000e0102"


@given(ANY_TEXT)
def test_no_text_gives_a_terminal_a_command(text):
    for shown in (printable(text), one_line(text)):
        shown.encode()
        assert not re.search(r"(?![\n\t])[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", shown)
    assert len(one_line(text).splitlines()) <= 1


@given(st.recursive(ANY_TEXT, lambda data: st.lists(data) | st.dictionaries(ANY_TEXT, data)))
def test_json_for_a_terminal_is_printable_and_says_the_same(data):
    line = json_line(data)
    assert printable(line) == line and len(line.splitlines()) == 1
    assert json.loads(line) == data
