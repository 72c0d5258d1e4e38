"""Streams: the order of events, comments in silence, failures, and clients that go away."""

import json
import socket
import time

import pytest

from pilotage.agent.models.scripted import Fault, ScriptedChatModel
from tests.agent.chat.test_conversations import ASKED, scripted
from tests.agent.serve.responses.conftest import events_of, replayed
from tests.agent.serve.responses.test_with_the_official_client import WEATHER
from tests.agent.serve.responses.upstream import says


def streamed(client, **more):
    body = {"model": "pilotage", "input": "hi there", "stream": True} | more
    reply = client.post("/v1/responses", json=body)
    assert (reply.status_code, reply.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
    return reply.text


def kinds(events):
    return [event["type"].removeprefix("response.") for event in events]


def test_a_reply_has_its_events_in_order(http):
    events = events_of(streamed(http(scripted(plain="Hello you!"))))
    assert kinds(events) == [
        *("created", "in_progress", "output_item.added", "content_part.added", "output_text.delta"),
        *("output_text.delta", "output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    first, last = events[0]["response"], events[-1]["response"]
    assert (first["status"], first["output"], first["usage"]) == ("in_progress", [], None)
    assert replayed(events) == last["output"]
    changing = ("status", "output", "usage", "completed_at")
    assert {k: v for k, v in first.items() if k not in changing} == {k: v for k, v in last.items() if k not in changing}


def test_what_is_worked_out_comes_before_the_message(http):
    model = scripted()
    events = events_of(streamed(http(model), input=ASKED))
    reasoning, message = replayed(events)
    assert [reasoning, message] == events[-1]["response"]["output"]
    assert (reasoning["type"], message["content"][0]["text"]) == ("reasoning", "It is 391.")
    assert "program" in reasoning["summary"][0]["text"] and "391" in reasoning["summary"][0]["text"]
    assert events[-1]["response"]["usage"]["total_tokens"] == model.counted.total_tokens


def test_thinking_and_calls_have_items_of_their_own(http, endpoint):
    endpoint.plan = [says("I look.", thinking="Hm.", calls=[("a", "weather", '{"city":'), ("b", "weather", "{}")])]
    client = http()
    events = events_of(streamed(client, tools=[WEATHER]))
    output = replayed(events)
    assert output == events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", "function_call", "function_call"]
    assert [item.get("call_id") for item in output[2:]] == ["a", "b"]
    call = kinds(events)[kinds(events).index("function_call_arguments.delta") - 1 :][:4]
    assert call == [
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done")
    ]


def test_work_and_thinking_are_parts_of_one_summary(http, endpoint):
    endpoint.plan = [says("17*23 = 391\nAnswer: 391"), says("It is 391.", thinking="They agree.")]
    client = http()
    events = events_of(streamed(client, model="pilotage:reason", input=ASKED))
    reasoning, message = replayed(events)
    assert [reasoning, message] == events[-1]["response"]["output"]
    work, thinking = (part["text"] for part in reasoning["summary"])
    assert "391" in work and thinking == "They agree."
    assert events[-1]["response"]["usage"]["input_tokens"] == 22


def test_silence_is_filled_with_comments(http):
    model = ScriptedChatModel(lambda messages: "Hello!", latency=0.5)
    text = streamed(http(model, {"keep_alive": 0.05}))
    assert ": keep-alive\n\n" in text
    assert events_of(text)[-1]["type"] == "response.completed"


@pytest.mark.parametrize(
    ("status", "code"), [(400, "invalid_prompt"), (429, "rate_limit_exceeded"), (503, "server_error")]
)
def test_a_failure_is_an_error_and_a_failed_response(http, status, code):
    client = http(ScriptedChatModel(lambda messages: Fault(status=status, retry_after=0.0)))
    assert client.post("/v1/responses", json={"model": "pilotage", "input": "hi"}).status_code == status
    text = streamed(client)
    *_, error, failed = events_of(text)
    assert (error["type"], failed["type"]) == ("error", "response.failed")
    assert error["message"] == error["error"]["message"] and error["code"] == error["error"]["code"]
    response = failed["response"]
    assert (response["status"], response["error"]["code"]) == ("failed", code)
    assert response["error"]["message"] == error["message"]
    assert client.get(f"/v1/responses/{response['id']}").json() == response


def test_a_reply_that_breaks_off_is_kept_as_far_as_it_came(http, endpoint):
    endpoint.plan = [endpoint.events("Half a", " repl", done=False)]
    events = events_of(streamed(http()))
    *_, error, failed = events
    assert (error["type"], failed["type"]) == ("error", "response.failed")
    assert all(item["status"] == "incomplete" for item in failed["response"]["output"][-1:])


@pytest.mark.parametrize("streams", [False, True])
def test_a_limit_that_thinking_used_up_leaves_a_response_without_a_message(http, endpoint, streams):
    endpoint.plan = [says(thinking="Let me see. And so on.", cut=True)]
    client, body = http(), {"model": "pilotage", "input": "hi there", "max_output_tokens": 5, "stream": streams}
    reply = client.post("/v1/responses", json=body)
    if streams:
        events = events_of(reply.text)
        assert events[-1]["type"] == "response.incomplete"
        response = events[-1]["response"]
        assert replayed(events) == response["output"]
        assert [item["type"] for item in response["output"]] == ["reasoning"]
    else:
        response = reply.json()
        assert response["output"] == []
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    calls = len(endpoint.bodies)
    assert (response["usage"]["input_tokens"], response["usage"]["output_tokens"]) == (11 * calls, 5 * calls)
    assert client.get(f"/v1/responses/{response['id']}").json() == response


@pytest.mark.parametrize("streams", [False, True])
def test_a_client_that_goes_away_ends_the_call_to_the_upstream(http, endpoint, streams):
    endpoint.plan = [endpoint.endless(b": waiting\n\n" if streams else b" ", pause=0.01)]
    url = http().base_url
    body = json.dumps({"model": "pilotage", "input": "hi there", "stream": streams}).encode()
    with socket.create_connection((url.host, url.port)) as connection:
        head = f"POST /v1/responses HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        deadline = time.monotonic() + 60
        while not endpoint.sent:
            assert time.monotonic() < deadline, "the upstream was not asked"
            time.sleep(0.01)
        assert not endpoint.left.is_set()
    assert endpoint.left.wait(60), "the upstream is still being read"


def test_a_response_is_kept_before_its_client_is_told(http):
    client = http(scripted())
    body = {"model": "pilotage", "input": "hi", "stream": True}
    with client.stream("POST", "/v1/responses", json=body) as reply:
        lines = reply.iter_lines()
        while next(lines) != "event: response.completed":
            pass
        response = json.loads(next(lines).removeprefix("data: "))["response"]
        assert client.get(f"/v1/responses/{response['id']}").json() == response


def test_where_nothing_can_be_kept_nothing_is_paid_for(http, tmp_path):
    (tmp_path / "responses.sqlite").write_bytes(b"no database at all, but long enough for one" * 100)
    model = scripted()
    client = http(model)
    reply = client.post("/v1/responses", json={"model": "pilotage", "input": "hi"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "store_unavailable")
    assert str(tmp_path) not in reply.text
    assert not model.calls
    unkept = client.post("/v1/responses", json={"model": "pilotage", "input": "hi", "store": False})
    assert unkept.status_code == 200


def test_a_conversation_that_has_grown_too_large_is_continued_no_further(http):
    client = http(ScriptedChatModel(lambda messages: "word " * 200), {"most_bytes": 4096})
    id, asked = None, []
    while True:
        body = {"model": "pilotage", "input": "Go on.", "previous_response_id": id}
        reply = client.post("/v1/responses", json=body)
        if reply.status_code != 200:
            break
        id = reply.json()["id"]
        asked.append(id)
        assert len(asked) < 4
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, "previous_response_id") and "begin a new one" in error[
        "message"
    ]
    assert client.get(f"/v1/responses/{id}").status_code == 200 and len(asked) > 1
