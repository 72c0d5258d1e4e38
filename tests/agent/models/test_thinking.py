"""Thinking is kept apart from the answer in every shape it comes in, and text about the tags survives."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from pilotage.agent.models.parsing.thinking import part, thoughts_in
from pilotage.agent.models.parsing.thinking_filter import ThinkingFilter

REMOVER = 'import re\n\nprint(re.sub(r"<think>.*?</think>", "", text))'
LITERAL = 'text = """\n<think>\nno\n</think>\n"""\nprint(text)'
FENCED = f"Here it is:\n\n```python\n{REMOVER}\n```"


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("<think>6*7 is 42.</think>Answer: 42", "6*7 is 42.", "Answer: 42"),
        ("\n<think>\nhm\n</think>\n\nAnswer: 42", "hm", "Answer: 42"),
        ("<THINK>hm</THINK>Answer: 42", "hm", "Answer: 42"),
        ("<thinking>hm</thinking>Answer: 42", "hm", "Answer: 42"),
        ("[THINK]hm[/THINK]Answer: 42", "hm", "Answer: 42"),
        ("◁think▷hm◁/think▷Answer: 42", "hm", "Answer: 42"),
        ("<think></think>Answer: 42", "", "Answer: 42"),
        ("<think>one</think>\n<think>two</think>\nAnswer: 42", "one\ntwo", "Answer: 42"),
        ("<think>never closed, Answer: 41", "never closed, Answer: 41", ""),
        ("I should multiply.\n</think>\n\nAnswer: 42", "I should multiply.", "Answer: 42"),
        ("I multiply.</think>Answer: 42", "I multiply.", "Answer: 42"),
        ('I multiply.</think>"Paris"', "I multiply.", '"Paris"'),
        ("Let me see. <think>6*7</think>Answer: 42", "6*7", "Let me see. Answer: 42"),
        ("<think>They want '</think>' in it.</think>\n" + FENCED, "They want '</think>' in it.", FENCED),
        ("<think>plan</think>\n" + FENCED, "plan", FENCED),
        (FENCED, "", FENCED),
        (REMOVER, "", REMOVER),
        (LITERAL, "", LITERAL),
        ('{"said": "<think>no</think> yes"}', "", '{"said": "<think>no</think> yes"}'),
        ("It ends with `</think>`, see below.", "", "It ends with `</think>`, see below."),
        ('DeepSeek writes "<think>...</think>" first.', "", 'DeepSeek writes "<think>...</think>" first.'),
        ("No tags, only a < b.", "", "No tags, only a < b."),
        ("<thought>maybe 13</thought>Answer: 42", "maybe 13", "Answer: 42"),
        ("<reasoning>maybe 13</reasoning>\nAnswer: 42", "maybe 13", "Answer: 42"),
        ("<thought>the whole document</thought>\n", "", "<thought>the whole document</thought>\n"),
        ("The element <reasoning>holds</reasoning> it.", "", "The element <reasoning>holds</reasoning> it."),
        (
            "<|channel|>analysis<|message|>maybe 13<|end|><|start|>assistant<|channel|>final<|message|>Answer: 42",
            "maybe 13",
            "Answer: 42",
        ),
        ("<|channel|>analysis<|message|>cut off before", "cut off before", ""),
        (
            "<|begin_of_thought|>maybe 13<|end_of_thought|>\n<|begin_of_solution|>Answer: 42<|end_of_solution|>",
            "maybe 13",
            "Answer: 42",
        ),
        ('<think duration="3">maybe 13</think >Answer: 42', "maybe 13", "Answer: 42"),
        ("<think >maybe 13</think>Answer: 42", "maybe 13", "Answer: 42"),
        ("<think/>Answer: 42", "", "<think/>Answer: 42"),
        ("<think>a<think>b</think>maybe 13</think>Answer: 42", "a<think>b</think>maybe 13", "Answer: 42"),
        ("<think>I write <think> first</think>Answer: 42", "I write <think> first", "Answer: 42"),
        ("\ufeff<think>maybe 13</think>Answer: 42", "maybe 13", "Answer: 42"),
        ("assistant\n<think>maybe 13</think>Answer: 42", "maybe 13", "assistant\nAnswer: 42"),
        ("", "", ""),
    ],
)
def test_thinking_and_answer_are_parted(text, thinking, answer):
    parted = part(text)
    assert (parted.thinking, parted.answer) == (thinking, answer)


def test_a_tag_further_down_that_was_cut_is_thinking_and_one_that_was_not_is_text():
    text = "Models write <think> before they answer"
    assert part(text, cut=True).answer == "Models write "
    assert part(text).answer == text


@given(st.text(alphabet="ab <>/think\n`'\"", max_size=60), st.booleans())
def test_any_text_is_parted_without_an_error_and_nothing_is_invented(text, cut):
    parted = part(text, cut=cut)
    assert set(parted.answer) <= set(text)
    assert not parted.answer.lstrip().startswith("<think>") or parted.answer == text


@given(st.text(alphabet="xy\n", min_size=1), st.text(alphabet="AB: 4\n", min_size=1))
def test_a_thought_never_reaches_the_answer(thought, answer):
    assert part(f"<think>{thought}</think>{answer}").answer == answer.lstrip()


def streamed(text, size, hidden=False):
    veil = ThinkingFilter(hidden)
    shown = "".join(veil.add(text[at : at + size]) for at in range(0, len(text), size))
    return shown + veil.rest(part(text).answer)


@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize(
    "text",
    [
        "<think>hm, 42?</think>\n\nAnswer: 42",
        "Answer: 42",
        "<b>42</b>",
        "<th",
        "<think>cut off",
        FENCED,
        " \n42",
        '<think lang="en">hm</think >Answer: 42',
        "<think >hm</think>Answer: 42",
        "<think>a<think>b</think>c</think>Answer: 42",
        "assistant\n<think>hm</think>Answer: 42",
        "Answer: 42\n<think>hm</think>",
        "\ufeff<think>hm</think>Answer: 42",
        "<thought>hm</thought>Answer: 42",
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Answer: 42",
        "<|begin_of_thought|>hm<|end_of_thought|><|begin_of_solution|>Answer: 42<|end_of_solution|>",
        'Write "<think>" and `<think>` first; [think about it] if a < b.',
    ],
)
def test_a_stream_shows_the_answer_alone(text, size):
    assert streamed(text, size).strip() == part(text).answer.strip()


@pytest.mark.parametrize("size", [1, 4, 100])
def test_a_model_known_to_begin_in_its_thinking_shows_nothing_before_the_closing_tag(size):
    assert streamed("I multiply.\n</think>\n\nAnswer: 42", size, hidden=True) == "Answer: 42"
    assert streamed("Answer: 42", size, hidden=True) == "Answer: 42"


PIECES = [
    "<think>",
    "</think>",
    "<think a>",
    "[THINK]",
    "`",
    '"',
    "\n",
    "```\n",
    "a",
    " ",
    "<",
    "<|channel|>final<|message|>",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.sampled_from([1, 2, 5, 100]))
def test_what_a_stream_shows_is_the_answer_or_ends_with_it(text, size):
    parted = part(text)
    assert streamed(text, size).strip().endswith(parted.answer.strip())
    assert parted.headless or streamed(text, size).strip() == parted.answer.strip()


@pytest.mark.parametrize(
    "text",
    [
        "<think></think> " * 60_000,
        "x " + "<think></think> " * 60_000,
        "x " + "<think> " * 100_000,
        "<think>" * 60_000 + "</think>" * 60_000,
        "x <think>" + "\n```a" * 150_000,
        "<think>' " * 80_000,
        "<" * 200_000,
        " \n" * 200_000,
    ],
    ids=range(8),
)
def test_a_long_reply_is_read_in_time_linear_in_its_length(text):
    started = time.process_time()
    streamed(text, 16)
    assert time.process_time() - started < 30  # quadratic reading takes hours


def test_text_without_tags_streams_piece_by_piece():
    veil = ThinkingFilter()
    assert [veil.add(piece) for piece in ("Ans", "wer", ": 42")] == ["Ans", "wer", ": 42"]


@pytest.mark.parametrize(
    "message",
    [
        AIMessage("42", additional_kwargs={"reasoning_content": "hm"}),
        AIMessage("42", additional_kwargs={"reasoning": "hm"}),
        AIMessage([{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "text", "text": "42"}]),
        AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "42"}]),
        AIMessage([{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}, "42"]),
        AIMessage([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "42"}]),
    ],
)
def test_thinking_sent_beside_the_text_is_found(message):
    assert thoughts_in(message) == "hm"
    assert str(message.text) == "42"


def test_a_plain_message_holds_no_thinking():
    assert thoughts_in(AIMessage("42", additional_kwargs={"reasoning": {"id": "x"}})) == ""
