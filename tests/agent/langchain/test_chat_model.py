"""The chat model by itself: what it is made of, what it takes, and what its replies tell, whole and as they come."""

import asyncio
import gc
import json
from typing import TypedDict

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import ConfigurableField
from langchain_core.tracers import BaseTracer
from pydantic import BaseModel

import pilotage
from pilotage.agent import ReasoningAgent, ScriptedChatModel
from pilotage.agent.errors import AgentClosed, UnsupportedParameter, UsageError
from pilotage.agent.langchain.chat_model import PilotageChatModel
from tests.agent.langchain.upstream import ENDLESS
from tests.agent.states import always_right

SUM = "What is 6 times 7?"


def summed(chunks):
    return sum(chunks[1:], chunks[0])


def test_it_is_a_public_name():
    assert pilotage.PilotageChatModel is pilotage.agent.PilotageChatModel is PilotageChatModel


# What it is made of


def test_it_takes_a_model_object_or_an_agent_that_is_there():
    scripted = ScriptedChatModel(always_right)
    with ReasoningAgent(scripted, sandbox="none") as agent:
        assert PilotageChatModel(agent=agent).agent is agent
    assert PilotageChatModel(scripted, policy="rules", sandbox="none").model_name == "pilotage:scripted"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"temprature": 1}, "`temprature` is no argument"),
        ({"checkpoints": "x"}, "`checkpoints` is no argument"),
        ({"api_key": "k"}, "`api_key` goes with `base_url`"),
        ({"model_kwargs": {"frobnicate": 1}}, "`frobnicate` is no option of a reply"),
        ({"policy": "nothing"}, "nothing"),
    ],
)
def test_what_it_cannot_be_made_of_is_said_in_a_sentence(given, sentence):
    with pytest.raises(UsageError, match=sentence):
        PilotageChatModel(
            "scripted:nowhere.json" if "policy" not in given else ScriptedChatModel(always_right), **given
        )


def test_arguments_of_an_agent_beside_an_agent_are_refused():
    with ReasoningAgent(ScriptedChatModel(always_right), sandbox="none") as agent:
        with pytest.raises(UsageError, match="`policy` is for an agent that is yet to be made"):
            PilotageChatModel(agent=agent, policy="rules")
    with pytest.raises(UsageError, match="`timeout` is for a model string"):
        PilotageChatModel(ScriptedChatModel(always_right), timeout=3)


def test_neither_its_text_nor_its_parameters_hold_the_key(make_model):
    model = make_model(api_key="sk-very-secret-key-0123456789")
    assert "secret" not in repr(model) + str(model.asdict()) + json.dumps(model._serialized)


def test_fields_can_be_configured_for_one_call_over_the_same_agent(make_model, upstream):
    model = make_model().configurable_fields(temperature=ConfigurableField(id="heat"))
    model.invoke("Hello", {"configurable": {"heat": 0.5}})
    assert upstream.asked[-1]["temperature"] == 0.5


# What it takes


def test_options_reach_the_reply_and_no_block(make_model, upstream):
    model = make_model(temperature=0.25, max_tokens=50, stop=["END"], model_kwargs={"top_p": 0.5})
    model.invoke(SUM, seed=3, presence_penalty=1.0)
    *blocks, reply = upstream.asked
    assert len(blocks) == 1
    wanted = {"temperature": 0.25, "max_tokens": 50, "stop": ["END"], "top_p": 0.5, "seed": 3, "presence_penalty": 1.0}
    assert wanted.items() <= reply.items()
    assert not {"stop", "top_p", "presence_penalty"} & blocks[0].keys()
    assert blocks[0]["temperature"] == 0


def test_the_options_of_a_call_go_over_those_of_the_model(make_model, upstream):
    model = make_model(temperature=0.25, stop=["END"])
    model.invoke("Hello", stop=["are"], temperature=1.0, max_completion_tokens=9)
    assert {"temperature": 1.0, "stop": ["are"], "max_tokens": 9}.items() <= upstream.asked[-1].items()
    assert model.invoke("Hello", stop=["how"]).text.strip() == "Hello, and"


@pytest.mark.parametrize("name", ["frobnicate", "n", "logprobs", "model", "functions"])
async def test_an_unknown_option_is_refused_by_name_before_anything_is_asked(make_model, upstream, name):
    model = make_model()
    with pytest.raises(UnsupportedParameter, match=f"`{name}` is no option of a reply"):
        model.invoke("Hello", **{name: 2})
    with pytest.raises(UnsupportedParameter) as refused:
        _ = [chunk async for chunk in model.astream("Hello", **{name: 2})]
    assert refused.value.parameter == name
    assert not upstream.asked


def test_a_value_that_an_option_cannot_have_is_refused(make_model, upstream):
    with pytest.raises(UsageError, match="temperature"):
        make_model().invoke("Hello", temperature=-1)
    with pytest.raises(UsageError, match="for a class use `with_structured_output`"):
        make_model().invoke("Hello", response_format=Joke)
    with pytest.raises(UsageError, match="'other', which is not on offer: look"):
        make_model().bind_tools([look], tool_choice="other").invoke("Hello")
    assert not upstream.asked


def look(place: str) -> str:
    """Looks at a place."""
    return place


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("any", "required"),
        (True, "required"),
        ("auto", "auto"),
        ("none", "none"),
        ("look", {"type": "function", "function": {"name": "look"}}),
        ({"type": "function", "function": {"name": "look"}}, {"type": "function", "function": {"name": "look"}}),
    ],
)
def test_tools_and_how_to_choose_among_them_are_sent_in_the_words_of_openai(make_model, upstream, choice, sent):
    make_model().bind_tools([look], tool_choice=choice, parallel_tool_calls=False, strict=True).invoke("Hello")
    asked = upstream.asked[-1]
    assert asked["tool_choice"] == sent
    assert asked["parallel_tool_calls"] is False
    assert asked["tools"][0]["function"]["name"] == "look"
    assert asked["tools"][0]["function"]["strict"] is True


def test_tools_of_one_call_may_be_functions(make_model, upstream):
    reply = make_model().invoke("Look at 'sea'.", tools=[look], tool_choice="look")
    assert reply.tool_calls[0]["args"] == {"place": "sea"}


def test_langchains_cache_tells_models_and_options_apart(make_model, upstream):
    model, cache = make_model("fixed:answer"), InMemoryCache()
    model.cache = cache
    again = make_model("fixed:answer", temperature=0.5)
    again.cache = cache
    assert model.invoke("Hello").text == model.invoke("Hello").text
    assert len(upstream.asked) == 1
    model.invoke("Hello", seed=2)
    again.invoke("Hello")
    assert len(upstream.asked) == 3


def test_what_is_no_text_goes_to_the_model_behind_as_it_is(make_model, upstream):
    image = {"type": "image", "base64": "QUJD", "mime_type": "image/png"}
    make_model().invoke([HumanMessage([{"type": "text", "text": "What is this?"}, image])])
    (asked,) = upstream.asked
    url = {"url": "data:image/png;base64,QUJD"}
    assert asked["messages"][-1]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": url},
    ]


def test_thinking_and_calls_among_content_blocks_are_not_sent_as_text(make_model, upstream):
    call = {"type": "tool_call", "id": "c1", "name": "look", "args": {"place": "sea"}}
    blocks = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "I look."}, call]
    bad = {"type": "invalid_tool_call", "id": "c2", "name": "look", "args": "{oops", "error": None}
    said = AIMessage(blocks, tool_calls=[call], invalid_tool_calls=[bad])
    results = [ToolMessage("blue", tool_call_id="c1"), ToolMessage("what?", tool_call_id="c2", status="error")]
    make_model().bind_tools([look]).invoke([HumanMessage("What colour is it there?"), said, *results])
    sent = upstream.asked[-1]["messages"][1]
    assert sent["content"] == "I look."
    assert [call["id"] for call in sent["tool_calls"]] == ["c1", "c2"]
    assert sent["tool_calls"][1]["function"]["arguments"] == "{oops"


# What its replies tell


async def test_a_whole_reply_tells_how_it_came_about(make_model, upstream):
    model = make_model()
    for reply in (model.invoke(SUM), await model.ainvoke(SUM)):
        assert "42" in reply.text
        about = reply.response_metadata
        assert about["route"] == ["reason", "answer"]
        assert (about["finish_reason"], about["stopped_by"], about["llm_calls"]) == ("stop", "answer", 2)
        assert about["verified"] is False
        assert about["model_name"] == "pilotage:m"
        assert json.loads(json.dumps(about)) == about, "any checkpointer can keep it"
        usage = reply.usage_metadata
        assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (40, 10, 50)
        assert usage["input_token_details"] == {"cache_read": 16}
        assert usage["output_token_details"] == {"reasoning": 7}, "what a block wrote is not seen as text"
        assert [block["type"] for block in reply.content_blocks] == ["reasoning", "text"]
        assert "→ 42" in reply.additional_kwargs["reasoning_content"]
    assert len(upstream.asked) == 4


@pytest.mark.parametrize("version", ["v0", "v1"])
async def test_a_stream_adds_up_to_the_whole_reply(make_model, version):
    model = make_model(output_version=version)
    whole = model.invoke(SUM)
    for chunks in ([*model.stream(SUM)], [chunk async for chunk in model.astream(SUM)]):
        full = summed(chunks)
        assert full.text == whole.text
        assert [block["type"] for block in full.content_blocks] == ["reasoning", "text"]
        assert full.usage_metadata == whole.usage_metadata
        assert sum(chunk.usage_metadata is not None for chunk in chunks) == 1
        kept = {"route", "finish_reason", "stopped_by", "verified", "model_name"}
        assert {name: full.response_metadata[name] for name in kept} == {n: whole.response_metadata[n] for n in kept}
        texts = [chunk.text for chunk in chunks if chunk.text]
        assert len(texts) > 3, "word by word"
        assert chunks[-1].chunk_position == "last"


def test_progress_can_be_left_out(make_model):
    model = make_model(progress=False)
    assert "reasoning_content" not in model.invoke(SUM).additional_kwargs
    assert "reasoning_content" not in summed([*model.stream(SUM)]).additional_kwargs


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_several_calls_of_tools_come_whole_in_a_stream(make_model, version):
    model = make_model(output_version=version).bind_tools([look], tool_choice="any")
    asked = f"{SUM} Look at both: 'sea' and 'hill'."
    for reply in (summed([*model.stream(asked)]), model.invoke(asked)):
        assert [call["args"] for call in reply.tool_calls] == [{"place": "sea"}, {"place": "hill"}]
        assert [block["type"] for block in reply.content_blocks] == ["reasoning", "tool_call", "tool_call"]
        assert reply.response_metadata["finish_reason"] == "tool_calls"


def test_arguments_that_are_no_json_make_an_invalid_call(make_model):
    model = make_model("fixed:answer").bind_tools([look], tool_choice="any")
    reply = model.invoke("Look badly at both: 'sea' and 'hill'.")
    assert [call["args"] for call in reply.tool_calls] == [{"place": "sea"}]
    assert [call["args"] for call in reply.invalid_tool_calls] == ["[oops"]


# Forms


class Joke(BaseModel):
    """A joke."""

    setup: str
    laughs: int


class JokeDict(TypedDict):
    """A joke."""

    setup: str
    laughs: int


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
async def test_a_reply_comes_in_a_form(make_model, upstream, method):
    model = make_model()
    asked = "Tell me a joke on 'cats' with 3 laughs."
    as_class, as_dict = (model.with_structured_output(one, method=method) for one in (Joke, JokeDict))
    assert as_class.invoke(asked) == await as_class.ainvoke(asked) == Joke(setup="cats", laughs=3)
    assert as_dict.invoke(asked) == {"setup": "cats", "laughs": 3}
    assert [*as_dict.stream(asked)][-1] == {"setup": "cats", "laughs": 3}
    by_form = "response_format" in upstream.asked[-1]
    assert by_form == (method == "json_schema")


def test_a_form_that_cannot_be_parsed_is_told_beside_the_raw_reply(make_model):
    model = make_model().with_structured_output(Joke, method="json_mode", include_raw=True)
    told = model.invoke("Say something with 'other' keys.")
    assert told["parsed"] is None
    assert "laughs" in str(told["parsing_error"])
    assert json.loads(told["raw"].text) == {"other": "something"}


def test_a_form_needs_a_schema_and_a_known_method(make_model):
    with pytest.raises(UsageError, match="needs a schema"):
        make_model().with_structured_output(None)
    with pytest.raises(UsageError, match="there is no method 'xml'"):
        make_model().with_structured_output(Joke, method="xml")


def test_a_form_is_kept_where_the_result_was_worked_out_first(make_model, upstream):
    model = make_model().with_structured_output(Joke)
    assert model.invoke(SUM).laughs == 6
    assert len(upstream.asked) == 2
    assert "tools" not in upstream.asked[0]


# Who watches


class Heard(BaseCallbackHandler):
    def __init__(self):
        self.starts, self.tokens, self.ends = [], [], 0

    def on_chat_model_start(self, serialized, messages, *, run_id, parent_run_id=None, **_):
        self.starts.append((run_id, parent_run_id))

    def on_llm_new_token(self, token, **_):
        self.tokens.append(token)

    def on_llm_end(self, response, **_):
        self.ends += 1


class HeardLater(AsyncCallbackHandler):
    def __init__(self):
        self.tokens = []

    async def on_llm_new_token(self, token, **_):
        self.tokens.append(token)


class Traced(BaseTracer):
    """Keeps the runs of chat models, with how deep they lie."""

    def __init__(self):
        super().__init__()
        self.roots = []

    def _persist_run(self, run):
        self.roots.append(run)


def chat_models_in(run):
    here = [run] if run.run_type in ("llm", "chat_model") else []
    return here + [found for child in run.child_runs for found in chat_models_in(child)]


async def test_callbacks_see_one_call_and_each_token_once(make_model):
    model = make_model()
    heard, later, usage = Heard(), HeardLater(), UsageMetadataCallbackHandler()
    text = "".join([chunk.text async for chunk in model.astream(SUM, {"callbacks": [heard, later, usage]})])
    assert "".join(heard.tokens) == "".join(later.tokens) == text
    assert (len(heard.starts), heard.ends) == (1, 1)
    model.invoke(SUM, {"callbacks": [heard, usage]})
    assert (len(heard.starts), heard.ends) == (2, 2)
    assert usage.usage_metadata["pilotage:m"]["total_tokens"] == 100, "both calls, each counted once"


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])
async def test_tracers_see_the_calls_inside_below_the_call(make_model, how):
    tracer = Traced()
    await asked(make_model(), how, {"callbacks": [tracer], "tags": ["mine"], "metadata": {"user": "ada"}})
    (root,) = tracer.roots
    outer, *inner = chat_models_in(root)
    assert outer is root
    assert len(inner) == 2
    assert all("mine" in run.tags and run.metadata["user"] == "ada" for run in inner)


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])
async def test_all_callbacks_hear_of_the_calls_inside_where_that_is_asked_for(make_model, how):
    heard = Heard()
    reply = await asked(make_model(inner_callbacks=True), how, {"callbacks": [heard]})
    (outer, above), *inner = heard.starts
    assert above is None
    assert len(inner) == 2
    assert "".join(heard.tokens) == (reply if "stream" in how else "")


async def asked(model, how, config):
    match how:
        case "invoke":
            return model.invoke(SUM, config).text
        case "ainvoke":
            return (await model.ainvoke(SUM, config)).text
        case "stream":
            return "".join(chunk.text for chunk in model.stream(SUM, config))
    return "".join([chunk.text async for chunk in model.astream(SUM, config)])


# Many at once, and who leaves


async def test_calls_side_by_side_get_their_own_replies(make_model):
    model = make_model()
    questions = [f"What is {number} times 7?" for number in range(12)]
    replies = await model.abatch(questions)
    assert all(str(7 * number) in reply.text for number, reply in enumerate(replies))
    assert all(str(7 * n) in reply.text for n, reply in enumerate(model.batch(questions)))


async def test_a_listener_that_leaves_closes_the_call_upstream(make_model, upstream):
    chunks = make_model("fixed:answer").astream(f"Talk {ENDLESS}")
    async for chunk in chunks:
        if chunk.text:
            break
    await chunks.aclose()
    assert await asyncio.to_thread(upstream.left.wait, 60)


def test_a_listener_without_an_event_loop_that_leaves_closes_it_too(make_model, upstream):
    chunks = make_model("fixed:answer").stream(f"Talk {ENDLESS}")
    assert next(chunk for chunk in chunks if chunk.text)
    chunks.close()
    del chunks
    gc.collect()
    assert upstream.left.wait(60)


async def test_a_cancelled_call_closes_the_call_upstream(make_model, upstream):
    async def listen():
        async for chunk in make_model("fixed:answer").astream(f"Talk {ENDLESS}"):
            if chunk.text:
                heard.set()

    heard = asyncio.Event()
    task = asyncio.create_task(listen())
    await asyncio.wait_for(heard.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(upstream.left.wait, 60)


async def test_an_agent_that_is_closed_can_be_asked_again(make_model):
    model = make_model()
    chunks = model.stream(SUM)
    next(chunks)
    model.agent.close()
    with pytest.raises(AgentClosed, match="before this stream had come to its end"):
        list(chunks)
    assert "42" in model.invoke(SUM).text
