"""A real `pilotage serve` sends its spans to a real receiver, as its configuration or the environment says."""

import os
import signal
import sys
from contextlib import ExitStack

import httpx
import pytest
from typer.testing import CliRunner

from pilotage.agent.cli import app
from pilotage.agent.telemetry.spans import CAPTURE
from tests.agent.serve.conftest import running  # noqa: F401  (fixture)
from tests.agent.serve.upstream import Upstream
from tests.agent.telemetry.receiver import Receiver, attributes_of
from tests.servers import free_port, started

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
KEY = "sk-quite-unmistakable-secret-of-the-upstream"
ENDED = (0, -signal.SIGTERM)
ASKED = "hi there, gooseberry"


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return {**kept, "OPENAI_API_KEY": KEY, **more}


@pytest.fixture
def served(running, tmp_path):  # noqa: F811
    """Starts the command over an upstream; gives its process and its address."""
    with ExitStack() as stack:

        def start(config="", **variables):
            port, file = free_port(), tmp_path / "serve.toml"
            file.write_text(f"port = {port}\n{config}")
            url = running(Upstream(lambda body: "Hello there!").app)
            command = [sys.executable, "-m", "pilotage", "serve", "--config", file, "--memory", "none"]
            command += ["--model", "up", "--base-url", f"{url}/v1"]
            at = f"http://127.0.0.1:{port}"
            return stack.enter_context(started(command, f"{at}/health", env=environment(**variables))), at

        yield start


def ask(url):
    body = {"model": "pilotage", "messages": [{"role": "user", "content": ASKED}]}
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    httpx.post(f"{url}/v1/chat/completions", json=body, headers=headers, timeout=120).raise_for_status()


def test_spans_reach_a_collector_and_what_is_left_is_sent_at_the_end(served, receiver):
    # Nothing is sent before ten minutes are over, but at the end.
    process, url = served(f'[telemetry]\nendpoint = "{receiver.url}"', OTEL_BSP_SCHEDULE_DELAY="600000")
    ask(url)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) in ENDED
    assert receiver.names == ["POST /v1/chat/completions", "invoke_agent pilotage", "block answer", "chat up"]
    assert receiver.services == {"pilotage"} and set(receiver.paths) == {"/v1/traces"}
    assert {span.trace_id.hex() for span in receiver.spans} == {TRACE}
    assert receiver.wait_for("POST /v1/chat/completions").parent_span_id.hex() == PARENT
    call = attributes_of(receiver.wait_for("chat up"))
    assert call["gen_ai.request.model"] == "up" and call["gen_ai.provider.name"] == "openai"
    assert call["gen_ai.usage.input_tokens"] > 0 and call["server.address"] == "127.0.0.1"
    everything = b"".join(receiver.bodies)
    assert b"gooseberry" not in everything and b"Hello there" not in everything and KEY.encode() not in everything


def test_opentelemetrys_own_variables_do_as_well(served, receiver):
    process, url = served(
        "[telemetry]\ncontent = true",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_SERVICE_NAME="assistant",
        OTEL_BSP_SCHEDULE_DELAY="100",
    )
    ask(url)
    call = attributes_of(receiver.wait_for("chat up"))
    assert ASKED in call["gen_ai.input.messages"] and "Hello there!" in call["gen_ai.output.messages"]
    assert receiver.services == {"assistant"}
    assert KEY.encode() not in b"".join(receiver.bodies)


def test_a_collector_that_is_not_there_costs_no_reply(served):
    process, url = served('[telemetry]\nendpoint = "http://127.0.0.1:9"', OTEL_EXPORTER_OTLP_TIMEOUT="1")
    ask(url)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) in ENDED


@pytest.mark.parametrize(
    ("config", "variables", "told"),
    [
        ('endpoint = "collector:4318"', {}, "no address of a collector"),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "nowhere"}, "no address of a collector"),
        ('endpoint = "http://127.0.0.1:9"', {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "not by grpc"),
        ('endpiont = "http://127.0.0.1:9"', {}, "telemetry.endpiont"),
    ],
)
def test_what_cannot_be_sent_to_is_said_in_one_sentence(tmp_path, monkeypatch, config, variables, told):
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", CAPTURE):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "serve.toml"
    file.write_text(f"[telemetry]\n{config}")
    options = ["--config", str(file), "--memory", "none", "--model", "up", "--base-url", "http://127.0.0.1:9/v1"]
    result = CliRunner().invoke(app, ["serve", *options])
    assert result.exit_code == 2 or result.exception is not None
    assert told in f"{result.output}{result.exception}"
