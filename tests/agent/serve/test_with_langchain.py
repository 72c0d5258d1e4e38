"""LangChain's client of chat completions; that of the Responses API is in `responses/test_with_langchain.py`."""

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from tests.agent.chat.test_conversations import ASKED
from tests.agent.serve.test_over_an_upstream import billed, working
from tests.agent.serve.upstream import Line


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


ADA = '{"name": "Ada", "age": 36}'


@pytest.fixture
def chat(over):
    """LangChain's client of a server over an upstream; and the upstream."""

    def start(script, **options):
        upstream, http = over(script)
        url = f"{str(http.base_url).rstrip('/')}/v1"
        own = {"base_url": url, "api_key": "none", "max_retries": 0, "http_client": http}
        return upstream, ChatOpenAI(model="pilotage", **own, **options)

    return start


def tokens(message):
    return message.usage_metadata["input_tokens"], message.usage_metadata["output_tokens"]


def test_a_question_is_worked_out_and_its_work_left_out(chat):
    upstream, model = chat(working)
    message = model.invoke(ASKED)
    assert message.text == "It is 391."
    assert "reasoning_content" not in message.additional_kwargs  # ChatOpenAI knows none: docs/clients.md says so
    assert message.response_metadata["finish_reason"] == "stop"
    assert tokens(message) == billed(upstream)
    assert message.usage_metadata["output_token_details"]["reasoning"] > 0


def test_a_stream_with_its_usage(chat):
    upstream, model = chat(working, stream_usage=True)
    chunks = list(model.stream(ASKED))
    assert "".join(chunk.text for chunk in chunks) == "It is 391."
    assert sum(chunk.text != "" for chunk in chunks) == 3
    (counted,) = [tokens(chunk) for chunk in chunks if chunk.usage_metadata]
    assert counted == billed(upstream)


async def test_the_asynchronous_stream(chat):
    _, model = chat(working)
    assert "".join([chunk.text async for chunk in model.astream(ASKED)]) == "It is 391."


@pytest.mark.parametrize("streaming", [False, True])
def test_a_loop_of_tools(chat, streaming):
    def script(body):
        return "It rains." if body["messages"][-1]["role"] == "tool" else Line(calls=[("weather", '{"city": "Oslo"}')])

    def weather(city: str) -> str:
        """Tells the weather."""
        return f"{city}: rain"

    upstream, model = chat(script, streaming=streaming)
    bound = model.bind_tools([weather])
    messages = [HumanMessage("How is the weather in Oslo?")]
    first = bound.invoke(messages)
    (call,) = first.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Oslo"})
    second = bound.invoke([*messages, first, ToolMessage("rain", tool_call_id=call["id"])])
    assert second.text == "It rains."
    assert [message["role"] for message in upstream.bodies[-1]["messages"]] == ["user", "assistant", "tool"]


@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
def test_structured_output(chat, method):
    upstream, model = chat(lambda body: Line(calls=[("Person", ADA)]) if "tools" in body else ADA)
    form = model.with_structured_output(Person, method=method)
    assert form.invoke("Who was it? Reply in JSON.") == Person(name="Ada", age=36)
    sent = upstream.bodies[-1]
    assert ("tools" in sent) is (method == "function_calling")
    assert ("response_format" in sent) is (method != "function_calling")
