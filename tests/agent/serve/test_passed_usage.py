"""What an upstream says that a passed request took is believed if it can be true; else the estimate is charged."""

import json

import pytest

from pilotage.agent.models.prices import Price
from pilotage.agent.serve.passing.usage import Passed

TEXT = "Hello there, friend."
IMPOSSIBLE = [
    None,
    {},
    {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    {"prompt_tokens": -(10**9), "completion_tokens": -5},
    {"prompt_tokens": "ten", "completion_tokens": None},
    {"prompt_tokens": 10.0, "completion_tokens": 5.0},
    {"prompt_tokens": True, "completion_tokens": True},
    {"prompt_tokens": 10**30, "completion_tokens": 5},
    {"prompt_tokens": 10, "completion_tokens": 0},
    {"prompt_tokens": 10},
    {"total_tokens": 15},
    {"input_tokens": -1, "output_tokens": -1},
]


@pytest.fixture
def passed():
    """An account whose prompt is estimated at 250 tokens, and what it counted in the end."""
    counted = []
    account = Passed(250, Price(input=1.0, output=1.0), counted.append)
    account.counted = counted
    return account


def whole(usage, content=TEXT):
    message = {"role": "assistant", "content": content}
    return json.dumps({"choices": [{"index": 0, "message": message}], "usage": usage}).encode()


def event(delta, **more):
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}], **more}).encode() + b"\n\n"


@pytest.mark.parametrize("usage", IMPOSSIBLE)
def test_a_whole_reply_whose_usage_cannot_be_true_is_charged_by_the_estimate(passed, usage):
    passed.whole(whole(usage), good=True)
    passed.end()
    (told,) = passed.counted
    assert (told.prompt_tokens, told.completion_tokens, told.estimated_calls) == (250, len(TEXT) / 4, 1)


@pytest.mark.parametrize("usage", IMPOSSIBLE)
def test_a_stream_whose_usage_cannot_be_true_is_charged_as_it_came(passed, usage):
    passed.begin()
    for word in TEXT.split():
        passed.feed(event({"content": word}))
    passed.feed(event({}, usage=usage) + b"data: [DONE]\n\n")
    passed.end()
    (told,) = passed.counted
    assert (told.prompt_tokens, told.completion_tokens, told.estimated_calls) == (250, 4, 1)


@pytest.mark.parametrize("usage", IMPOSSIBLE)
@pytest.mark.parametrize("stream", [False, True])
def test_so_is_a_response(passed, usage, stream):
    output = [{"type": "message", "content": [{"type": "output_text", "text": TEXT}]}]
    if stream:
        passed.begin()
        passed.feed(b"data: " + json.dumps({"type": "response.output_text.delta", "delta": TEXT}).encode() + b"\n\n")
        completed = {"type": "response.completed", "response": {"output": output, "usage": usage}}
        passed.feed(b"data: " + json.dumps(completed).encode() + b"\n\n")
    else:
        passed.whole(json.dumps({"output": output, "usage": usage}).encode(), good=True)
    passed.end()
    assert passed.counted[0].prompt_tokens == 250 and passed.counted[0].completion_tokens >= 2


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (whole({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": -1}}), (10, 5)),
        (whole({"prompt_tokens": 10, "completion_tokens": 0}, content=""), (10, 0)),
        (json.dumps({"data": [], "usage": {"prompt_tokens": 3, "total_tokens": 3}}).encode(), (3, 0)),
    ],
)
def test_what_can_be_true_is_believed(passed, body, tokens):
    passed.whole(body, good=True)
    passed.end()
    (told,) = passed.counted
    assert (told.prompt_tokens, told.completion_tokens) == tokens and not told.estimated_calls


def test_a_deep_reply_is_counted_without_recursion(passed):
    passed.whole(b'{"choices":' + b"[" * 900 + b"]" * 900 + b"}", good=True)
    passed.end()
    assert passed.counted[0].prompt_tokens == 250
