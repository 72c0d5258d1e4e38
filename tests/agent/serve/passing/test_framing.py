"""A reply whose framing breaks is an error at once, and not when the time of the request is over."""

import threading

import pytest

from tests.agent.serve.passing.conftest import CHUNKED, ask, errors_of, said
from tests.agent.serve.tenants import error_of

EVENT = said("Hel")


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.fixture
def broken():
    """A script of a reply whose second chunk is none; the connection stays open until the test is over."""
    over = threading.Event()

    def script(first):
        def pieces(body):
            media_type = b"text/event-stream" if body.get("stream") else b"application/json"
            yield CHUNKED % media_type + chunk(first)
            begun.wait(1)  # so that the head is read apart from what is broken
            yield b"zz\r\nhi\r\n"
            over.wait(300)

        return pieces

    begun = threading.Event()
    yield script
    over.set()


def test_a_stream_ends_with_an_error(alone, broken):
    reply = ask(alone(broken(EVENT)), stream=True)
    assert reply.text.startswith("data: ") and "Hel" in reply.text
    (error,) = errors_of(reply)
    assert error["code"] == "upstream_unavailable" and "broke off" in error["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_before_anything_was_sent_another_upstream_answers(before_b, broken, stream):
    reply = ask(before_b(broken(b": wait\n\n" if stream else b'{"a":')), stream=stream)
    assert reply.status_code == 200 and "Hello!" in reply.text


def test_a_whole_reply_is_a_502(alone, broken):
    error = error_of(ask(alone(broken(b'{"a":'))), 502)
    assert error["code"] == "upstream_unavailable" and "broke off" in error["message"]
