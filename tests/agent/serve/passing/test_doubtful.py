"""What one request may have caused switches no upstream off for the others; errors and comments end or are left out."""

import json
import threading

import pytest

from pilotage.agent.serve.passing import events, relay
from tests.agent.serve.passing.conftest import HELLO_STREAM, STREAM, ask, errors_of, event, said, whole
from tests.agent.serve.tenants import error_of
from tests.agent.serve.test_metrics import told

TOO_LONG = event({"error": {"message": "context too long", "code": "context_length_exceeded"}})
SPOILT = {
    "error first": STREAM + TOO_LONG,
    "broke off": STREAM + b": wait\n\n",
    "too large an event": STREAM + b"data: " + b"x" * 5000,
    "too large": whole({"choices": "x" * 5000}),
    "torn": whole()[:-10],
    "no reply": b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("fault", SPOILT)
def test_one_request_switches_an_upstream_off_for_nobody(before_b, monkeypatch, fault):
    monkeypatch.setattr(relay, "MOST_BYTES", 4000)
    monkeypatch.setattr(relay.whole, "__kwdefaults__", {"most": 4000})
    monkeypatch.setattr(events, "MOST_EVENT_BYTES", 4000)
    own = {"choices": [{"message": {"content": "Hello from a!"}}]}
    asked = []

    def script(body):
        asked.append(body)
        if "spoilt" in body["messages"][0]["content"]:
            return SPOILT[fault]
        return whole(own)

    http, stream = before_b(script), SPOILT[fault].startswith(STREAM)
    reply = ask(http, stream=stream, text="spoilt")
    assert reply.status_code == 200 and "Hello!" in reply.text
    assert "from a" in ask(http).text
    assert len(asked) == 2
    (failure,) = told(http, "pilotage_upstream_failures_total")
    assert failure == f'upstream="a",why="{"garbage" if fault == "no reply" else "broken"}"'


def test_where_its_time_is_over_a_request_asks_no_further_upstream(running, serve, raw):
    held, over = [], threading.Event()

    def silent(body):
        held.append(body)
        over.wait(300)
        yield b""

    upstreams = {
        "a": {"model": "m", "base_url": raw(silent), "fallback": ["b"]},
        "b": {"model": "m", "base_url": raw(lambda body: whole())},
    }
    http = serve(None, {"upstreams": upstreams}, model="scripted:no", max_seconds=0.5)
    error = error_of(ask(http), 504)
    assert error["code"] == "time_limit"
    over.set()
    assert len(held) == 1


def test_the_first_error_ends_a_stream_however_many_follow(before_b):
    def errors(body):
        yield STREAM
        while True:  # until the server has closed the connection
            yield TOO_LONG * 1000

    assert "Hello!" in ask(before_b(errors), stream=True).text


def test_comments_before_the_reply_are_not_kept_for_it(alone):
    comments = [b": wait\n\n" * 1000] * 1000
    reply = ask(alone(lambda body: [STREAM, *comments, HELLO_STREAM[len(STREAM) :]]), stream=True)
    assert reply.text.endswith(HELLO_STREAM[len(STREAM) :].decode()) and len(reply.text) < 2**20 < len(comments) * 8000


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_are_whole_however_small_their_pieces_are(alone, end):
    sent = HELLO_STREAM[len(STREAM) :].decode().replace("\n", end).encode()
    reply = ask(alone(lambda body: [STREAM, *(bytes([one]) for one in sent)]), stream=True)
    assert reply.content == (sent.replace(b"\r", b"\n") if end == "\r" else sent)


def test_a_stream_without_its_last_blank_line_is_whole(alone):
    reply = ask(alone(lambda body: STREAM + said("Hi", "stop").rstrip()), stream=True)
    assert json.loads(reply.text[6:])["choices"][0]["delta"]["content"] == "Hi" and errors_of(reply) == []
