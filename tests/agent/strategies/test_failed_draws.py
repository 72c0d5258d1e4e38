"""A draw whose endpoint failed says so and keeps its cost: it did not abstain."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pilotage.agent.models import RetryPolicy, load_model
from pilotage.agent.strategies import strategy_named
from pilotage.agent.trace import Draw, Step
from tests.agent.strategies.skilled import RIGHT, run

USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}


@pytest.fixture
def address():
    """A server whose second reply has no choice, and whose third is an error with a terminal's control characters."""
    plan, lock = [], threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                plan.append(len(plan))
                number = len(plan)
            message = {"role": "assistant", "content": f"Answer: {RIGHT}"}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            answer = {"id": "1", "object": "chat.completion", "model": "m", "usage": USAGE}
            answer |= {"choices": [] if number == 2 else choices}
            if number == 3:
                answer = {"error": {"message": "\x1b[2Jboom\nsecond line"}}
            content = json.dumps(answer).encode()
            self.send_response(500 if number == 3 else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_draw_without_a_completion_tells_why_and_what_it_cost(address):
    model = load_model("m", base_url=address)
    model.retry = RetryPolicy(retries=1, first_delay=0.01)
    step, kit = run(strategy_named("strategy:self-consistency;n=3"), model)
    assert step.candidate == RIGHT
    (failed,) = [draw for draw in step.draws if draw.error]
    assert "without a choice" in failed.error and "\n" not in failed.error
    assert failed.error.isprintable() and len(failed.error) <= 300
    assert (failed.candidate, failed.usage.llm_calls, failed.usage.total_tokens) == (None, 1, 110)
    assert step.evidence.note == "2 of 3 draws agree, 1 failed"
    assert step.error == "" and "error" not in step.printed
    assert sum(draw.usage.llm_calls for draw in step.draws) == kit.usage.llm_calls == 4  # the 500 was tried again
    assert sum(draw.usage.total_tokens for draw in step.draws) == kit.usage.total_tokens


def test_draws_of_older_results_have_no_error_and_new_ones_tell_it_only_where_there_is_one():
    old = Draw.model_validate({"candidate": "7", "score": None, "mean_logprob": None, "usage": {}})
    assert old.error == "" and "error" not in old.model_dump()
    assert Draw(error="broke off").model_dump()["error"] == "broke off"
    assert Step.model_validate({"block": "reason"}).error == ""
