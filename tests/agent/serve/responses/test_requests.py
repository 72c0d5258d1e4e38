"""Requests: each field honoured or refused by its name, whatever is sent."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.responses.items import messages_of
from pilotage.agent.serve.responses.request import ResponsesRequest, responses_request

ASKED = {"model": "pilotage", "input": "hi"}
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}}
CALL = {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "1", "output": "x"}
USER = {"role": "user", "content": "hi"}


def test_null_and_empty_fields_ask_for_nothing():
    fields = ("instructions", "tools", "tool_choice", "metadata", "reasoning", "text", "background", "conversation")
    bare = responses_request(ASKED)
    assert responses_request(ASKED | dict.fromkeys(fields)).told == bare.told
    empty = {"background": False, "include": [], "tools": [], "stream_options": {}, "truncation": "disabled"}
    assert responses_request(ASKED | empty).options == bare.options


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 3}, "model"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 7}, "input"),
        ({"input": ["hi"]}, "input.0"),
        ({"input": [{"role": "nobody", "content": "x"}]}, "input.0.role"),
        ({"input": [{"role": "user"}]}, "input.0.content"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "input.0.content.0.type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input.0.content.0.image_url",
        ),
        ({"input": [USER, {"type": "web_search_call", "id": "ws"}]}, "input.1.type"),
        ({"input": [USER, {"type": [3]}]}, "input.1.type"),
        ({"input": [USER, {"id": "x" * 300}]}, "input.1.id"),
        ({"input": [USER, CALL | {"call_id": ""}]}, "input.1.call_id"),
        ({"input": [USER, CALL, OUTPUT | {"output": None}]}, "input.2.output"),
        (
            {"input": [USER, CALL, OUTPUT | {"output": [{"type": "input_image", "image_url": "x"}]}]},
            "input.2.output.0",
        ),
        ({"instructions": ["x"]}, "instructions"),
        ({"background": True}, "background"),
        ({"truncation": "auto"}, "truncation"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"include": "all"}, "include"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": "high"}, "top_p"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata"),
        ({"reasoning": {"effort": 3}}, "reasoning.effort"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format"),
        ({"text": {"format": "json"}}, "text.format"),
        ({"text": {"stop": "x"}}, "text.stop"),
        ({"tools": {}}, None),
        ({"tools": [{"type": "web_search"}]}, "tools.0"),
        ({"tools": [{"type": "custom", "name": "patch"}]}, "tools.0"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools.0.name"),
        ({"tools": [FUNCTION, FUNCTION]}, "tools.1"),
        ({"tools": [FUNCTION | {"defer_loading": True}]}, "tools.0.defer_loading"),
        ({"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "custom"}]}]}, "tools.0.tools.0"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "g"}}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "web_search"}}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "allowed_tools", "tools": []}}, "tool_choice"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"messages": [USER]}, "messages"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"seed": 0}, "seed"),
        ({"n": 0}, "n"),
        ({"stream_options": {"frobnicate": 1}}, "stream_options.frobnicate"),
        ({"pilotage": []}, "pilotage"),
        ({"input": [USER | {"frobnicate": 1}]}, "input.0.frobnicate"),
        ({"input": [USER | {"name": "Ada"}]}, "input.0.name"),
        ({"input": [USER, {"id": "x", "type": "item_reference", "role": "user"}]}, "input.1.role"),
        ({"input": [USER, CALL | {"caller": "x"}, OUTPUT]}, "input.1.caller"),
        ({"input": [USER, CALL, OUTPUT | {"is_error": True}]}, "input.2.is_error"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "x", "weight": 2}]}]},
            "input.0.content.0.weight",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x", "file_id": "f"}]}]},
            "input.0.content.0.file_id",
        ),
    ],
)
def test_what_is_not_honoured_is_refused_by_its_name(more, param):
    if param is None:
        assert responses_request(ASKED | {"tools": []}).tools.offer is None
        param = "tools"
    with pytest.raises(ApiError) as refused:
        responses_request(ASKED | more)
    assert refused.value.status == 400
    assert refused.value.body["error"]["param"] == param
    assert f"`{param}`" in str(refused.value)


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([USER, OUTPUT], "there is no call '1'"),
        ([USER, OUTPUT, CALL], "there is no call '1'"),
        ([USER, CALL], "output of the call '1' is missing"),
        ([{"role": "system", "content": "Be kind."}], "no message of the user"),
    ],
)
def test_calls_and_outputs_belong_together(items, why):
    asked = responses_request(ASKED | {"input": items})
    with pytest.raises(ApiError, match=why) as refused:
        messages_of(None, asked.items)
    assert refused.value.body["error"]["param"] == "input"


def test_items_become_the_messages_of_a_conversation():
    items = [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be kind."}]},
        USER,
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"},
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
            "id": "msg_1",
        },
        CALL,
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "Or not."}], "phase": "commentary"},
        CALL | {"call_id": "2"},
        OUTPUT | {"output": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
        OUTPUT | {"call_id": "2"},
        {"type": "message", "role": "user", "content": "And?"},
    ]
    asked = responses_request(ASKED | {"input": items})
    assert len({item["id"] for item in asked.items}) == len(items)
    assert asked.items[2] == {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"}
    read = [(m.role, m.text, [c.id for c in m.tool_calls]) for m in messages_of("Answer.", asked.items)]
    assert read == [
        *(("system", "Answer.", []), ("developer", "Be kind.", []), ("user", "hi", [])),
        ("assistant", "I look.\nOr not.", ["1", "2"]),
        *(("tool", "a\nb", []), ("tool", "x", []), ("user", "And?", [])),
    ]


NAMES = ("model", "input", "tools", "tool_choice", "text", "reasoning", "metadata", "include", "type", "role")
NAMES += ("content", "name", "id", "call_id", "output", "format", "summary", "stream", "previous_response_id")
WORDS = st.sampled_from(
    ("pilotage", "message", "function", "function_call", "user", "json_schema", "input_text", "\ud800")
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=5),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6))
@settings(max_examples=300)
def test_any_body_is_read_or_refused_in_one_sentence(body):
    try:
        asked = responses_request({"model": "pilotage", "input": "hi"} | body)
        messages_of(asked.instructions, [item for item in asked.items if item["type"] != "item_reference"])
    except ApiError as error:
        assert error.status == 400 and "\n" not in str(error)
    else:
        assert isinstance(asked, ResponsesRequest)


def test_what_cannot_be_written_again_is_refused():
    with pytest.raises(ApiError, match="cannot be kept"):
        responses_request(ASKED | {"tools": [FUNCTION | {"parameters": {"maximum": 2**70}}]})
