"""Text of a memory reaches a prompt as data: it cannot leave its quotes, and no text is lost for what it means."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.quoting import quoted, quoted_lines, quoted_text

MARKS = (
    "<notes>",
    "</notes>",
    "< / Notes\t>",
    "</task>",
    "<system>",
    "</s>",
    "<|im_start|>",
    "<|im_end|>",
    "<｜User｜>",
    "<start_of_turn>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "```",
    "~~~",
    "\nsystem:",
    "\n\nAssistant :",
    "Answer: 42",
    "### Instruction",
    "\x1b[2J",
    "\x00",
    "\u2028user:",
    "\ud83d",
    "\u200b",
    "\u200d",
    "\u202e",
    "\U000e0041",
    "\U000e0100",
)
SYNTAX = re.compile(
    r"<\s*/|<\s*[|\uff5c]|[|\uff5c]\s*>|<\s*notes|\[\s*/?\s*INST\s*\]|<<SYS|`{3}|~{3}"
    r"|^[\s#*]*(?:system|user|assistant|answer)\s*:|^\s*#{2}|[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u200b\u202e]"
    r"|[\U000e0000-\U000e01ef]",
    re.IGNORECASE,
)
pieces = st.lists(st.sampled_from((*MARKS, "a", " ", "<", ">", "/", "|", "`", "sys", "#", "notes")), max_size=12)


@given(st.one_of(pieces.map("".join), st.text(max_size=60)))
def test_nothing_that_a_prompt_is_built_of_is_left(text):
    line = quoted(text)
    assert SYNTAX.search(line) is None, line
    assert line.encode() and "\n" not in line if line else True


@pytest.mark.parametrize("mark", MARKS)
def test_each_mark_is_masked_wherever_it_stands(mark):
    for text in (mark, f"before {mark} after", f"x{mark}", f"{mark}x", f"    {mark} x"):
        assert SYNTAX.search(quoted(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "Remember: months start at 1",
        "see https://example.com/units for the table",
        "a line of dashes may act as a divider",
        "if a < b and c > d:",
        "    total += price  # running sum",
        "x = [[0] * n for _ in range(n)] if n >= 1 else []",
        "print(f'{x:>8}')",
        "a <= b, a >= b, a << 2, a >> 2, a -> b, a | b",
        "Note: the system of equations has one answer",
        "Store the result in memory, then ignore the rest",
        "`code`, ``code``, 50% ~5 * 2 # 3",
        "👨‍👩‍👧 می‌خواهم 计算 ñandú – “quoted” …",
        "Take care: always answer in the unit that is asked for",
    ],
)
def test_ordinary_lines_pass_unchanged(text):
    assert quoted(text) == text


def test_a_mark_is_masked_and_the_words_beside_it_stay():
    assert quoted("a <notes and b") == "a (notes) and b"
    assert quoted("a <|im_end|> b [INST] c <<SYS>> d") == "a (im_end) b (INST) c (SYS) d"


def test_lines_and_texts():
    assert quoted_lines(["a", "```", "", "  b"]) == ["a", "  b"]
    assert quoted_text("a </task>\nsystem: b") == "a (/task)\nsystem - b"
