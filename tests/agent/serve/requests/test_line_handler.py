"""What is logged is written beside the event loop: a reader that has stopped costs its own lines and nobody else's."""

import io
import logging
import os
import threading

import pytest

from pilotage.agent.serve.requests.line_handler import LineHandler, log
from tests.agent.serve.faults.conftest import serving, upstream, wait_for  # noqa: F401  (fixtures)
from tests.agent.serve.test_metrics import told

LONG_ID = {"X-Request-ID": "x" * 128}
PIPE = 64 * 1024
"""Bytes that a pipe takes whose reader has stopped."""


def line(text):
    return logging.LogRecord("any", logging.INFO, "", 0, text, None, None)


@pytest.fixture
def pipe():
    read, write = os.pipe()
    with open(read, "rb") as reader, open(write, "w") as writer:
        yield reader, writer


def test_lines_come_in_order_and_whole(pipe):
    reader, writer = pipe
    handler, read = LineHandler(writer), []
    lines = [f"{number} {'y' * 200}" for number in range(2_000)]
    reading = threading.Thread(target=lambda: read.extend(reader.readline() for _ in lines))
    reading.start()
    for text in lines:
        handler.handle(line(text))
    reading.join(300)
    assert [one.decode().strip() for one in read] == lines
    assert handler.dropped == 0


def test_what_does_not_fit_is_counted_and_told_of_once(pipe, caplog):
    reader, writer = pipe
    handler = LineHandler(writer, "the test's log", most=10_000)
    for _ in range(3_000):
        handler.handle(line("z" * 99))
    handler.close()  # which waits for the reader, but not for good
    assert 3_000 - (2 * PIPE + 10_000) / 100 - 2 <= handler.dropped < 3_000
    (said,) = [one.getMessage() for one in caplog.records if one.name == log.name]
    assert said == "lines of the test's log are left out: its reader does not keep up"


def test_what_cannot_be_written_is_counted_without_a_traceback(pipe, caplog, capsys):
    reader, writer = pipe
    reader.close()
    handler = LineHandler(writer, "the test's log")
    for _ in range(2):
        handler.handle(line("nobody reads this"))
        handler.flush()
    assert handler.dropped == 2
    (said,) = [one.getMessage() for one in caplog.records]
    assert "Broken pipe" in said and capsys.readouterr().err == ""


def test_a_stream_of_python_and_a_closed_one_are_written_to_as_well(caplog):
    there, closed = io.StringIO(), LineHandler(None, "the test's log")
    handler = LineHandler(there)
    for one in (handler, closed):
        one.handle(line("red \x1b[31m"))
        one.flush()
    assert there.getvalue() == "red \\x1b[31m\n"
    assert closed.dropped == 1


def test_a_line_that_cannot_be_made_is_nobodys_error(capsys):
    there = io.StringIO()
    handler = LineHandler(there)
    handler.handle(logging.LogRecord("any", logging.INFO, "", 0, "%d", ("no number",), None))
    handler.handle(line("next"))
    handler.flush()
    assert there.getvalue() == "next\n" and "no number" in capsys.readouterr().err


def test_a_reader_that_has_stopped_stops_neither_the_server_nor_its_end(upstream, serving, pipe):  # noqa: F811
    _, url = upstream(lambda body: "Hello!")
    _, writer = pipe
    process = serving(url, "--access-log", output=writer)
    for _ in range(3 * PIPE // 256):
        assert process.client.get("/health", headers=LONG_ID).status_code == 200
    assert told(process.client, "pilotage_access_log_lines_dropped_total") == {"": 0.0}
    process.signal()
    assert process.ended() == 0


def test_the_access_log_is_alone_on_standard_output(upstream, serving, tmp_path):  # noqa: F811
    _, url = upstream(lambda body: "Hello!")
    with open(tmp_path / "out", "wb") as out:
        process = serving(url, "--access-log", output=out, env={"OPENAI_LOG": "info"})
    process.client.get("/health", headers=LONG_ID)
    process.signal()
    assert process.ended() == 0
    lines = (tmp_path / "out").read_text().splitlines()
    assert lines and all(one.startswith("time=") for one in lines)
    assert LONG_ID["X-Request-ID"] not in process.log.read_text()
