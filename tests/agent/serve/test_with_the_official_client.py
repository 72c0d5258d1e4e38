"""What programs do with the official client of chat completions, each a test; see also `test_over_an_upstream.py`."""

import openai
import pytest
from pydantic import BaseModel

from tests.agent.chat.test_conversations import TOOLS
from tests.agent.serve.test_over_an_upstream import HELLO, QUESTION, billed, client_of, told, working
from tests.agent.serve.upstream import Line


class Person(BaseModel):
    name: str
    age: int


def test_the_stream_helper_sees_each_event_and_the_whole(over):
    upstream, http = over(working)
    with client_of(http).chat.completions.stream(
        model="pilotage", messages=QUESTION, stream_options={"include_usage": True}
    ) as stream:
        events = list(stream)
        final = stream.get_final_completion()
    text = "".join(event.delta for event in events if event.type == "content.delta")
    assert text == final.choices[0].message.content == "It is 391."
    assert [event.content for event in events if event.type == "content.done"] == [text]
    assert final.choices[0].finish_reason == "stop"
    assert told(final.usage) == billed(upstream)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_form_is_asked_for_and_parsed(over, streamed):
    upstream, http = over(lambda body: '{"name": "Ada", "age": 36}')
    completions, asked = client_of(http).chat.completions, {"model": "pilotage", "messages": HELLO}
    if streamed:
        with completions.stream(response_format=Person, **asked) as stream:
            reply = stream.get_final_completion()
    else:
        reply = completions.parse(response_format=Person, **asked)
    assert reply.choices[0].message.parsed == Person(name="Ada", age=36)
    form = upstream.bodies[-1]["response_format"]
    assert form["type"] == "json_schema" and form["json_schema"]["strict"]


def test_a_form_that_was_cut_is_told_as_that(over):
    _, http = over(lambda body: '{"name": "Ada", "age": 36}')
    with pytest.raises(openai.LengthFinishReasonError):
        client_of(http).chat.completions.parse(
            model="pilotage", messages=HELLO, response_format=Person, max_completion_tokens=2
        )


def test_a_tool_of_a_class_is_called_with_parsed_arguments(over):
    _, http = over(lambda body: Line(calls=[("Person", '{"name": "Ada", "age": 36}')]))
    reply = client_of(http).chat.completions.parse(
        model="pilotage", messages=HELLO, tools=[openai.pydantic_function_tool(Person)]
    )
    (call,) = reply.choices[0].message.tool_calls
    assert call.function.parsed_arguments == Person(name="Ada", age=36)


async def test_the_asynchronous_client(over):
    upstream, http = over(lambda body: Line(calls=[("weather", "{}")]) if "tools" in body else working(body))
    url = f"{http.base_url}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=60) as client:
        whole = await client.chat.completions.create(model="pilotage", messages=QUESTION)
        assert whole.choices[0].message.content == "It is 391."
        assert told(whole.usage) == billed(upstream)
        stream = await client.chat.completions.create(model="pilotage", messages=QUESTION, stream=True)
        deltas = [chunk.choices[0].delta async for chunk in stream]
        assert "".join(delta.content or "" for delta in deltas) == "It is 391."
        assert "391" in "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
        async with client.chat.completions.stream(model="pilotage", messages=HELLO, tools=TOOLS) as events:
            called = await events.get_final_completion()
        assert [call.function.name for call in called.choices[0].message.tool_calls] == ["weather"]
        assert [model.id async for model in client.models.list()][0] == "pilotage"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (400, openai.BadRequestError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_an_upstreams_refusal_is_the_clients_own_kind_of_error(over, fault, kind):
    _, http = over(lambda body: Line(fault=fault))
    with pytest.raises(kind, match=f"upstream says {fault}"):
        client_of(http).chat.completions.create(model="pilotage", messages=HELLO)


def test_a_key_of_the_servers_that_is_refused_is_not_the_clients(over):
    _, http = over(lambda body: Line(fault=401))
    with pytest.raises(openai.InternalServerError, match="refused the key or the account of this server") as failed:
        client_of(http).chat.completions.create(model="pilotage", messages=HELLO)
    assert failed.value.status_code == 502
    assert failed.value.code == "upstream_refused_its_key"
