"""The cases of the Open Responses compliance suite of 2026-04-24, and the fields that its schema requires."""

import pytest

from tests.agent.serve.responses.conftest import events_of, replayed
from tests.agent.serve.responses.upstream import says

NUMBER, TEXT, NONE = (int, float), str, type(None)
REQUIRED = {
    "id": TEXT,
    "object": TEXT,
    "created_at": int,
    "completed_at": (int, NONE),
    "status": TEXT,
    "incomplete_details": (dict, NONE),
    "model": TEXT,
    "previous_response_id": (str, NONE),
    "instructions": (str, NONE),
    "output": list,
    "error": (dict, NONE),
    "tools": list,
    "tool_choice": (str, dict),
    "truncation": TEXT,
    "parallel_tool_calls": bool,
    "text": dict,
    "top_p": NUMBER,
    "presence_penalty": NUMBER,
    "frequency_penalty": NUMBER,
    "top_logprobs": int,
    "temperature": NUMBER,
    "reasoning": (dict, NONE),
    "usage": (dict, NONE),
    "max_output_tokens": (int, NONE),
    "max_tool_calls": (int, NONE),
    "store": bool,
    "background": bool,
    "service_tier": TEXT,
    "metadata": dict,
    "safety_identifier": (str, NONE),
    "prompt_cache_key": (str, NONE),
}
USAGE = {"input_tokens", "output_tokens", "total_tokens", "input_tokens_details", "output_tokens_details"}
ITEM = {
    "message": {"id", "status", "role", "content"},
    "function_call": {"id", "call_id", "name", "arguments", "status"},
    "reasoning": {"id", "summary"},
}
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
CALLS = says(calls=[("call_1", "get_weather", '{"location": "San Francisco, CA"}')])


def message(role, content):
    return {"type": "message", "role": role, "content": content}


CASES = {
    "basic": (says("Hello there, friend."), {"input": [message("user", "Say hello in exactly 3 words.")]}, "message"),
    "system prompt": (
        says("Ahoy!"),
        {"input": [message("system", "You are a pirate."), message("user", "Say hello.")]},
        "message",
    ),
    "tool calling": (
        CALLS,
        {"input": [message("user", "What's the weather like in San Francisco?")], "tools": [WEATHER]},
        "function_call",
    ),
    "multi-turn": (
        says("Alice."),
        {
            "input": [
                message("user", "My name is Alice."),
                message("assistant", "Hello Alice! Nice to meet you. How can I help you today?"),
                message("user", "What is my name?"),
            ]
        },
        "message",
    ),
    "image input": (
        says("A red heart."),
        {
            "input": [
                message(
                    "user",
                    [
                        {"type": "input_text", "text": "What do you see?"},
                        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="},
                    ],
                )
            ]
        },
        "message",
    ),
}


def check(response):
    for name, types in REQUIRED.items():
        assert isinstance(response[name], types), name
    assert response["object"] == "response" and response["text"]["format"]["type"] == "text"
    assert set(response["usage"]) == USAGE
    assert {"effort", "summary"} <= response["reasoning"].keys()
    for tool in response["tools"]:
        assert {"type", "name", "description", "parameters", "strict"} <= tool.keys()
    for item in response["output"]:
        assert ITEM[item["type"]] <= item.keys()
    assert response["status"] == "completed"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_case_of_the_suite(http, endpoint, case, streamed):
    upstream, asked, kind = CASES[case]
    endpoint.plan = [upstream]
    reply = http().post("/v1/responses", json={"model": "pilotage", "stream": streamed, **asked})
    assert reply.status_code == 200
    if streamed:
        events = events_of(reply.text)
        response = events[-1]["response"]
        assert replayed(events) == response["output"]
        check(events[0]["response"] | {"status": "completed", "usage": dict.fromkeys(USAGE)})
    else:
        response = reply.json()
    check(response)
    assert kind in [item["type"] for item in response["output"]]


def test_previous_response_id_is_input_output_and_new_input(http, endpoint):
    client = http()
    endpoint.plan = [says("Hello Alice."), says("Alice.")]
    first = client.post("/v1/responses", json={"model": "pilotage", "input": "My name is Alice."}).json()
    body = {"model": "pilotage", "input": "What is my name?", "previous_response_id": first["id"]}
    second = client.post("/v1/responses", json=body).json()
    check(second)
    assert second["previous_response_id"] == first["id"]
    read = [message["content"] for message in endpoint.bodies[-1]["messages"]]
    assert read == ["My name is Alice.", "Hello Alice.", "What is my name?"]
