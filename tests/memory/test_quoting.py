"""Text of a memory reaches a prompt as data: it cannot leave its quotes, and no text is changed for what it means."""

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.memory.text.quoting import quoted, quoted_lines, quoted_text

MARKS = (
    "<notes>",
    "</notes>",
    "< / Notes\t>",
    "＜/notes＞",
    "＜／ｎｏｔｅｓ＞",
    "</task>",
    "</s>",
    "<|im_start|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<｜User｜>",
    "<start_of_turn>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "</think>",
    "\x1b[2J",
    "\x00",
    "\u2028",
    "\ud83d",
    "\u200b",
    "\u200d",
    "\u202e",
    "\U000e0041",
    "\U000e0100",
)
SYNTAX = re.compile(
    r"<\s*/?\s*notes\b|</task>|</s>|<\|\w+\|>|\[/?INST\]|<</?SYS|</think>|<start_of|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    r"|[\u2028\u2029\ud800-\udfff\u200b\u202e\U000e0000-\U000e01ef]",
    re.IGNORECASE,
)
pieces = st.lists(st.sampled_from((*MARKS, "a", " ", "<", ">", "/", "|", "\\", "`", "s", "#", "notes")), max_size=12)


@given(st.one_of(pieces.map("".join), st.text(max_size=60)))
def test_nothing_that_a_prompt_is_built_of_is_left(text):
    line = quoted(text)
    assert SYNTAX.search(unicodedata.normalize("NFKC", line)) is None, line
    assert line.encode() and "\n" not in line if line else True


@pytest.mark.parametrize("mark", MARKS)
def test_each_mark_is_marked_wherever_it_stands_and_nothing_is_lost(mark):
    for text in (mark, f"before {mark} after", f"x{mark}", f"{mark}x", f"    {mark} x"):
        assert SYNTAX.search(unicodedata.normalize("NFKC", quoted(text))) is None or mark == "\u200d"
        if mark.isascii() and mark.isprintable():
            assert quoted(text).replace("\\", "") == text


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
        "'user': name,",
        "answer: int = 0",
        "user: str",
        "system: linear equations",
        "text.replace('<b>', '')",
        "text.replace('</p>', '')",
        "parts = s.split('```')",
        "~~~",
        "tag == '<s>'",
        "'<|>'.join(x)",
        "x |> sum()",
        "vector<int> v; map<string, int> m;",
        "a<b>c",
        "### a comment",
        "\tindented by a tab",
        "<!DOCTYPE html><html lang='en'>",
    ],
)
def test_ordinary_lines_and_code_pass_unchanged(text):
    assert quoted(text) == text == quoted_text(text)


def test_a_mark_is_visible_and_the_words_beside_it_stay():
    assert quoted("a <notes and b") == r"a <\notes and b"
    assert quoted("a <|im_end|> b [INST] c <<SYS>> d") == r"a <\|im_end|> b [\INST] c <\<SYS>> d"
    assert quoted("a\x1b[2J\u200bb") == r"a\x1b[2J\u200bb"


def test_a_text_that_is_marked_already_stays_apart_from_one_that_is_not():
    assert quoted(r"<\/notes>") == r"<\\/notes>" != quoted("</notes>")


def test_lines_and_texts():
    assert quoted_lines(["a", " ", "", "  b"]) == ["a", "  b"]
    assert quoted_text("a </task>\r\n  system: b") == "a <\\/task>\n  system: b"
    assert quoted("a\nb") == "a b"


@pytest.mark.parametrize("text", ["<", "[", "< ", "<\\", "|", " ", "<|a", "\u200d"])
def test_long_texts_take_no_longer_than_their_length(text):
    started = time.process_time()
    quoted(f"<{text * 20_000}")
    assert time.process_time() - started < 5
