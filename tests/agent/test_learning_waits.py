"""The answer is shown before memory is written, so that who stops the command then has it."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pilotage.agent.cli.solve.show import Show
from pilotage.agent.events import Stepped
from pilotage.agent.trace import Step
from tests.servers import process_of

COMMAND = str(Path(sys.executable).with_name("pilotage"))
LEARNING = "You write short notes"
"""How a request begins that writes to memory."""
NOTE = {"title": "Multiply what is in one", "when": "Boxes hold so many things each."}


class Endpoint(BaseHTTPRequestHandler):
    """Says 480 to every question; a request of memory is answered once the server's `ready` is set."""

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        text = "The sum is 480.\nAnswer: 480"
        if LEARNING in asked:
            self.server.asked.set()
            self.server.ready.wait(600)
            text = json.dumps(NOTE)
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        if json.loads(asked).get("stream"):
            piece = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "usage": usage}
            piece["choices"] = [{"index": 0, "finish_reason": "stop", "delta": {"role": "assistant", "content": text}}]
            kind, content = "text/event-stream", f"data: {json.dumps(piece)}\n\ndata: [DONE]\n\n"
        else:
            reply = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [message]}
            kind, content = "application/json", json.dumps(reply | {"usage": usage})
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_): ...


@pytest.fixture
def endpoint():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.daemon_threads = True
    server.asked, server.ready = threading.Event(), threading.Event()
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield server
    server.ready.set()
    server.shutdown()
    serving.join()
    server.server_close()


@contextmanager
def learning(endpoint, folder):
    """The command, whose answer has come, and which waits for the endpoint to write to memory; and the line before."""
    own = {"PILOTAGE_HOME": str(folder / "home"), "XDG_CACHE_HOME": str(folder / "cache"), "OPENAI_API_KEY": "EMPTY"}
    own |= {"PILOTAGE_EMBEDDER": "hash", "PILOTAGE_KEEP_UNVERIFIED": "true"}
    asked = ["solve", "How many are 60 times 8?", "--policy", "fixed:reason,answer", "--memory", "notes"]
    where = ["--model", "m", "--base-url", f"http://127.0.0.1:{endpoint.server_port}/v1"]
    with process_of(
        [COMMAND, *asked, *where],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **own},
    ) as process:
        lines = iter(process.stdout)
        chosen = next(line for line in lines if line.startswith("answer "))
        assert "entry 2 of the sequence" in chosen
        assert next(lines).startswith("  candidate 480") and next(lines) == "\n"
        assert next(lines) == "Answer: 480\n"  # while the endpoint has not answered what memory asks
        assert endpoint.asked.wait(300)
        yield process


def test_what_was_learnt_comes_behind_the_answer(endpoint, tmp_path):
    with learning(endpoint, tmp_path) as process:
        endpoint.ready.set()
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert [line.split()[0] for line in out.splitlines()] == ["learned", "reason"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_stops_it_while_memory_is_written_has_the_answer(endpoint, tmp_path, number):
    with learning(endpoint, tmp_path) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("interrupted after the answer, 480; nothing of this run is kept")
    assert "Traceback" not in err


def test_also_without_a_screen_the_answer_is_known():
    show = Show(sys.stderr, quiet=True)
    show(Stepped(Step(block="reason", candidate="479")))
    assert show.when == ""
    show(Stepped(Step(block="answer", candidate="480\nand more")))
    assert show.when.startswith(" after the answer, 480") and "\n" not in show.when
