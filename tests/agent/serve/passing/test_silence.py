"""A stream whose upstream is silent begins with comments, and whatever comes then is told as events."""

import json
import threading

import pytest

from tests.agent.serve.passing.conftest import HELLO_STREAM, STREAM, errors_of, whole
from tests.agent.serve.test_metrics import told
from tests.agent.serve.test_upstreams import wait_for

KEEP_ALIVE = {"keep_alive": 0.05}
BODY = {"model": "passthrough@a", "messages": [{"role": "user", "content": "hi"}], "input": "hi", "stream": True}
PATHS = ("/v1/chat/completions", "/v1/responses")


class Silent:
    """A script that waits with its answer until comments have come."""

    def __init__(self, answer, head=b""):
        self.heard, self._head, self._answer = threading.Event(), head, answer

    def script(self):
        def pieces(body):
            yield self._head
            self.heard.wait(300)
            yield self._answer

        return pieces

    def ask(self, http, path=PATHS[0]):
        """The reply, its text read to the end."""
        with http.stream("POST", path, json=BODY) as reply:
            read = ""
            for piece in reply.iter_text():
                read += piece
                if read.count(": keep-alive\n\n") >= 2:
                    self.heard.set()
            reply.read_text = read
        return reply


def without_comments(reply):
    return reply.read_text.replace(": keep-alive\n\n", "")


@pytest.mark.parametrize("head", [b"", STREAM], ids=["before the head", "behind the head"])
def test_comments_come_before_the_first_event(alone, head):
    silent = Silent(HELLO_STREAM[len(head) :], head)
    reply = silent.ask(alone(silent.script(), KEEP_ALIVE))
    assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/event-stream")
    assert without_comments(reply) == HELLO_STREAM[len(STREAM) :].decode()


def test_another_upstream_can_still_answer(before_b):
    silent = Silent(whole({"error": {"message": "down"}}, "503 X"))
    reply = silent.ask(before_b(silent.script(), KEEP_ALIVE))
    assert without_comments(reply) == HELLO_STREAM[len(STREAM) :].decode()


FAILURES = {
    "its own error": (whole({"error": {"message": "no such tool", "code": "bad_tool"}}, "400 X"), "bad_tool"),
    "a page": (whole([], "500 X"), None),
    "nothing": (b"", "upstream_unavailable"),
    "a whole reply": (whole(), "unusable_reply"),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("fault", FAILURES)
def test_a_failure_is_an_event_then(alone, fault, path):
    answer, code = FAILURES[fault]
    silent = Silent(answer)
    reply = silent.ask(alone(silent.script(), KEEP_ALIVE), path)
    assert reply.status_code == 200
    event, done, rest = without_comments(reply).split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    assert event.startswith("event: error\n" if path == PATHS[1] else "data: ")
    error = json.loads(event.rpartition("data: ")[2])["error"]
    assert error["message"] and {*error} >= {"message", "type", "param", "code"}
    assert error["code"] == code


def test_without_comments_it_waits_for_the_true_status(alone):
    http = alone(lambda body: whole({"error": {"message": "no"}}, "418 X"), {"keep_alive": 0})
    reply = http.post(PATHS[0], json=BODY)
    assert reply.status_code == 418 and errors_of(reply) == []


def test_a_client_that_leaves_in_the_silence_ends_the_call(alone):
    silent = Silent(HELLO_STREAM)
    http = alone(silent.script(), KEEP_ALIVE)
    with http.stream("POST", PATHS[0], json=BODY) as reply:
        next(reply.iter_bytes())
    wait_for(lambda: told(http, "pilotage_upstream_calls_total") == {'upstream="a"': 1})
    silent.heard.set()
