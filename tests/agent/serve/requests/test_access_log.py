"""The access log: a line for each request that is over, which nothing of a request can forge."""

import json
import logging
import re
import time

import pytest

from pilotage.agent.errors import UsageError
from pilotage.agent.serve.config import serve_config
from pilotage.agent.serve.requests.access_log import MOST_CHARACTERS
from tests.agent.serve.faults.conftest import serving, upstream  # noqa: F401  (fixtures)
from tests.agent.serve.tenants import ask
from tests.agent.serve.test_over_an_upstream import HELLO
from tests.agent.serve.upstream import Line, left_in_the_midst

FIELDS = ["time", "request_id", "method", "route", "status", "seconds", "whole", "key", "model", "tokens"]


@pytest.fixture
def lines(caplog):
    """Waits for so many lines of the log, and gives all there are."""

    def wait(count):
        until = time.monotonic() + 60
        while True:
            found = [one for one in caplog.records if one.name == "pilotage.serve.access"]
            if len(found) >= count or time.monotonic() > until:
                assert all(one.levelno == logging.INFO for one in found)
                return [one.getMessage() for one in found]
            time.sleep(0.01)

    return wait


def parsed(line):
    """The fields of a line of text."""
    pairs = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s"=\\]+)', line)
    assert " ".join(f"{name}={value}" for name, value in pairs) == line
    assert [name for name, _ in pairs] == FIELDS
    return {name: json.loads(value) if value.startswith('"') else value for name, value in pairs}


def test_a_line_tells_of_a_request_and_nothing_that_was_said(house, lines):
    client = house(config={"access_log": True}).key("a")
    usage = ask(client, "gooseberry?", user="gooseberry").json()["usage"]
    client.get("/v1/concepts", params={"query": "gooseberry"}, headers={"X-Request-ID": "mine"})
    client.get("/v1/gooseberry")
    client.get("/health")
    told = lines(4)
    chat, concepts, missing, health = map(parsed, told)
    assert chat["route"] == "/v1/chat/completions" and chat["method"] == "POST" and chat["status"] == "200"
    assert chat["key"] == client.key.id and chat["model"] == "pilotage" and chat["whole"] == "true"
    assert chat["tokens"] == str(usage["total_tokens"]) and 0 < float(chat["seconds"]) < 60
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", chat["time"])
    assert concepts["request_id"] == "mine" and concepts["route"] == "/v1/concepts"
    assert (concepts["model"], concepts["tokens"]) == ("-", "-")
    assert (missing["route"], missing["status"]) == ("other", "404")
    assert (health["route"], health["key"]) == ("/health", "-")
    secret = client.headers["Authorization"].partition(" ")[2]
    assert not any("gooseberry" in line or secret in line for line in told)


def test_as_json_each_line_is_an_object(house, lines):
    started = house(config={"access_log": "json"})
    client = started.key("a")
    usage = ask(client, "hi").json()["usage"]
    started.nobody.get("/v1/models", headers={"Authorization": "Bearer pk-gooseberry"})
    told = lines(2)
    chat, refused = map(json.loads, told)
    assert list(chat) == FIELDS
    assert (chat["status"], chat["whole"], chat["key"], chat["model"], chat["tokens"]) == (
        *(200, True, client.key.id, "pilotage"),
        usage["total_tokens"],
    )
    assert (refused["status"], refused["key"], refused["tokens"]) == (401, None, None)
    assert "gooseberry" not in told[1]


@pytest.mark.parametrize("form", [True, "json"])
def test_nothing_of_a_request_forges_a_line_or_a_field(over, lines, form):
    _, http = over(lambda body: "Hello!", {"access_log": form})
    models = ["x\ntime=1999 status=200", 'x" status="200', "\x1b[2J\x7f\x85\u2028", "-", "m" * 10_000, "= \\", ""]
    for model in models:
        sent = json.dumps({"model": model, "messages": HELLO})
        http.post("/v1/chat/completions", content=sent, headers={"X-Request-ID": 'a="b\\'})
    for path in ("x%20status=200%1b", "%0atime=1999"):
        http.get(f"/v1/models/{path}?time=1999")
    told = lines(len(models) + 2)
    assert all(line.isprintable() for line in told)
    *asked, read, unread = [json.loads(line) if form == "json" else parsed(line) for line in told]
    absent = None if form == "json" else "-"
    assert [one["model"] for one in asked] == [model[:MOST_CHARACTERS] or absent for model in models]
    assert {one["request_id"] for one in asked} == {'a="b\\'}
    assert (read["route"], unread["route"]) == ("/v1/models/{name:path}", "other")
    assert "time=1999" not in "".join(told[-2:])


@pytest.mark.parametrize("stream", [True, False])
def test_a_reply_that_its_client_left_is_not_whole(over, lines, stream):
    there, http = over(lambda body: Line(fault="hang"), {"access_log": True})
    body = json.dumps({"model": "pilotage", "stream": stream, "messages": HELLO}).encode()
    with left_in_the_midst(http, there, body):
        assert lines(0) == []
    (line,) = map(parsed, lines(1))
    assert (line["whole"], line["status"], line["model"]) == ("false", "200" if stream else "499", "pilotage")


def test_a_stream_has_its_line_when_its_last_byte_is_sent(over, lines):
    _, http = over(lambda body: "one two three", {"access_log": True})
    body = {"model": "pilotage", "stream": True, "messages": HELLO, "stream_options": {"include_usage": True}}
    events = http.post("/v1/chat/completions", json=body).text.split("\n\n")
    usage = next(json.loads(one[6:])["usage"] for one in reversed(events) if '"usage"' in one)
    (line,) = map(parsed, lines(1))
    assert (line["whole"], line["tokens"]) == ("true", str(usage["total_tokens"]))


def test_without_the_setting_there_is_none(over, lines):
    _, http = over(lambda body: "Hello!")
    ask(http, "hi")
    time.sleep(0.2)
    assert lines(0) == []


@pytest.mark.parametrize("value", ["yes", "text", 2, None, []])
def test_a_setting_that_is_none_is_refused(tmp_path, value):
    file = tmp_path / "serve.toml"
    file.write_text(f"access_log = {json.dumps(value)}" if value is not None else "access_log = {}")
    with pytest.raises(UsageError, match="`access_log` of the server's configuration: Input should be False, True or"):
        serve_config(file, {"access_log": None})


def test_the_command_writes_it_where_it_is_asked_to(upstream, serving):  # noqa: F811
    _, url = upstream(lambda body: "Hello!")
    quiet = serving(url)
    quiet.client.get("/v1/models").raise_for_status()
    quiet.kill()
    assert quiet.log.read_text().count("\n") == 1
    told = serving(url, "--access-log")
    told.client.post("/v1/chat/completions", json={"model": "pilotage", "messages": HELLO}).raise_for_status()
    told.signal()
    assert told.ended() == 0
    *_, line = told.log.read_text().splitlines()
    assert parsed(line)["route"] == "/v1/chat/completions" and int(parsed(line)["tokens"]) > 0
