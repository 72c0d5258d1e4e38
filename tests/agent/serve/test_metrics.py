"""What Prometheus is told."""

import re

import pytest

from tests.agent.chat.test_conversations import ASKED, scripted
from tests.agent.serve.test_chat_completions import ask, chunks_of
from tests.agent.serve.upstream import Line


def told(client, name):
    """The series of a metric, by their labels."""
    found = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", client.get("/metrics").text, re.M)
    return {labels: float(value) for labels, value in found}


def test_requests_and_what_they_cost_are_counted(serve):
    model = scripted()
    client = serve(model)
    ask(client, ASKED)
    chunks_of(client)
    ask(client, model="nothing")
    for path in ("/one", "/two", "/three"):
        client.get(path)
    requests = told(client, "pilotage_requests_total")
    assert requests['route="/v1/chat/completions",status="200"'] == 2
    assert requests['route="/v1/chat/completions",status="404"'] == 1
    assert requests['route="other",status="404"'] == 3
    tokens = told(client, "pilotage_tokens_total")
    assert tokens['kind="completion",upstream="default"'] == model.counted.completion_tokens
    assert tokens['kind="prompt",upstream="default"'] == model.counted.prompt_tokens
    assert told(client, "pilotage_upstream_calls_total") == {'upstream="default"': model.counted.llm_calls}
    assert told(client, "pilotage_runs_total") == {
        'stopped_by="answer",thought="true"': 1,
        'stopped_by="answer",thought="false"': 1,
    }


@pytest.mark.parametrize("stream", [False, True])
def test_responses_are_counted_too(serve, tmp_path, stream):
    model = scripted()
    client = serve(model, {"responses_file": tmp_path / "responses.sqlite"})
    client.post("/v1/responses", json={"model": "pilotage", "input": ASKED, "stream": stream}).raise_for_status()
    assert told(client, "pilotage_upstream_calls_total") == {'upstream="default"': model.counted.llm_calls}


def spent(client):
    tokens = told(client, "pilotage_tokens_total")
    kinds = ("prompt", "cached", "completion")
    return tuple(tokens.get(f'kind="{kind}",upstream="default"', 0) for kind in kinds)


def owed(upstream):
    return upstream.prompt_tokens, upstream.cached_tokens, upstream.completion_tokens


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["pilotage", "passthrough"])
def test_what_an_upstream_bills_is_counted_on_every_way(over, path, stream, model):
    upstream, client = over(lambda body: Line("Hello there!", thinking="well"))
    body = {"model": model, "stream": stream}
    if path == "/v1/responses":
        body |= {"input": "hi there"}
    else:
        body |= {"messages": [{"role": "user", "content": "hi there"}]}
        body |= {"stream_options": {"include_usage": True}} if stream else {}
    client.post(path, json=body).raise_for_status()
    assert told(client, "pilotage_upstream_calls_total") == {'upstream="default"': 1}
    if (path, model) == ("/v1/responses", "passthrough"):  # that upstream keeps no ledger of it
        assert spent(client) == (3, 0, 2)
    else:
        assert spent(client) == owed(upstream)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_run_whose_thinking_took_its_limit_is_counted(over, path, stream):
    upstream, client = over(lambda body: Line("", thinking="a b c d e f", finish="length"))
    limit = {"max_output_tokens": 6, "input": "hi"} if path == "/v1/responses" else {"max_tokens": 6}
    if path != "/v1/responses":
        limit["messages"] = [{"role": "user", "content": "hi"}]
    client.post(path, json={"model": "pilotage", "stream": stream, **limit})
    assert spent(client) == owed(upstream) and upstream.completion_tokens > 0
    assert told(client, "pilotage_runs_total") == {'stopped_by="error",thought="false"': 1}


@pytest.mark.parametrize("fault", [400, 503])
def test_what_blocks_cost_before_a_request_failed_is_counted(over, fault):
    def line(body):
        last = str(body["messages"][-1]["content"])
        return Line("It is 391.") if "Python program" in last or "step by step" in last else Line(fault=fault)

    upstream, client = over(line)
    body = {"model": "pilotage:reason", "messages": [{"role": "user", "content": ASKED}]}
    assert client.post("/v1/chat/completions", json=body).status_code == fault
    assert upstream.completion_tokens > 0 and spent(client) == owed(upstream)
