"""What Prometheus is told."""

import re

import pytest

from tests.agent.chat.test_conversations import ASKED, scripted
from tests.agent.serve.test_chat_completions import ask, chunks_of


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
