"""LangChain's client of the Responses API."""

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI

from tests.agent.serve.responses.upstream import says

WEATHER = {
    "title": "weather",
    "description": "Tells the weather.",
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}


@pytest.mark.parametrize("previous", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_loop_of_tools(http, endpoint, streamed, previous):
    endpoint.plan = [
        says("I look.", thinking="Which city?", calls=[("call_1", "weather", '{"city": "Oslo"}')]),
        says("It rains."),
    ]
    client = http()
    model = ChatOpenAI(
        model="pilotage",
        base_url=f"{str(client.base_url).rstrip('/')}/v1",
        http_client=client,
        api_key="none",
        use_responses_api=True,
        use_previous_response_id=previous,
        output_version="responses/v1",
        streaming=streamed,
        max_retries=0,
    ).bind_tools([WEATHER])
    messages = [HumanMessage("How is the weather in Oslo?")]
    first = model.invoke(messages)
    assert first.text == "I look."
    (call,) = first.tool_calls
    assert (call["name"], call["args"], call["id"]) == ("weather", {"city": "Oslo"}, "call_1")
    assert first.usage_metadata["input_tokens"] == 11
    assert first.usage_metadata["output_token_details"]["reasoning"] == 2
    assert any(part["type"] == "reasoning" for part in first.content)
    second = model.invoke([*messages, first, ToolMessage("rain", tool_call_id="call_1")])
    assert second.text == "It rains."
    sent = endpoint.bodies[-1]["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
    assert (sent[1]["content"], sent[2]["content"]) == ("I look.", "rain")
