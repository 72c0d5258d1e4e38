"""Reading a message: what is set apart, what counts as a quantity, and that hostile text costs no more."""

import importlib
import pkgutil
import re
import sys
from re import _parser  # type: ignore[attr-defined]

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent import chat
from pilotage.agent.chat.first_decision import first_decision
from pilotage.agent.chat.normal_form import normalised, tokens
from pilotage.agent.chat.reading import PARTS, READ, Message, Part
from pilotage.agent.chat.wording.words import Words

MODULES = [importlib.import_module(m.name) for m in pkgutil.walk_packages(chat.__path__, f"{chat.__name__}.")]
PATTERNS = {f"{m.__name__}.{name}": p for m in MODULES for name, p in vars(m).items() if isinstance(p, re.Pattern)}
HOSTILE = ['"', "'a ", "`", "```", "1", "1,", "1 ", "1.", "a:", "a,", "x=", "x=1;", "(", "?", "\n", " ", "-", "5% of "]
HOSTILE += ["aer than ", "小明有15个苹果,", "二", "how many ", "\u0301", "if all no "]


@pytest.mark.parametrize(
    ("text", "quantities"),
    [
        ("3 apples and 2.5 pears for $4", 3),
        ("in 1998 and 2014", 0),
        ("$1998 for 2000 apples", 2),
        ("the 3rd of them", 0),
        ("twice as many as five", 2),
        ("三个苹果和两只梨", 2),
        ("1914年", 0),
    ],
)
def test_quantities_are_numbers_that_are_no_year_and_no_ordinal(text, quantities):
    assert Part(normalised(text)).quantities == quantities


def test_quotations_and_code_are_set_apart_from_the_request():
    message = Message.read("Is “Racecar” a palindrome?\n```\nprint(1)\n```\nand `a[0]`?")
    assert message.quoted == ("racecar",) and "print(1)" in message.code
    assert message.request.tokens == ["is", "QUOTED", "a", "palindrome", "CODE", "and", "CODE"]


def test_lines_of_code_need_no_fence():
    message = Message.read("what is printed\nfor i in range(3):\n    print(i)\nat last")
    assert message.code and "range" not in message.request.text and "at last" in message.request.text


def test_politeness_is_no_head():
    assert Part("hi, can you please write").head == ["write"]
    assert Part("to make up for it").head[0] == "to"


def test_words_are_compared_whole_and_chinese_anywhere():
    table = Words("how many, cuánto, 多少")
    assert table.among(Part("so how many are there")) and not table.among(Part("how manyfold"))
    assert table.among(Part(normalised("¿CUÁNTO es?"))) and table.among(Part("一共有多少个"))
    assert table.at(["how", "many", "more"]) and table.count(Part("多少 how many 多少")) == 3


@given(st.text(max_size=300))
def test_normal_form_is_its_own_normal_form(text):
    once = normalised(text)
    assert tokens(normalised(once)) == tokens(once)


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_repeats_without_end_what_repeats_without_end(name):
    assert not _nested(_parser.parse(PATTERNS[name].pattern, PATTERNS[name].flags))


def _nested(tree, inside=False):
    """Whether an unbounded repetition lies within another one: what makes a regular expression exponential."""
    for operation, argument in tree:
        endless = "REPEAT" in str(operation) and argument[1] == _parser.MAXREPEAT
        if endless and inside:
            return True
        parts = argument if isinstance(argument, tuple | list) else (argument,)
        flat = [p for part in parts for p in (part if isinstance(part, list) else [part])]
        if any(_nested(part, inside or endless) for part in flat if isinstance(part, _parser.SubPattern)):
            return True
    return False


def test_the_check_of_patterns_finds_an_exponential_one():
    assert _nested(_parser.parse(r"(?:a+b?)+c")) and not _nested(_parser.parse(r"(?:a{1,9}b?)+c"))


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_decision_takes_a_bounded_number_of_steps_however_long_the_text(piece):
    short, long = (_calls(lambda n=n: first_decision((piece * n)[:n])) for n in (10_000, 200_000))
    # The wording model reads one of the two alone where a row holds for the other, which ends in the middle of a word.
    assert long <= 1.2 * short + 10_000 and short < 60_000


def _calls(function):
    """Calls of functions, of C as of Python, while a function runs."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls


def test_no_more_than_both_ends_are_read():
    message = Message.read("a, " * 100_000)
    assert len(message.request.text) <= 2 * READ + 1
    assert len(message.clauses) <= 2 * PARTS and len(message.sentences) <= 2 * PARTS
