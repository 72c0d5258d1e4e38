"""What programs do with the official client, each a test."""

import openai
import pytest
from pydantic import BaseModel

from tests.agent.chat.test_conversations import ASKED, scripted
from tests.agent.serve.responses.upstream import says

WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "Tells the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def test_a_response_is_whole(client):
    model = scripted()
    reply = client(model).responses.create(model="pilotage", input=ASKED, metadata={"a": "b"}, user="u")
    assert reply.id.startswith("resp_") and reply.object == "response" and reply.created_at > 1_700_000_000
    assert (reply.status, reply.error, reply.incomplete_details) == ("completed", None, None)
    assert (reply.model, reply.metadata, reply.user) == ("pilotage", {"a": "b"}, "u")
    assert [item.type for item in reply.output] == ["reasoning", "message"]
    assert "391" in reply.output[0].summary[0].text
    assert reply.output_text == "It is 391."
    counted = model.counted
    assert counted.llm_calls > 1
    assert reply.usage.input_tokens == counted.prompt_tokens
    assert reply.usage.output_tokens == counted.completion_tokens
    assert reply.usage.total_tokens == counted.total_tokens
    assert reply.usage.output_tokens_details.reasoning_tokens == counted.completion_tokens - 3


def test_a_request_limits_traces_and_silences_its_own_work(client):
    served, own = client(scripted()), {"budget": {"max_calls": 1}, "trace": True, "progress": False}
    whole = served.responses.create(model="pilotage", input=ASKED, extra_body={"pilotage": own})
    *_, last = served.responses.create(model="pilotage", input=ASKED, stream=True, extra_body={"pilotage": own})
    for reply in (whole, last.response):
        (run,) = reply.to_dict()["pilotage"]["runs"]
        assert run["usage"]["llm_calls"] == 2 and run["usage"]["prompt_tokens"] == reply.usage.input_tokens
        assert [item.type for item in reply.output] == ["message"]
    with pytest.raises(openai.BadRequestError, match="at most"):
        served.responses.create(model="pilotage", input="x", extra_body={"pilotage": {"budget": {"max_calls": 10**6}}})


def test_a_greeting_has_no_reasoning_and_so_has_nothing_where_progress_is_off(client):
    assert [item.type for item in client(scripted()).responses.create(model="pilotage", input="hi").output] == [
        "message"
    ]
    silent = client(scripted(), {"progress": False})
    assert [item.type for item in silent.responses.create(model="pilotage", input=ASKED).output] == ["message"]


def test_the_stream_helper_sees_the_text_and_the_response_that_is_kept(client):
    served = client(scripted())
    with served.responses.stream(model="pilotage", input=ASKED) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text == final.output_text == "It is 391."
    kept = served.responses.retrieve(final.id)
    assert kept.output_text == text and kept.usage == final.usage and kept.status == "completed"


def test_what_a_model_thinks_is_a_part_of_the_summary(client, endpoint):
    endpoint.plan = [says("Fine.", thinking="Let me see.")]
    served = client()
    whole = served.responses.create(model="pilotage", input="hi there")
    with served.responses.stream(model="pilotage", input="hi there") as stream:
        streamed = stream.get_final_response()
    for reply in (whole, streamed):
        assert [item.type for item in reply.output] == ["reasoning", "message"]
        assert [part.text for part in reply.output[0].summary] == ["Let me see."]
        assert reply.output_text == "Fine."
        assert (reply.usage.input_tokens, reply.usage.input_tokens_details.cached_tokens) == (11, 4)
        assert (reply.usage.output_tokens, reply.usage.output_tokens_details.reasoning_tokens) == (5, 2)


class Person(BaseModel):
    name: str
    age: int


def test_a_form_is_asked_for_and_parsed(client, endpoint):
    endpoint.plan = [says('{"name": "Ada", "age": 36}')]
    reply = client().responses.parse(model="pilotage", input="Who was it?", text_format=Person)
    assert reply.output_parsed == Person(name="Ada", age=36)
    form = endpoint.bodies[-1]["response_format"]
    assert form["type"] == "json_schema" and form["json_schema"]["name"] == "Person" and form["json_schema"]["strict"]
    assert "name" in form["json_schema"]["schema"]["properties"]
    assert reply.text.format.type == "json_schema"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_loop_of_tools(client, endpoint, streamed):
    endpoint.plan = [says("I look.", calls=[("call_1", "weather", '{"city": "Oslo"}')]), says("It rains.")]
    served = client()

    def ask(**more):
        asked = {"model": "pilotage", "tools": [WEATHER]} | more
        if not streamed:
            return served.responses.create(**asked)
        with served.responses.stream(**asked) as stream:
            return stream.get_final_response()

    first = ask(input="How is the weather in Oslo?", tool_choice="required", parallel_tool_calls=False)
    message, call = first.output
    assert (message.type, first.output_text, call.type) == ("message", "I look.", "function_call")
    assert (call.name, call.arguments, call.call_id, call.status) == (
        *("weather", '{"city": "Oslo"}', "call_1", "completed"),
    )
    sent = endpoint.bodies[-1]
    assert sent["tools"] == [{"type": "function", "function": {k: v for k, v in WEATHER.items() if k != "type"}}]
    assert (sent["tool_choice"], sent["parallel_tool_calls"]) == ("required", False)

    output = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
    second = ask(input=[output], previous_response_id=first.id)
    assert second.output_text == "It rains." and second.previous_response_id == first.id
    asked, called, result = endpoint.bodies[-1]["messages"]
    assert asked == {"role": "user", "content": "How is the weather in Oslo?"}
    assert (called["role"], called["content"]) == ("assistant", "I look.")
    assert called["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Oslo"}'}
    assert result == {"role": "tool", "tool_call_id": "call_1", "content": "rain"}


def test_a_loop_of_tools_whose_client_keeps_the_items(client, endpoint):
    endpoint.plan = [says(thinking="Hm.", calls=[("a", "weather", "{}"), ("b", "weather", "{}")]), says("Rain, sun.")]
    served, items = client(), [{"role": "user", "content": "The weather in Oslo and in Rome?"}]
    first = served.responses.create(model="pilotage", input=items, tools=[WEATHER], store=False)
    assert [item.type for item in first.output] == ["reasoning", "function_call", "function_call"]
    items += [item.to_dict() for item in first.output]
    items += [{"type": "function_call_output", "call_id": id, "output": id} for id in ("a", "b")]
    second = served.responses.create(model="pilotage", input=items, tools=[WEATHER], store=False)
    assert second.output_text == "Rain, sun."
    roles = [message["role"] for message in endpoint.bodies[-1]["messages"]]
    assert roles == ["user", "assistant", "tool", "tool"]
    assert "Hm." not in str(endpoint.bodies[-1]["messages"])


def test_functions_in_a_namespace_are_called_by_both_names(client, endpoint):
    endpoint.plan = [says(calls=[("1", "team__spawn", "{}")]), says("Done.")]
    spawn = {"type": "function", "name": "spawn", "description": "Starts one.", "strict": False, "parameters": {}}
    tools = [{"type": "namespace", "name": "team", "description": "A team.", "tools": [spawn]}]
    served = client()
    first = served.responses.create(model="pilotage", input="Start one, please.", tools=tools)
    (call,) = first.output
    assert (call.namespace, call.name) == ("team", "spawn")
    (sent,) = endpoint.bodies[-1]["tools"]
    assert sent["function"]["name"] == "team__spawn"
    assert sent["function"]["description"] == "A team.\n\nStarts one."
    output = {"type": "function_call_output", "call_id": "1", "output": "ok"}
    served.responses.create(model="pilotage", input=[output], tools=tools, previous_response_id=first.id)
    assert endpoint.bodies[-1]["messages"][1]["tool_calls"][0]["function"]["name"] == "team__spawn"


def test_only_allowed_functions_are_offered(client, endpoint):
    other = WEATHER | {"name": "other"}
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "other"}]}
    reply = client().responses.create(model="pilotage", input="hi", tools=[WEATHER, other], tool_choice=allowed)
    assert [tool["function"]["name"] for tool in endpoint.bodies[-1]["tools"]] == ["other"]
    assert endpoint.bodies[-1]["tool_choice"] == "required"
    assert [tool.name for tool in reply.tools] == ["weather", "other"]
    assert reply.tool_choice.to_dict() == allowed


def test_a_response_continues_another_without_its_instructions(client, endpoint):
    endpoint.plan = [says("Hello Ada."), says("Ada."), says("Yes.")]
    served = client()
    first = served.responses.create(model="pilotage", input="I am Ada.", instructions="Be brief.")
    second = served.responses.create(
        model="pilotage", input="Who am I?", instructions="Be kind.", previous_response_id=first.id
    )
    third = served.responses.create(model="pilotage", input="Sure?", previous_response_id=second.id)
    texts = [(message["role"], message["content"]) for message in endpoint.bodies[-1]["messages"]]
    assert texts == [
        *(("user", "I am Ada."), ("assistant", "Hello Ada."), ("user", "Who am I?"), ("assistant", "Ada.")),
        ("user", "Sure?"),
    ]
    assert endpoint.bodies[-2]["messages"][0] == {"role": "system", "content": "Be kind."}
    listed = served.responses.input_items.list(third.id, order="asc", limit=2)
    assert listed.has_more and [item.role for item in listed] == ["user", "assistant", "user", "assistant", "user"]
    assert [item.content[0].text for item in served.responses.input_items.list(third.id)][0] == "Sure?"


def test_a_response_is_fetched_and_deleted(client):
    served = client(scripted())
    first = served.responses.create(model="pilotage", input="hi", metadata={"k": "v"})
    second = served.responses.create(model="pilotage", input="hi again", previous_response_id=first.id)
    assert served.responses.retrieve(first.id) == first
    served.responses.delete(first.id)
    for call in (
        lambda: served.responses.retrieve(first.id),
        lambda: served.responses.delete(first.id),
        lambda: served.responses.cancel(first.id),
        lambda: served.responses.input_items.list(first.id),
        lambda: served.responses.create(model="pilotage", input="x", previous_response_id=first.id),
        lambda: served.responses.create(model="pilotage", input="x", previous_response_id=second.id),
    ):
        with pytest.raises(openai.NotFoundError) as refused:
            call()
        assert refused.value.type == "invalid_request_error" and first.id[:5] in refused.value.message
    assert served.responses.retrieve(second.id) == second


def test_an_unknown_previous_response_is_told_as_openai_does(client):
    with pytest.raises(openai.NotFoundError) as refused:
        client(scripted()).responses.create(model="pilotage", input="x", previous_response_id="resp_no", stream=True)
    assert refused.value.body == {
        "message": "Previous response with id 'resp_no' not found.",
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
    }


def test_nothing_is_kept_that_is_not_to_be_kept(client, tmp_path):
    served = client(scripted())
    reply = served.responses.create(model="pilotage", input="hi", store=False)
    assert reply.to_dict()["store"] is False
    assert not (tmp_path / "responses.sqlite").exists()
    with pytest.raises(openai.NotFoundError):
        served.responses.retrieve(reply.id)


def test_items_are_named_instead_of_sent(client, endpoint):
    endpoint.plan = [says("Noted.", thinking="Hm."), says("Ada.")]
    served = client()
    first = served.responses.create(model="pilotage", input="I am Ada.")
    items = [{"role": "user", "content": "I am Ada."}, *({"type": "item_reference", "id": i.id} for i in first.output)]
    served.responses.create(model="pilotage", input=[*items, {"role": "user", "content": "Who am I?"}])
    assert [m["content"] for m in endpoint.bodies[-1]["messages"]] == ["I am Ada.", "Noted.", "Who am I?"]
    with pytest.raises(openai.NotFoundError) as refused:
        served.responses.create(model="pilotage", input=[{"id": "msg_none"}])
    assert refused.value.param == "input.0.id"


def test_pages_of_items_and_what_no_page_has(client, http):
    served = client(scripted())
    items = [{"role": "user", "content": str(number)} for number in range(5)]
    id = served.responses.create(model="pilotage", input=items).id
    first = served.responses.input_items.list(id, limit=2)
    assert [item.content[0].text for item in first.data] == ["4", "3"]
    assert first.has_more and (first.first_id, first.last_id) == (first.data[0].id, first.data[1].id)
    rest = served.responses.input_items.list(id, limit=100, after=first.last_id, order="desc")
    assert [item.content[0].text for item in rest.data] == ["2", "1", "0"] and not rest.has_more
    plain, path = http(scripted()), f"/v1/responses/{id}"
    for query, param in (
        *(
            ("input_items?limit=0", "limit"),
            ("input_items?limit=101", "limit"),
            (f"input_items?limit={'9' * 5000}", "limit"),
        ),
        *(("input_items?order=up", "order"), ("input_items?after=x", "after"), ("input_items?include=x", "include")),
    ):
        reply = plain.get(f"{path}/{query}")
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
    for query, param in (("stream=true", "stream"), ("include[]=message.output_text.logprobs", "include")):
        reply = plain.get(f"{path}?{query}")
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


def test_only_what_runs_in_the_background_is_cancelled(client):
    served = client(scripted())
    reply = served.responses.create(model="pilotage", input="hi")
    with pytest.raises(openai.BadRequestError, match="background"):
        served.responses.cancel(reply.id)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_reply_that_was_cut_is_incomplete(client, streamed):
    served = client(scripted(plain="one two three four"))
    asked = {"model": "pilotage", "input": "hi", "max_output_tokens": 2}
    if streamed:
        *_, last = served.responses.create(**asked, stream=True)
        assert last.type == "response.incomplete"
        reply = last.response
    else:
        reply = served.responses.create(**asked)
    assert (reply.status, reply.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert (reply.output_text, reply.output[-1].status, reply.max_output_tokens) == ("one two", "incomplete", 2)
    assert served.responses.retrieve(reply.id).status == "incomplete"


def test_images_and_options_reach_the_upstream(client, endpoint):
    parts = [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
    ]
    client().responses.create(
        model="pilotage",
        input=[{"role": "user", "content": parts}],
        temperature=0.5,
        top_p=0.9,
        reasoning={"effort": "low", "summary": "auto"},
        text={"verbosity": "low"},
        extra_body={"presence_penalty": 0.5},
    )
    sent = endpoint.bodies[-1]
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "auto"}}
    assert sent["messages"][0]["content"] == [{"type": "text", "text": "What is it?"}, image]
    assert (sent["temperature"], sent["top_p"], sent["presence_penalty"]) == (0.5, 0.9, 0.5)
    assert (sent["reasoning_effort"], sent["verbosity"]) == ("low", "low")


def test_a_request_is_passed_through_whole(client, endpoint):
    endpoint.plan = [endpoint.raw(b'{"id": "resp_theirs", "object": "response", "output": []}', "application/json")]
    tools = [{"type": "web_search"}]
    reply = client().responses.create(model="passthrough", input="hi", tools=tools, background=True)
    assert reply.id == "resp_theirs"
    assert endpoint.bodies[-1] == {"model": "m", "input": "hi", "tools": tools, "background": True}
