"""The chat model inside LangChain's agents: loops of tools, forms, streams, checkpoints."""

import asyncio

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

SUM = "What is 6 times 7?"


class Weather(BaseModel):
    """The weather of a place."""

    place: str
    degrees: int


def get_weather(place: str) -> str:
    """Tells the weather of a place."""
    return f"It rains in {place}."


def blocks_and_replies(upstream):
    """Of the requests that the upstream got: those of blocks, and those for replies, which the tools are offered to."""
    replies = [body for body in upstream.asked if "tools" in body]
    return len(upstream.asked) - len(replies), len(replies)


@pytest.mark.parametrize("checkpointer", [None, InMemorySaver()], ids=["without checkpoints", "with"])
async def test_a_tool_goes_and_comes_back_and_nothing_is_worked_out_twice(make_model, upstream, checkpointer):
    agent = create_agent(make_model(), [get_weather], checkpointer=checkpointer)
    asked = {"messages": [HumanMessage(f"{SUM} Use the tool for 'Oslo' too.")]}
    final = await agent.ainvoke(asked, {"configurable": {"thread_id": "one"}})
    _, call, result, reply = final["messages"]
    assert call.tool_calls[0]["args"] == {"place": "Oslo"}
    assert call.response_metadata["finish_reason"] == "tool_calls"
    assert result.content == "It rains in Oslo."
    assert "It rains in Oslo" in reply.text
    assert blocks_and_replies(upstream) == (1, 2), "the turn goes on with what was found in it"
    assert call.usage_metadata["total_tokens"] == 50
    assert reply.usage_metadata["total_tokens"] == 25, "and it is not paid again"
    assert "42" in upstream.asked[-1]["messages"][0]["content"], "the last reply reads it too"


def test_the_next_turn_is_worked_out_anew(make_model, upstream):
    agent = create_agent(make_model(), [get_weather], checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "one"}}
    for number, answer in ((7, "42"), (8, "48")):
        final = agent.invoke({"messages": [HumanMessage(f"What is 6 times {number}?")]}, thread)
        assert answer in final["messages"][-1].text
    assert blocks_and_replies(upstream) == (2, 2)


@pytest.mark.parametrize("response_format", [Weather, ProviderStrategy(Weather)], ids=["tool", "provider"])
async def test_an_agent_replies_in_a_form(make_model, response_format):
    agent = create_agent(make_model(), [], response_format=response_format)
    asked = {"messages": [HumanMessage("Tell the weather in 'Oslo': 3 degrees.")]}
    assert agent.invoke(asked)["structured_response"] == Weather(place="Oslo", degrees=3)
    assert (await agent.ainvoke(asked))["structured_response"] == Weather(place="Oslo", degrees=3)


async def test_a_stream_of_messages_has_each_token_once(make_model):
    agent = create_agent(make_model(), [get_weather])
    asked = {"messages": [HumanMessage(f"{SUM} Use the tool for 'Oslo' too.")]}
    for happening in (
        [*agent.stream(asked, stream_mode="messages")],
        [one async for one in agent.astream(asked, stream_mode="messages")],
    ):
        assert {about["langgraph_node"] for _, about in happening} == {"model", "tools"}
        messages = [message for message, _ in happening]
        text = "".join(message.text for message in messages if isinstance(message, AIMessageChunk))
        assert text == "The tool says: It rains in Oslo."
        assert [message.content for message in messages if isinstance(message, ToolMessage)] == ["It rains in Oslo."]
        reasoning = [one.additional_kwargs.get("reasoning_content", "") for one in messages]
        assert "".join(reasoning).count("→ 42") == 1
        assert len({message.id for message in messages}) == 3, "two replies and a result"


async def test_a_stream_with_subgraphs_shows_no_work_as_a_message(make_model):
    agent = create_agent(make_model(), [])
    asked = {"messages": [HumanMessage(SUM)]}
    seen = [one async for one in agent.astream(asked, stream_mode="messages", subgraphs=True)]
    text = "".join(message.text for _, (message, _) in seen)
    assert text.count("42") == 1


async def test_events_tell_each_token_once(make_model):
    agent = create_agent(make_model(), [])
    tokens = [
        event["data"]["chunk"].text
        async for event in agent.astream_events({"messages": [HumanMessage(SUM)]}, version="v2")
        if event["event"] == "on_chat_model_stream"
    ]
    assert "".join(tokens).count("42") == 1


async def test_agents_side_by_side_keep_their_turns_apart(make_model, upstream):
    agent = create_agent(make_model(), [get_weather], checkpointer=InMemorySaver())

    async def turn(number):
        asked = HumanMessage(f"What is {number} times 7? Use the tool for 'place {number}' too.")
        final = await agent.ainvoke({"messages": [asked]}, {"configurable": {"thread_id": str(number)}})
        return final["messages"][-1].text

    replies = await asyncio.gather(*map(turn, range(8)))
    assert replies == [f"The tool says: It rains in place {number}." for number in range(8)]
    assert blocks_and_replies(upstream) == (8, 16)
