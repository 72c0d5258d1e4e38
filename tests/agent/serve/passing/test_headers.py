"""Headers and statuses of an upstream: what cannot be handed on, or holds a key, is left out, also of the log."""

import pytest

from tests.agent.serve.passing.conftest import HELLO_STREAM, STREAM, ask, whole
from tests.agent.serve.tenants import error_of

KEY = "sk-verysecret-0123456789"
JSON = b"Content-Type: application/json\r\n"


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("KEY_OF_A", KEY)


@pytest.mark.parametrize("name", ["Retry-After", "openai-processing-ms", "X-Request-ID", "Content-Type"])
@pytest.mark.parametrize(
    "value", ["\u65e5".encode(), b"\xff\xfe", b"9" * 60_000, KEY.encode()], ids=["日", "ff", "long", "key"]
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_header_that_cannot_be_handed_on_is_left_out(alone, name, value, stream):
    head = name.encode() + b": " + value + b"\r\n"
    if name == "Content-Type":
        head = name.encode() + (b": text/event-stream; x=" if stream else b": application/json; x=") + value + b"\r\n"
    elif not stream:
        head += JSON
    answer = STREAM.replace(b"Content-Type: text/event-stream\r\n" if name == "Content-Type" else b"\0", b"")
    answer = answer.replace(b"Connection", head + b"Connection") + HELLO_STREAM[len(STREAM) :]
    reply = ask(alone(lambda body: answer if stream else whole(head=head), api_key_env="KEY_OF_A"), stream=stream)
    assert reply.status_code == 200 and "Hello!" in reply.text
    assert reply.headers["content-type"] == ("text/event-stream" if stream else "application/json")
    assert not {"retry-after", "openai-processing-ms", "x-upstream-request-id"} & {*reply.headers}
    assert KEY not in str(reply.headers)


def test_others_are_handed_on(alone):
    head = b"Content-Type: application/json; charset=utf-8\r\nopenai-processing-ms: 17\r\nX-Request-ID: up-1\r\n"
    headers = ask(alone(lambda body: whole(head=head))).headers
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert (headers["openai-processing-ms"], headers["x-upstream-request-id"]) == ("17", "up-1")


def test_the_case_of_a_media_type_means_nothing(alone):
    answer = HELLO_STREAM.replace(b"text/event-stream", b"Text/Event-Stream")
    assert ask(alone(lambda body: answer), stream=True).content == HELLO_STREAM[len(STREAM) :]


@pytest.mark.parametrize("status", [204, 302, 304, 600, 999])
@pytest.mark.parametrize("stream", [False, True])
def test_a_status_of_no_reply_is_a_502(alone, status, stream):
    said = {"error": {"message": "moved", "type": "x", "code": None, "param": None}}
    answer = whole(said, status=f"{status} X") if status not in (204, 304) else b"HTTP/1.1 %d X\r\n\r\n" % status
    error = error_of(ask(alone(lambda body: answer), stream=stream), 502)
    assert error["code"] == "unusable_reply"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nSet-Cookie: session=%b\r\nContent-Ty",
        b"HTTP/1.1 %b OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n",
        b"%b",
    ],
    ids=["cut", "status", "chunk", "nothing"],
)
def test_nothing_of_a_broken_head_is_logged_or_told(alone, caplog, head):
    cookie = "gooseberry-cookie"
    reply = ask(alone(lambda body: head % cookie.encode()))
    error_of(reply, 502)
    assert "the upstream a failed" in caplog.text
    assert cookie not in caplog.text and cookie not in reply.text


@pytest.mark.parametrize("model", ["pilotage@a", "passthrough@a"])
@pytest.mark.parametrize("status", [401, 500])
def test_what_an_upstream_says_makes_one_short_line(alone, caplog, model, status):
    said = {"error": {"message": "bad\nthe upstream b failed (forged)\x1b[31m " + "private " * 1000}}
    ask(alone(lambda body: whole(said, status=f"{status} X"), retries=0), model=model)
    lines = [one.getMessage() for one in caplog.records if one.name == "pilotage.serve"]
    assert lines and all("\n" not in line and "\x1b" not in line and len(line) < 500 for line in lines)
