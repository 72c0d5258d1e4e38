"""The compiled graph within graphs of others: whatever their state is called, kept, resumed, streamed or fanned out."""

import asyncio
import operator
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, Send, interrupt
from pydantic import BaseModel

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.errors import ModelUnavailable, PilotageError, UsageError
from pilotage.agent.graph.build import build_graph
from pilotage.agent.graph.run_state import trace_of
from pilotage.agent.models import ModelClient
from pilotage.agent.models.scripted import Fault

ROOT = Path(__file__).parents[2]


def works_it_out(messages):
    """Solves the product in the newest message, which is all that it looks at; replies with what a note has found."""
    human = [message.text for message in messages if message.type == "human"]
    text = next((text for text in reversed(human) if "*" in text), human[-1])
    for asked, answer in {"6*7": 42, "8*8": 64, "9*9": 81}.items():
        if asked in text:
            return str(answer) if "<notes>" in text else f"Worked out.\nAnswer: {answer}"
    return "I say: " + text


@pytest.fixture
def model():
    return ScriptedChatModel(works_it_out)


@pytest.fixture
def agent(model):
    with ReasoningAgent(ModelClient(model), policy="fixed:reason,answer", sandbox="none") as agent:
        yield agent


class Account(TypedDict, total=False):
    task: str
    answer: str | None
    steps: Annotated[list[Any], operator.add]


def parent_of(node, state=Account, checkpointer=None):
    graph = StateGraph(state)
    graph.add_node("think", node)
    graph.add_edge(START, "think")
    graph.add_edge("think", END)
    return graph.compile(checkpointer=checkpointer)


@pytest.mark.parametrize("own", [None, True], ids=["as the parent's", "with a state of its own"])
def test_each_turn_of_a_conversation_is_solved_anew(agent, model, own):
    graph = parent_of(build_graph(agent.components, own), checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "one"}}
    for turn, (task, answer) in enumerate([("6*7", "42"), ("8*8", "64"), ("8*8", "64"), ("6*7", "42")], start=1):
        final = graph.invoke({"task": task}, thread)
        assert (final["answer"], final["task"]) == (answer, task)
        assert len(model.calls) == turn
        assert model.calls[-1].text.count("*") == 1, "no earlier turn is in the prompt"


async def test_the_graph_itself_keeps_no_turn_for_the_next(agent, model):
    graph = build_graph(agent.components, InMemorySaver())
    thread = {"configurable": {"thread_id": "one"}}
    assert (await graph.ainvoke({"task": "6*7"}, thread))["answer"] == "42"
    again = await graph.ainvoke({"messages": [HumanMessage("8*8")]}, thread)
    assert again["answer"] == "64"
    assert len(trace_of(again["pilotage"]).steps) == 2


HOSTILE = {
    "budget": 3,
    "steps": ["mine"],
    "decision": "mine",
    "decisions": "mine",
    "observation": {"x": 1},
    "run": 7,
    "charges": "none",
    "recalled": [1],
    "stopped_by": "me",
    "learned": 1,
    "followed": 2,
    "clock": "noon",
    "working": False,
    "conversing": "yes",
    "reply": "mine",
}


def test_keys_of_the_parent_are_left_alone_whatever_they_are_called(agent):
    state = TypedDict("State", {"task": str, "answer": str, **dict.fromkeys(HOSTILE, Any)})
    graph = parent_of(agent.graph, state, InMemorySaver())
    thread = {"configurable": {"thread_id": "one"}}
    for task, answer in [("6*7", "42"), ("8*8", "64")]:
        assert graph.invoke({"task": task, **HOSTILE}, thread) == {"task": task, "answer": answer, **HOSTILE}


def test_a_parent_can_have_the_account_of_the_run(agent):
    class Curious(TypedDict):
        task: str
        pilotage: dict[str, Any]

    final = parent_of(agent.graph, Curious).invoke({"task": "6*7"})
    trace = trace_of(final["pilotage"])
    assert trace.route == ("reason", "answer")
    assert trace.usage.llm_calls == 1
    assert final["pilotage"]["stopped_by"] == "answer"


class Checked(BaseModel):
    task: str = ""
    answer: str | None = None
    steps: list[str] = []


@dataclass
class Plain:
    task: str = ""
    answer: str | None = None
    steps: tuple[str, ...] = ()


@pytest.mark.parametrize("state", [Checked, Plain])
async def test_a_state_may_be_an_object(agent, state):
    graph = parent_of(agent.graph, state)
    for final in (graph.invoke(state(task="6*7")), await graph.ainvoke(state(task="6*7"))):
        assert final == {"task": "6*7", "answer": "42", "steps": state().steps}


def test_two_nodes_of_one_graph(agent):
    graph = StateGraph(Account)
    graph.add_node("first", agent.graph)
    graph.add_node("next", lambda state: {"task": "8*8", "steps": [state["answer"]]})
    graph.add_node("second", agent.graph)
    for before, after in [(START, "first"), ("first", "next"), ("next", "second"), ("second", END)]:
        graph.add_edge(before, after)
    final = graph.compile(checkpointer=InMemorySaver()).invoke({"task": "6*7"}, {"configurable": {"thread_id": "a"}})
    assert final == {"task": "8*8", "answer": "64", "steps": ["42"]}


class Fan(TypedDict, total=False):
    tasks: list[str]
    answers: Annotated[list[str], operator.add]


def test_many_at_once(agent):
    def solve(state):
        return {"answers": [agent.graph.invoke({"task": state["task"]})["answer"]]}

    graph = StateGraph(Fan)
    graph.add_node("solve", solve)
    graph.add_conditional_edges(START, lambda state: [Send("solve", {"task": task}) for task in state["tasks"]])
    graph.add_edge("solve", END)
    tasks = ["6*7", "8*8", "9*9"] * 4
    assert graph.compile().invoke({"tasks": tasks})["answers"] == ["42", "64", "81"] * 4


class Fanned(TypedDict, total=False):
    answer: Annotated[list[str], lambda left, right: [*left, right] if isinstance(right, str) else right]


async def test_the_graph_as_the_target_of_sends(agent):
    graph = StateGraph(Fanned)
    graph.add_node("think", agent.graph)
    graph.add_conditional_edges(START, lambda _: [Send("think", {"task": task}) for task in ("6*7", "8*8", "9*9")])
    final = await graph.compile(checkpointer=InMemorySaver()).ainvoke(
        {"answer": []}, {"configurable": {"thread_id": "a"}}
    )
    assert sorted(final["answer"]) == ["42", "64", "81"]


@pytest.mark.parametrize("sync", [True, False])
async def test_an_interrupt_of_the_parent_does_not_ask_again(agent, model, sync):
    graph = StateGraph(Account)
    graph.add_node("think", agent.graph)
    graph.add_node("approve", lambda state: {"steps": [interrupt(state["answer"])]})
    for before, after in [(START, "think"), ("think", "approve"), ("approve", END)]:
        graph.add_edge(before, after)
    compiled, thread = graph.compile(checkpointer=InMemorySaver()), {"configurable": {"thread_id": "a"}}

    async def go(given):
        return compiled.invoke(given, thread) if sync else await compiled.ainvoke(given, thread)

    assert (await go({"task": "6*7"}))["__interrupt__"][0].value == "42"
    assert (await go(Command(resume="yes")))["steps"] == ["yes"]
    assert len(model.calls) == 1
    assert (await go({"task": "8*8"}))["__interrupt__"][0].value == "64"


async def test_time_travel_and_changed_state_solve_what_stands_there(agent, model):
    graph = parent_of(agent.graph, checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "a"}}
    await graph.ainvoke({"task": "6*7"}, thread)
    before = [snapshot async for snapshot in graph.aget_state_history(thread) if snapshot.next == ("think",)][-1]
    assert (await graph.ainvoke(None, before.config))["answer"] == "42"
    changed = await graph.aupdate_state(before.config, {"task": "8*8"})
    assert (await graph.ainvoke(None, changed))["answer"] == "64"


async def test_a_run_that_broke_off_goes_on_where_it_stood(agent):
    broken = [True]

    def once(messages):
        if "step by step" in messages[-1].text and broken:
            broken.clear()
            return Fault(status=401)
        return "1. Multiply." if "plan" in messages[-1].text else "Answer: 42"

    model = ScriptedChatModel(once)
    components = ReasoningAgent(ModelClient(model), policy="fixed:plan,reason,answer", sandbox="none").components
    graph = parent_of(build_graph(components), checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "a"}}
    with pytest.raises(ModelUnavailable):
        await graph.ainvoke({"task": "6*7"}, thread)
    assert (await graph.ainvoke(None, thread))["answer"] == "42"
    assert len(model.calls) == 3, "the first step is not repeated"


@pytest.mark.parametrize("own", [None, True])
async def test_a_run_that_broke_off_decides_nothing_for_another_task(agent, own):
    broken = [True]

    def once(messages):
        if broken and "step by step" in messages[-1].text:
            broken.clear()
            return Fault(status=401)
        return "1. Multiply." if "numbered plan" in messages[-1].text else works_it_out(messages)

    model = ModelClient(ScriptedChatModel(once))
    components = ReasoningAgent(model, policy="fixed:plan,reason,answer", sandbox="none").components
    graph = parent_of(build_graph(components, own), checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "a"}}
    with pytest.raises(ModelUnavailable):
        await graph.ainvoke({"task": "6*7"}, thread)
    assert (await graph.ainvoke({"task": "8*8"}, thread))["answer"] == "64"


# --- callers without an event loop, and with one


def test_invoke_stream_and_batch_without_a_loop(agent):
    assert agent.graph.invoke({"task": "6*7"})["answer"] == "42"
    assert [one["answer"] for one in agent.graph.batch([{"task": "6*7"}, {"task": "8*8"}])] == ["42", "64"]
    seen = [next(iter(update)) for update in agent.graph.stream({"task": "6*7"}, stream_mode="updates")]
    assert seen == ["begin", "navigate", "reason", "navigate", "answer", "learn"]
    events = [type(event).__name__ for event in agent.graph.stream({"task": "6*7"}, stream_mode="custom")]
    assert events == ["Chosen", "Stepped", "Chosen", "Stepped"]


async def test_invoke_from_within_a_loop(agent):
    assert agent.graph.invoke({"task": "6*7"})["answer"] == "42"
    assert agent.solve("8*8").answer == "64"
    assert (await agent.asolve("9*9")).answer == "81"


def test_a_synchronous_checkpointer(agent, tmp_path):
    with SqliteSaver.from_conn_string(str(tmp_path / "c.sqlite")) as saver:
        graph = parent_of(agent.graph, checkpointer=saver)
        for task, answer in [("6*7", "42"), ("8*8", "64")]:
            assert graph.invoke({"task": task}, {"configurable": {"thread_id": "a"}})["answer"] == answer


def test_solving_in_a_node_is_a_run_of_its_own(agent, tmp_path):
    """A synchronous checkpointer of the parent would fail on it if it were a part of the parent's run."""
    with SqliteSaver.from_conn_string(str(tmp_path / "c.sqlite")) as saver:
        graph = parent_of(lambda state: {"answer": agent.solve(state["task"]).answer}, checkpointer=saver)
        assert graph.invoke({"task": "6*7"}, {"configurable": {"thread_id": "a"}})["answer"] == "42"


async def test_a_call_from_the_agents_own_loop_is_refused_and_does_not_hang():
    agent = ReasoningAgent(ModelClient(ScriptedChatModel(lambda messages: agent.solve("6*7").answer)), sandbox="none")
    with agent, pytest.raises(UsageError, match="await it"):
        await asyncio.to_thread(agent.solve, "8*8")


# --- conversations


def test_a_parent_with_nothing_but_messages(agent):
    graph = parent_of(agent.graph, MessagesState, InMemorySaver())
    thread = {"configurable": {"thread_id": "a"}}
    for turn, (asked, answer) in enumerate([("6*7", "42"), ("8*8", "64")], start=1):
        messages = graph.invoke({"messages": [HumanMessage(asked)]}, thread)["messages"]
        assert len(messages) == 2 * turn
        last = messages[-1]
        assert isinstance(last, AIMessage) and last.content == answer
        assert last.usage_metadata["total_tokens"] == sum(
            last.usage_metadata[part] for part in ("input_tokens", "output_tokens")
        )
        assert last.usage_metadata["input_tokens"] > 0


class Listed(TypedDict, total=False):
    messages: Annotated[list[Any], operator.add]


@pytest.mark.parametrize(
    "message", [HumanMessage([{"type": "text", "text": "6*7"}]), ("user", "6*7"), {"role": "user", "content": "6*7"}]
)
def test_messages_of_every_form_are_read_and_one_is_added(agent, message):
    final = parent_of(agent.graph, Listed).invoke({"messages": [HumanMessage("8*8"), AIMessage("64"), message]})
    assert [getattr(one, "content", None) for one in final["messages"]][3:] == ["42"]


@pytest.mark.parametrize(
    "given", ["6*7", HumanMessage("6*7"), ("user", "6*7"), {"role": "user", "content": "6*7"}, (HumanMessage("6*7"),)]
)
def test_a_message_that_stands_alone_is_read_whole(agent, given):
    assert agent.graph.invoke({"messages": given})["answer"] == "42"


WITHOUT_ID = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}


@pytest.mark.parametrize(
    "given",
    [
        *(7, [7], [object()], {"text": "6*7"}),
        [WITHOUT_ID, ("human", "6*7")],
        [WITHOUT_ID | {"tool_calls": [{"id": "1"}]}, ("human", "6*7")],
        [WITHOUT_ID | {"tool_calls": [7]}, ("human", "6*7")],
        [WITHOUT_ID | {"tool_calls": [{"id": "1", "function": 7}]}, ("human", "6*7")],
        [{"role": "tool", "content": "42"}, ("human", "6*7")],
        [{"role": "user", "content": 7}],
    ],
)
def test_messages_that_are_none_are_one_sentence(agent, given):
    with pytest.raises(
        UsageError, match="`messages` holds (what is no message|a message without its '(tool_call_)?id')"
    ):
        agent.graph.invoke({"messages": given})


def test_the_graph_tells_its_schemas(agent):
    assert set(agent.graph.get_input_jsonschema()["properties"]) == {"task", "messages"}
    assert set(agent.graph.get_output_jsonschema()["properties"]) == {"answer", "messages", "pilotage"}


def test_messages_stay_as_they_are_where_the_task_came_otherwise(agent):
    class Both(Listed):
        task: str
        answer: str

    said = [HumanMessage("hello")]
    assert parent_of(agent.graph, Both).invoke({"messages": said, "task": "6*7"})["messages"] == said


def test_a_budget_is_for_the_work_and_the_message_is_written_all_the_same():
    tight = Budget(max_tokens=160)
    model = ModelClient(ScriptedChatModel(lambda _: "and so on " * 200))
    with ReasoningAgent(model, policy="fixed:reason", budget=tight) as agent:
        last = parent_of(agent.graph, MessagesState).invoke({"messages": [HumanMessage("6*7")]})["messages"][-1]
    assert last.content == ("and so on " * 200).strip()
    assert last.response_metadata["answered"]


@pytest.mark.parametrize("given", [{}, {"messages": []}, {"messages": [AIMessage("hi")]}, {"task": ""}])
def test_nothing_to_solve_is_one_sentence(agent, given):
    with pytest.raises(UsageError, match="set `task`"):
        agent.graph.invoke(given or {"messages": []})


@pytest.mark.parametrize("given", [{"title": "mine"}, {"id": "a", "prompt": 3}, 17, {"id": "", "prompt": "x"}])
def test_a_task_that_is_none_is_one_sentence(agent, given):
    with pytest.raises(UsageError, match="is no task"):
        agent.graph.invoke({"task": given})


def test_a_task_may_be_an_object_and_keeps_its_secret(agent, model):
    final = agent.graph.invoke({"task": Task(id="t", prompt="6*7", kind="numeric", gold="hidden")})
    assert final["answer"] == "42"
    assert "hidden" not in str(final)


# --- who watches


class Watching(BaseCallbackHandler):
    run_inline = True

    def __init__(self):
        self.calls = []

    def on_chat_model_start(self, serialized, messages, *, tags=None, metadata=None, **more):
        self.calls.append((tuple(tags or ()), dict(metadata or {})))


@pytest.mark.parametrize("way", ["solve", "asolve", "astream", "invoke", "ainvoke", "parent"])
async def test_callbacks_tags_and_metadata_reach_the_model(agent, way):
    watching = Watching()
    config = {"callbacks": [watching], "tags": ["mine"], "metadata": {"user": "u1"}, "run_name": "sum"}
    if way == "solve":
        agent.solve("6*7", config=config)
    elif way == "asolve":
        await agent.asolve("6*7", config=config)
    elif way == "astream":
        _ = [event async for event in agent.astream("6*7", config=config)]
    elif way == "invoke":
        agent.graph.invoke({"task": "6*7"}, config)
    elif way == "ainvoke":
        await agent.graph.ainvoke({"task": "6*7"}, config)
    else:
        await parent_of(agent.graph).ainvoke({"task": "6*7"}, config)
    ((tags, metadata),) = watching.calls
    assert "mine" in tags and metadata["user"] == "u1" and metadata["langgraph_node"] == "reason"


async def test_event_streams_see_the_models_calls(agent):
    names = [event["event"] async for event in agent.graph.astream_events({"task": "6*7"}, version="v2")]
    assert "on_chat_model_start" in names and "on_chat_model_end" in names


def joined(chunks):
    """Texts by message id, in the order of their first piece, with the node that each came from."""
    texts = {}
    for message, metadata in chunks:
        node, text = texts.get(message.id, (metadata["langgraph_node"], ""))
        texts[message.id] = node, text + str(message.content)
    return list(texts.values())


async def test_a_stream_of_messages_has_the_working_and_the_answer_once(agent):
    graph = parent_of(agent.graph, MessagesState)
    asked = {"messages": [HumanMessage("6*7")]}
    chunks = [pair async for _, pair in graph.astream(asked, stream_mode="messages", subgraphs=True)]
    assert joined(chunks) == [("reason", "Worked out.\nAnswer: 42"), ("answer", "42")]
    outer = [pair async for pair in graph.astream(asked, stream_mode="messages")]
    assert [text for _, text in joined(outer)] == ["42"]


async def test_the_answer_is_streamed_also_where_the_task_is_no_message(agent):
    stream = agent.graph.astream({"task": "6*7"}, stream_mode="messages")
    assert joined([pair async for pair in stream])[-1] == ("answer", "42")


async def test_a_reply_that_is_streamed_token_by_token_is_not_repeated(model):
    asked = {"messages": [HumanMessage("Write a limerick about tea")]}
    with ReasoningAgent(ModelClient(model), policy="rules", sandbox="none") as agent:
        graph = parent_of(agent.graph, MessagesState)
        chunks = [pair async for _, pair in graph.astream(asked, stream_mode="messages", subgraphs=True)]
    assert sum(isinstance(message, AIMessageChunk) for message, _ in chunks) > 3
    assert joined(chunks) == [("answer", "I say: Write a limerick about tea")]


async def test_a_reply_is_streamed_as_the_model_writes_it_and_nothing_beside_it():
    model = ScriptedChatModel(["It is easy.\nAnswer: 42"])
    with ReasoningAgent(ModelClient(model), policy="fixed:answer", sandbox="none") as agent:
        graph, asked = parent_of(agent.graph, MessagesState), {"messages": [HumanMessage("6*7")]}
        chunks = [pair async for _, pair in graph.astream(asked, stream_mode="messages", subgraphs=True)]
    streamed = "".join(str(message.content) for message, about in chunks if about["langgraph_node"] == "answer")
    assert streamed == "It is easy.\nAnswer: 42"


class TaskAndMessages(MessagesState, total=False):
    task: Any
    answer: str | None


@pytest.mark.parametrize("sync", [True, False])
async def test_a_message_is_newer_than_a_task_of_an_earlier_turn(agent, tmp_path, sync):
    thread = {"configurable": {"thread_id": "a"}}
    turns = ({"task": "6*7"}, {"messages": [HumanMessage("8*8")]}, {"task": "9*9", "messages": [HumanMessage("6*7")]})
    with SqliteSaver.from_conn_string(str(tmp_path / "c.sqlite")) as kept:
        graph = parent_of(agent.graph, TaskAndMessages, kept if sync else InMemorySaver())
        ends = [graph.invoke(turn, thread) if sync else await graph.ainvoke(turn, thread) for turn in turns]
    assert [end["answer"] for end in ends] == ["42", "64", "81"]
    assert ends[1]["messages"][-1].text == "64"


@pytest.mark.parametrize("deep", [1, 2, 3])
async def test_a_message_is_newer_than_a_task_however_deep_the_graph_lies(agent, deep):
    graph, thread = agent.graph, {"configurable": {"thread_id": "a"}}
    for level in range(deep):
        graph = parent_of(graph, TaskAndMessages, InMemorySaver() if level == deep - 1 else None)
    turns = ({"task": "6*7"}, {"messages": "8*8"}, {"messages": "9*9"}, {"task": "6*7", "messages": "8*8"})
    assert [(await graph.ainvoke(turn, thread))["answer"] for turn in turns] == ["42", "64", "81", "42"]


def test_a_task_that_a_node_made_of_the_message_is_the_newest(agent):
    graph = StateGraph(TaskAndMessages)
    graph.add_node("prepare", lambda state: {"task": "8*8"})
    graph.add_node("think", agent.graph)
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "think")
    asked, thread = {"messages": [HumanMessage("6*7")]}, {"configurable": {"thread_id": "a"}}
    assert graph.compile(checkpointer=InMemorySaver()).invoke(asked, thread)["answer"] == "64"
    assert graph.compile().invoke(asked)["answer"] == "64"


# --- as a tool


def test_the_tool_has_a_typed_schema_and_answers(agent):
    tool = agent.as_tool()
    assert tool.args_schema.model_json_schema()["required"] == ["question"]
    assert tool.invoke({"question": "6*7"}) == "42"
    called = tool.invoke({"type": "tool_call", "id": "1", "name": "solve", "args": {"question": "8*8"}})
    assert called.content == "64" and called.artifact["route"] == ["reason", "answer"]


async def test_create_agent_uses_the_tool(agent):
    from langchain.agents import create_agent
    from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel

    class Calls(FakeMessagesListChatModel):
        def bind_tools(self, tools, **_):
            return self

    call = {"name": "solve", "args": {"question": "6*7"}, "id": "1"}
    caller = Calls(responses=[AIMessage("", tool_calls=[call, {**call, "id": "2"}]), AIMessage("It is 42.")])
    outer = create_agent(caller, [agent.as_tool()], checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "a"}}
    streamed = []
    async for pair in outer.astream({"messages": [HumanMessage("How much?")]}, thread, stream_mode="messages"):
        streamed.append(pair)
    messages = (await outer.aget_state(thread)).values["messages"]
    assert [message.content for message in messages if message.type == "tool"] == ["42", "42"]
    assert messages[-1].content == "It is 42."
    assert not any("Worked out" in str(message.content) for message, _ in streamed), "working is no reply"


def test_what_cannot_be_asked_comes_back_to_the_model_as_a_sentence(model):
    with ReasoningAgent(ModelClient(model), budget=Budget(max_tokens=100), sandbox="none") as agent:
        said = agent.as_tool().invoke({"question": "word " * 500})
    assert "too small for one step" in said


def test_a_dead_endpoint_is_an_error_of_the_tool():
    from pilotage.agent.models import RetryPolicy

    client = ModelClient(ScriptedChatModel(lambda _: Fault(status=401)), retry=RetryPolicy(retries=0))
    with ReasoningAgent(client, sandbox="none") as agent, pytest.raises(PilotageError):
        agent.as_tool().invoke({"question": "6*7"})


# --- leaving early


WAITING = """
from pilotage.agent import ReasoningAgent, ScriptedChatModel
from pilotage.agent.models import ModelClient

def script(messages):
    print("asked", flush=True)
    return "x"

agent = ReasoningAgent(ModelClient(ScriptedChatModel(script, latency=120)), sandbox="none")
{call}
"""


@pytest.mark.parametrize(
    "call", ['agent.solve("Who are you?")', 'agent.graph.invoke({"task": "Who are you?"})'], ids=["solve", "invoke"]
)
def test_an_interrupt_ends_a_synchronous_call_at_once(call):
    code = WAITING.replace("{call}", call)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert child.stdout.readline() == b"asked\n"
    started = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=110)
    assert time.monotonic() - started < 100
    assert b"KeyboardInterrupt" in said and child.returncode != 0


@pytest.mark.parametrize("way", ["broken off", "closed", "cancelled"])
async def test_a_run_that_nobody_waits_for_makes_no_more_calls(way):
    model = ScriptedChatModel(lambda _: "a b c", latency=0.05)
    agent = ReasoningAgent(ModelClient(model), policy="fixed:plan,debate,reason,reason,reason", sandbox="none")
    if way == "broken off":
        async for _ in agent.astream("Who are you?"):
            break
    elif way == "closed":
        stream = agent.astream("Who are you?")
        await anext(stream)
        await stream.aclose()
    else:
        solving = asyncio.create_task(agent.asolve("Who are you?"))
        while not model.calls:
            await asyncio.sleep(0.01)
        solving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await solving
    made = len(model.calls)
    await asyncio.sleep(0.5)
    assert len(model.calls) <= made <= 2
