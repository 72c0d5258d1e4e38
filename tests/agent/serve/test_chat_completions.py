"""What clients need of `/v1/chat/completions`, each a test."""

import json

import pytest

from pilotage.agent.models.scripted import Fault, ScriptedChatModel
from pilotage.agent.serve.chat_request import chat_request
from tests.agent.chat.test_conversations import ASKED, scripted

CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def ask(client, text="hi there", **more):
    body = {"model": "pilotage", "messages": [{"role": "user", "content": text}]} | more
    return client.post("/v1/chat/completions", json=body)


def chunks_of(client, text="hi there", **more):
    """The chunks of a stream; what is no JSON is checked here."""
    lines = ask(client, text, stream=True, **more).text.split("\n\n")
    assert lines[-1] == ""
    assert lines[-2] == "data: [DONE]"
    assert all(line.startswith("data: ") for line in lines[:-1])
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def test_a_completion_is_whole(serve):
    model = scripted()
    reply = ask(serve(model), ASKED).json()
    assert reply["id"].startswith("chatcmpl-")
    assert reply["object"] == "chat.completion"
    assert reply["model"] == "pilotage"
    assert reply["created"] > 1_700_000_000
    (choice,) = reply["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == "It is 391."
    assert choice["message"]["reasoning"] == choice["message"]["reasoning_content"]
    assert "391" in choice["message"]["reasoning"]
    assert "<think>" not in choice["message"]["content"]
    counted = model.counted
    assert reply["usage"]["prompt_tokens"] == counted.prompt_tokens
    assert reply["usage"]["completion_tokens"] == counted.completion_tokens
    assert reply["usage"]["total_tokens"] == counted.total_tokens
    assert reply["usage"]["completion_tokens_details"]["reasoning_tokens"] == counted.completion_tokens - 3


def test_a_stream_has_its_parts_in_order(serve):
    chunks = chunks_of(serve(scripted()), ASKED)
    assert len({(chunk["id"], chunk["model"], chunk["created"]) for chunk in chunks}) == 1
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert deltas[-1] == {}
    assert reasons == [None] * (len(chunks) - 1) + ["stop"]
    assert "".join(delta.get("content", "") for delta in deltas) == "It is 391."
    thoughts = [place for place, delta in enumerate(deltas) if "reasoning" in delta]
    contents = [place for place, delta in enumerate(deltas) if delta.get("content")]
    assert thoughts
    assert max(thoughts) < min(contents)
    assert all(deltas[place]["reasoning"] == deltas[place]["reasoning_content"] for place in thoughts)
    assert not any("usage" in chunk for chunk in chunks)


def test_usage_is_the_last_chunk_where_it_is_asked_for(serve):
    model = scripted()
    *chunks, last = chunks_of(serve(model), ASKED, stream_options={"include_usage": True})
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == model.counted.total_tokens
    assert all(chunk["usage"] is None for chunk in chunks)


def test_progress_can_be_switched_off(serve):
    client = serve(scripted(), {"progress": False})
    assert not any("reasoning" in chunk["choices"][0]["delta"] for chunk in chunks_of(client, ASKED))
    assert "reasoning" not in ask(client, ASKED).json()["choices"][0]["message"]


def test_a_greeting_streams_without_reasoning(serve):
    chunks = chunks_of(serve(scripted()))
    assert not any("reasoning" in chunk["choices"][0]["delta"] for chunk in chunks)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_cut_reply_ends_with_length(serve, name):
    client = serve(scripted(plain="one two three four"))
    assert chunks_of(client, **{name: 2})[-1]["choices"][0]["finish_reason"] == "length"
    reply = ask(client, **{name: 2}).json()
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["choices"][0]["message"]["content"] == "one two"


def test_several_replies_are_worked_out_once(serve):
    model = scripted()
    reply = ask(serve(model), ASKED, n=3).json()
    assert [choice["index"] for choice in reply["choices"]] == [0, 1, 2]
    assert len(model.calls) == 2 + 3
    assert reply["usage"]["total_tokens"] == model.counted.total_tokens


def test_a_stream_of_several_replies_ends_each(serve):
    chunks = chunks_of(serve(scripted()), ASKED, n=2)
    ended = [chunk["choices"][0] for chunk in chunks if chunk["choices"][0]["finish_reason"]]
    assert [(choice["index"], choice["finish_reason"]) for choice in ended] == [(0, "stop"), (1, "stop")]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"temperature": 9}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"n": 99}, "n"),
        ({"stop": [1]}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"response_format": "json"}, "response_format"),
        ({"functions": []}, "functions"),
        ({"frobnicate": 1}, "frobnicate"),
        ({"frobnicate": 0}, "frobnicate"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": "false"}}, "stream_options.include_usage"),
        ({"stream": True, "stream_options": {"frobnicate": 1}}, "stream_options.frobnicate"),
        ({"stream": True, "stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
        ({"parallel_tool_calls": "x"}, "parallel_tool_calls"),
        ({"store": True}, "store"),
        ({"metadata": "x"}, "metadata"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens"),
        ({"messages": [{"role": "user", "content": "hi", "frobnicate": 1}]}, "messages.0.frobnicate"),
        (
            {"messages": [{"role": "user", "content": "hi", "provider_specific_fields": {"citations": ["a"]}}]},
            "messages.0.provider_specific_fields.citations",
        ),
        ({"messages": ["hi"]}, "messages.0"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi", "weight": 2}]}]},
            "messages.0.content.0.weight",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "hi"},
                    {"role": "assistant", "tool_calls": [CALL | {"extra_content": {"signature": "x"}}]},
                ]
            },
            "messages.1.tool_calls.0.extra_content",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "hi"},
                    {"role": "assistant", "tool_calls": [CALL | {"function": CALL["function"] | {"strict": True}}]},
                ]
            },
            "messages.1.tool_calls.0.function.strict",
        ),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "user"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
    ],
)
def test_what_is_not_honoured_is_refused_by_name(serve, more, param):
    reply = ask(serve(scripted()), **more)
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert error["message"]


def test_errors_have_one_shape_and_the_true_status(serve):
    client = serve(scripted(), {"most_bytes": 2000})
    cases = [
        (client.get("/nothing"), 404),
        (client.put("/v1/models"), 405),
        (client.get("/v1/models/nothing"), 404),
        (ask(client, model="gpt-5"), 404),
        (client.post("/v1/chat/completions", content=b"{"), 400),
        (client.post("/v1/chat/completions", content=b"[1]"), 400),
        (client.post("/v1/chat/completions", content=b"\xff"), 400),
        (client.post("/v1/chat/completions", content=b'{"temperature": NaN}'), 400),
        (client.post("/v1/chat/completions", content=b'{"model": "passthrough", "x": -Infinity}'), 400),
        (client.post("/v1/chat/completions", content=b'{"model": "passthrough", "x": [1e999]}'), 400),
        (client.post("/v1/chat/completions", content=b'{"model": "passthrough", "user": "\\ud800"}'), 400),
        (client.post("/v1/responses", content=b'{"model": "pilotage", "input": "\\uDC00 x"}'), 400),
        (client.post("/v1/feedback", content=b'{"completion_id": "\\ud83d", "helped": true}'), 400),
        (client.post("/v1/chat/completions", content=b"[" * 1900), 400),
        (ask(client, "x" * 3000), 413),
    ]
    for reply, status in cases:
        assert reply.status_code == status
        assert set(reply.json()["error"]) == {"message", "type", "param", "code"}


def test_models_are_listed_and_told_alone(serve):
    client = serve(scripted())
    listed = client.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == [
        *("pilotage", "pilotage:low", "pilotage:medium", "pilotage:high")
    ]
    assert client.get("/v1/models/pilotage:program,reason").json()["id"] == "pilotage:program,reason"
    assert client.get("/v1/models/pilotage:nothing").status_code == 404


def test_blocks_that_a_name_gives_are_run(serve):
    model = scripted()
    ask(serve(model), "hi there", model="pilotage:reason")
    assert ["step by step" in call.text for call in model.calls] == [True, False]


@pytest.mark.parametrize(("status", "told"), [(400, 400), (401, 502), (404, 404), (429, 429), (503, 503)])
def test_the_upstreams_status_is_passed_on(serve, status, told):
    model = ScriptedChatModel(lambda messages: Fault(status=status, retry_after=0.0))
    client = serve(model)
    reply = ask(client)
    assert reply.status_code == told
    assert (event := chunks_of(client)[-1])["error"]["type"] == reply.json()["error"]["type"]
    assert set(event["error"]) == {"message", "type", "param", "code"}


def test_content_parts_a_developer_and_null_content_are_taken(serve):
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "there"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": ""},
    ]
    assert ask(serve(scripted()), messages=messages).json()["choices"][0]["message"]["content"] == "Hello!"


def test_what_earlier_replies_held_comes_back_as_clients_send_it(serve):
    """A whole message of OpenAI's, with all that is null or empty in it, and a refusal, which is what was said."""
    model = scripted()
    earlier = {
        **{"role": "assistant", "content": None, "refusal": "I will not.", "annotations": [], "audio": None},
        **{"function_call": None, "tool_calls": None, "reasoning_content": "Hm.", "reasoning": "Hm."},
        "provider_specific_fields": {"refusal": None, "reasoning_content": "Hm.", "reasoning": "Hm."},
    }
    messages = [{"role": "user", "content": "Do it."}, earlier, {"role": "user", "content": "Why not?"}]
    reply = ask(serve(model), messages=messages, modalities=["text"], store=False, prompt_cache_retention="24h")
    assert reply.status_code == 200, reply.text
    sent = model.calls[-1].text
    assert "I will not." in sent and "Hm." not in sent


def test_an_emoji_in_escapes_is_one_character(serve):
    body = b'{"model": "pilotage", "messages": [{"role": "user", "content": "\\ud83d\\ude00 \\\\ud800"}]}'
    assert serve(scripted()).post("/v1/chat/completions", content=body).status_code == 200


def test_a_mark_of_the_providers_cache_goes_up_with_its_part():
    part = {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}
    asked = chat_request(
        {"model": "m", "messages": [{"role": "user", "content": [part, {"type": "text", "text": "hi"}]}]}
    )
    assert asked.messages[0].openai()["content"][0] == part
    assert asked.messages[0].text == "Be kind.\nhi"
