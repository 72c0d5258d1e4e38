"""The server between a real client and a real upstream: tools, usage, faults, and clients that leave."""

import json
import socket
import threading

import openai
import pytest

from tests.agent.chat.test_conversations import ASKED, BY_HAND, PROGRAM, TOOLS
from tests.agent.serve.upstream import Line

HELLO = [{"role": "user", "content": "hi there"}]
QUESTION = [{"role": "user", "content": ASKED}]


def working(body):
    """Works a product out, and replies with or without it."""
    last = str(body["messages"][-1]["content"])
    if "<notes>" in last:
        return "It is 391."
    if "Python program" in last:
        return Line(PROGRAM)
    return Line(BY_HAND) if "step by step" in last else "Hello there!"


def client_of(http, **more):
    """OpenAI's client over connections that end with `http`: it leaves those of its own to the garbage collector."""
    own = {"api_key": "none", "max_retries": 0, "timeout": 60, "http_client": http}
    return openai.OpenAI(base_url=f"{http.base_url}/v1", **own | more)


def billed(upstream):
    return upstream.prompt_tokens, upstream.completion_tokens


def told(usage):
    return usage.prompt_tokens, usage.completion_tokens


@pytest.mark.parametrize("model", ["pilotage", "passthrough", "pilotage:reason"])
@pytest.mark.parametrize("messages", [HELLO, QUESTION])
def test_usage_is_the_upstreams_own(over, model, messages):
    upstream, http = over(working)
    client = client_of(http)
    whole = client.chat.completions.create(model=model, messages=messages)
    assert told(whole.usage) == billed(upstream)
    options = {"stream": True, "stream_options": {"include_usage": True}}
    *_, last = client.chat.completions.create(model=model, messages=messages, **options)
    before = told(whole.usage)
    assert (last.usage.prompt_tokens + before[0], last.usage.completion_tokens + before[1]) == billed(upstream)
    assert last.choices == []


def test_usage_of_several_and_of_cut_replies(over):
    upstream, http = over(lambda body: "one two three four")
    client = client_of(http)
    several = client.chat.completions.create(model="pilotage", messages=HELLO, n=2)
    assert told(several.usage) == billed(upstream)
    before = billed(upstream)
    cut = client.chat.completions.create(model="pilotage", messages=HELLO, max_tokens=2)
    assert cut.choices[0].finish_reason == "length"
    assert (cut.usage.prompt_tokens + before[0], cut.usage.completion_tokens + before[1]) == billed(upstream)


def test_thinking_is_reasoning_and_is_counted(over):
    _, http = over(lambda body: Line("Hello!", thinking="let me think"))
    client = client_of(http)
    whole = client.chat.completions.create(model="pilotage", messages=HELLO)
    assert whole.choices[0].message.content == "Hello!"
    assert whole.choices[0].message.reasoning_content.strip() == "let me think"
    assert whole.usage.completion_tokens_details.reasoning_tokens == 3
    assert whole.usage.prompt_tokens_details.cached_tokens == 1
    deltas = [
        chunk.choices[0].delta
        for chunk in client.chat.completions.create(model="pilotage", messages=HELLO, stream=True)
    ]
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas).split() == [
        "let",
        "me",
        "think",
    ]
    assert "".join(delta.content or "" for delta in deltas) == "Hello!"


def test_a_limit_that_thinking_used_up_is_an_error(over):
    _, http = over(lambda body: Line("", thinking="a b c", finish="length"))
    with pytest.raises(openai.BadRequestError) as refused:
        client_of(http).chat.completions.create(model="pilotage", messages=HELLO, max_tokens=3)
    assert refused.value.code == "max_tokens_used_by_thinking"


@pytest.mark.parametrize("stream", [False, True])
def test_tools_go_to_the_reply_and_come_back_as_they_are(over, stream):
    def script(body):
        if body["messages"][-1]["role"] == "tool":
            return "It rains, and 17*23 is 391."
        return (
            Line(calls=[("weather", '{"city": "Oslo"}'), ("weather", "not json")]) if "tools" in body else working(body)
        )

    upstream, http = over(script)
    client = client_of(http)
    options = {"model": "pilotage", "tools": TOOLS, "tool_choice": "auto", "parallel_tool_calls": True}
    if stream:
        with client.chat.completions.stream(messages=QUESTION, **options) as events:
            reply = events.get_final_completion()
    else:
        reply = client.chat.completions.create(messages=QUESTION, **options)
    (choice,) = reply.choices
    assert choice.finish_reason == "tool_calls"
    calls = choice.message.tool_calls
    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("weather", '{"city": "Oslo"}'),
        ("weather", "not json"),
    ]
    assert len({call.id for call in calls}) == 2
    *work, last = upstream.bodies
    assert all("tools" not in body for body in work)
    assert (last["tools"], last["tool_choice"], last["parallel_tool_calls"]) == (TOOLS, "auto", True)
    results = [{"role": "tool", "tool_call_id": call.id, "content": "rain"} for call in calls]
    called = {
        "role": "assistant",
        "content": None,
        "tool_calls": [call.model_dump(include={"id", "type", "function"}) for call in calls],
    }
    asked = len(upstream.bodies)
    again = client.chat.completions.create(messages=[*QUESTION, called, *results], **options)
    assert again.choices[0].message.content.startswith("It rains")
    assert len(upstream.bodies) == asked + 1
    sent = upstream.bodies[-1]["messages"]
    assert "391" in sent[0]["content"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
    assert [call["function"]["arguments"] for call in sent[1]["tool_calls"]] == ['{"city": "Oslo"}', "not json"]


def test_a_choice_that_calls_nothing_does_not_end_the_turn_of_one_that_calls(over):
    def script(body):
        if body["messages"][-1]["role"] == "tool":
            return "It rains, and 17*23 is 391."
        offered = sum("tools" in body for body in upstream.bodies)
        return Line(calls=[("weather", "{}")]) if offered == 1 else working(body)

    upstream, http = over(script)
    client = client_of(http)
    reply = client.chat.completions.create(model="pilotage", messages=QUESTION, tools=TOOLS, n=2)
    assert [choice.finish_reason for choice in reply.choices] == ["tool_calls", "stop"]
    (call,) = reply.choices[0].message.tool_calls
    called = {"role": "assistant", "tool_calls": [call.model_dump(include={"id", "type", "function"})]}
    behind = [called, {"role": "tool", "tool_call_id": call.id, "content": "rain"}]
    asked = len(upstream.bodies)
    client.chat.completions.create(model="pilotage", messages=[*QUESTION, *behind], tools=TOOLS)
    assert len(upstream.bodies) == asked + 1, "what was worked out before serves the turn"


def test_a_reply_without_a_limit_is_as_long_as_the_upstream_lets_it(over):
    upstream, http = over(lambda body: Line("", thinking="a b c", finish="length"))
    with pytest.raises(openai.APIStatusError) as failed:
        client_of(http).chat.completions.create(model="pilotage", messages=HELLO)
    assert failed.value.status_code == 502
    assert "its own limit of tokens" in failed.value.message
    assert "--reply-tokens" not in failed.value.message
    (body,) = upstream.bodies
    assert not {"max_tokens", "max_completion_tokens"} & body.keys()


@pytest.mark.parametrize("fault", [400, 401, 429, 500, "cut", "garbage", "empty"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_upstreams_fault_is_a_clear_error(over, fault, stream):
    line = Line("") if fault == "empty" else Line("one two", fault=fault)
    _, http = over(lambda body: line)
    body = {"model": "pilotage", "messages": HELLO, "stream": stream}
    reply = http.post("/v1/chat/completions", json=body)
    if stream:
        *_, event, done, rest = reply.text.split("\n\n")
        assert (done, rest) == ("data: [DONE]", "")
        told = json.loads(event.removeprefix("data: "))
    elif fault == "cut":
        assert reply.status_code == 200  # a whole reply that is not streamed is not cut
        return
    else:
        told = reply.json()
        assert reply.status_code == (fault if fault in (400, 429, 500) else 502)
    assert set(told["error"]) == {"message", "type", "param", "code"}
    assert told["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["pilotage", "passthrough"])
def test_a_client_that_leaves_stops_the_upstream(over, stream, model):
    came = threading.Event()

    def script(body):
        came.set()
        return Line("word " * 10_000, delay=0.01) if body.get("stream") else Line(fault="hang")

    upstream, http = over(script)
    body = json.dumps({"model": model, "messages": HELLO, "stream": stream}).encode()
    with socket.create_connection((http.base_url.host, http.base_url.port)) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + body)
        assert came.wait(60)
        if stream:
            connection.recv(10)
    assert upstream.left.wait(60)


def test_silence_is_filled_with_comments(over):
    _, http = over(lambda body: Line("one two three", delay=0.4), {"keep_alive": 0.05})
    reply = http.post("/v1/chat/completions", json={"model": "pilotage", "messages": HELLO, "stream": True})
    lines = reply.text.split("\n\n")
    assert ": keep-alive" in lines
    assert all(line.startswith(("data: ", ": ")) for line in lines if line)


def test_passthrough_forwards_what_it_does_not_know(over):
    upstream, http = over(lambda body: "Hello!")
    body = {"model": "passthrough", "messages": HELLO, "logprobs": True, "frobnicate": [1]}
    assert http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"] == "Hello!"
    assert upstream.bodies[0] == {**body, "model": "up"}


def test_passthrough_gives_the_upstreams_errors(over):
    _, http = over(lambda body: Line(fault=422))
    reply = http.post("/v1/chat/completions", json={"model": "passthrough", "messages": HELLO})
    assert reply.status_code == 422
    assert reply.json()["error"]["message"] == "upstream says 422"


def test_no_key_of_the_caller_reaches_the_upstream(over):
    upstream, http = over(lambda body: "Hello!")
    for model in ("pilotage", "passthrough"):
        body = {"model": model, "messages": HELLO}
        http.post("/v1/chat/completions", json=body, headers={"Authorization": "Bearer pk-of-the-caller"})
    assert all("pk-of-the-caller" not in str(headers) for headers in upstream.headers)
