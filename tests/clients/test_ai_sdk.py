"""The AI SDK, by its provider for OpenAI and by the one for Open Responses."""

import json
import subprocess

import pytest

from tests.agent.serve.responses.upstream import says
from tests.clients.conftest import HERE


@pytest.mark.parametrize("provider", ["openai", "open-responses"])
def test_text_tools_streams_and_forms(url, endpoint, provider):
    call = says(thinking="Which city?", calls=[("call_1", "weather", '{"city": "Oslo"}')])
    hello = says("Hello there.", thinking="Short.")
    endpoint.plan = [hello, says("Again."), *(2 * [call, says("It rains.")]), says('{"name": "Ada", "age": 36}')]
    done = subprocess.run(
        ["node", HERE / "ai_sdk.mjs", url, provider], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "whole": "Hello there.",
        "next": "Again.",
        "tokens": 16,
        "looped": "It rains.",
        "steps": 2,
        "pieces": "It rains.",
        "thought": "Which city?",
        "object": {"name": "Ada", "age": 36},
        "warnings": [],
    }
    told = [message["content"] for message in endpoint.bodies[1]["messages"]]
    assert told == ["hi there", "Hello there.", "and again"]
    result = endpoint.bodies[-2]["messages"][-1]
    assert result == {"role": "tool", "tool_call_id": "call_1", "content": "Oslo: rain"}
