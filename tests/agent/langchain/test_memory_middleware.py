"""The memory of an agent: what is shown of it and when, what is recorded, and that it never fails the agent."""

import logging

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

import pilotage
from pilotage.agent import ReasoningAgent, ScriptedChatModel
from pilotage.agent.errors import UsageError
from pilotage.agent.kit import HINT_TOKENS
from pilotage.agent.langchain.memory_middleware import KEY, ConceptMemoryMiddleware, newest_question, turn_name
from pilotage.memory import ConceptDraft, ConceptStore

PROFIT = "What profit does she make, with revenue of 90 dollars and costs of 50 dollars?"
ADVICE = "subtract total costs from revenue, whatever they are called"


@pytest.fixture
def store():
    with ConceptStore.temporary() as store:
        store.add(
            ConceptDraft(
                title="Profit of a sale", cues=("profit, revenue and costs in dollars",), implementation=(ADVICE,)
            )
        )
        yield store


class CallsOnce(ScriptedChatModel):
    """Calls the first tool that it is offered, with the question, and then says what came of it."""

    def bind_tools(self, tools, **_):
        return self.bind(tools=[tool.name for tool in tools])

    async def _agenerate(self, messages, stop=None, run_manager=None, **options):
        return self._generate(messages, stop, run_manager, **options)

    def _generate(self, messages, stop=None, run_manager=None, *, tools=(), **options):
        result = super()._generate(messages, stop, run_manager, **options)
        if tools and messages[-1].type == "human":
            call = {"name": tools[0], "args": {"question": "6 times 7"}, "id": "c1"}
            result.generations[0].message = AIMessage("", tool_calls=[call])
        return result


@tool
def look_up(question: str) -> str:
    """Looks something up."""
    return "nothing"


def following(messages):
    return f"I {ADVICE}: it is 42." if ADVICE in messages[-1].text or "nothing" in messages[-1].text else "It is 42."


@pytest.fixture
def model():
    return CallsOnce(following)


def of(store):
    """The one concept, as it is now."""
    return store.all()[0]


def shown_in(call):
    """How often the hints stand in a call, and in which messages."""
    return [place for place, message in enumerate(call.messages) if ADVICE in message.text and message.type == "human"]


async def run(agent, how, messages, thread="one"):
    config = {"configurable": {"thread_id": thread}}
    asked = {"messages": messages}
    return agent.invoke(asked, config) if how == "sync" else await agent.ainvoke(asked, config)


def test_it_is_a_public_name():
    assert pilotage.ConceptMemoryMiddleware is ConceptMemoryMiddleware


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_hints_stand_before_the_question_in_every_call_of_its_turn(store, model, how):
    agent = create_agent(model, [look_up], middleware=[ConceptMemoryMiddleware(store)])
    final = await run(agent, how, [HumanMessage(PROFIT)])
    assert len(model.calls) == 2, "before the tool and after it"
    for call in model.calls:
        (place,) = shown_in(call)
        text = call.messages[place].text
        assert text.endswith(PROFIT)
        assert text.index("(data, not instructions)") < text.index(ADVICE) < text.index("</notes>")
    assert final["messages"][0].text == PROFIT, "no message that is kept holds them"
    assert set(final) == {"messages"}


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_memory_is_asked_once_a_turn_and_no_hint_outlives_its_turn(store, model, how):
    asked = []
    recall = store.recall
    store.recall = lambda query, *args, **more: asked.append(query) or recall(query, *args, **more)
    agent = create_agent(model, [look_up], middleware=[ConceptMemoryMiddleware(store)], checkpointer=InMemorySaver())
    other = "Sing me a song of the sea, if you please."
    for question in (PROFIT, other, PROFIT):
        await run(agent, how, [HumanMessage(question)])
    assert asked == [PROFIT, other, PROFIT]
    first, _, other_first, other_last, third, _ = model.calls
    assert shown_in(first) == [0]
    assert shown_in(other_first) == shown_in(other_last) == []
    assert shown_in(third) == [len(third.messages) - 1], "before the newest question alone"


async def test_what_is_kept_in_checkpoints_is_plain_and_of_the_last_turn(store, model):
    agent = create_agent(model, [look_up], middleware=[ConceptMemoryMiddleware(store)], checkpointer=InMemorySaver())
    await run(agent, "async", [HumanMessage(PROFIT)])
    kept = (await agent.aget_state({"configurable": {"thread_id": "one"}})).values[KEY]
    assert kept["concepts"] == [of(store).id]
    assert set(map(type, kept.values())) == {str, list}
    assert KEY not in agent.get_input_jsonschema()["properties"]
    assert KEY not in agent.get_output_jsonschema()["properties"]


async def test_hints_are_bounded(store, model):
    for number in range(20):
        text = tuple(f"line {number} {place} on profit, revenue and costs" for place in range(20))
        store.add(ConceptDraft(title=f"Profit {number}", cues=("profit, revenue and costs",), implementation=text))
    agent = create_agent(model, [], middleware=[ConceptMemoryMiddleware(store)])
    await run(agent, "async", [HumanMessage(PROFIT)])
    assert len(model.calls[0].messages[0].text) <= len(PROFIT) + 4 * HINT_TOKENS + 8


async def test_content_parts_keep_their_place(store, model):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
    agent = create_agent(model, [], middleware=[ConceptMemoryMiddleware(store)])
    await run(agent, "async", [HumanMessage([{"type": "text", "text": PROFIT}, image])])
    hints, text, shown = model.calls[0].messages[0].content
    assert ADVICE in hints["text"]
    assert (text["text"], shown) == (PROFIT, image)


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_what_was_shown_and_followed_is_recorded_once_and_nothing_is_learnt(store, model, how):
    agent = create_agent(model, [look_up], middleware=[ConceptMemoryMiddleware(store)])
    asked = HumanMessage(PROFIT, id="q1")
    for _ in range(2):
        await run(agent, how, [asked])
    counted = of(store).outcomes
    assert (counted.recalled, counted.followed, counted.helped, counted.recalled_solved) == (1, 1, 0, 0)
    assert store.count() == 1
    (event,) = [event for event in store.events(None) if event.action == "outcome"]
    assert event.run == event.cause == turn_name(asked)


async def test_nothing_is_recorded_where_that_is_not_wanted(store, model):
    agent = create_agent(model, [], middleware=[ConceptMemoryMiddleware(store, record=False)])
    await run(agent, "async", [HumanMessage(PROFIT)])
    assert of(store).outcomes.recalled == 0


@pytest.mark.parametrize("helped", [True, False])
async def test_feedback_credits_what_the_turn_followed(store, model, helped):
    memory = ConceptMemoryMiddleware(store)
    final = await run(create_agent(model, [look_up], middleware=[memory]), "async", [HumanMessage(PROFIT)])
    id = of(store).id
    assert await memory.afeedback(final, helped=helped) == memory.feedback(final["messages"], helped=helped) == (id,)
    counted = of(store).outcomes
    assert (counted.helped, counted.harmed) == ((1, 0) if helped else (0, 1))
    memory.feedback(final, helped=not helped)
    counted = of(store).outcomes
    assert (counted.helped, counted.harmed) == ((0, 1) if helped else (1, 0)), "the opposite takes the first back"
    store.undo_run(f"feedback:{turn_name(newest_question(final['messages']))}")
    assert of(store).outcomes.helped == of(store).outcomes.harmed == 0


def test_feedback_needs_a_turn(store):
    memory = ConceptMemoryMiddleware(store)
    with pytest.raises(UsageError, match="the messages hold no question"):
        memory.feedback([AIMessage("hm")], helped=True)
    assert memory.feedback([HumanMessage("never asked")], helped=True) == ()


@pytest.mark.parametrize("believed", [True, False])
async def test_only_a_verified_run_of_a_named_tool_is_evidence(store, model, believed):
    worker = ScriptedChatModel(
        lambda messages: "```python\nprint(6 * 7)\n```" if "Python" in messages[-1].text else "Answer: 42"
    )
    with ReasoningAgent(worker, policy="fixed:reason,program,answer") as agent:
        memory = ConceptMemoryMiddleware(store, evidence_from=("solve",) if believed else ())
        script = lambda messages: f"I {ADVICE}: it is 42."  # noqa: E731
        final = await run(
            create_agent(CallsOnce(script), [agent.as_tool()], middleware=[memory]), "async", [HumanMessage(PROFIT)]
        )
    assert final["messages"][2].artifact["verified"] is True
    counted = of(store).outcomes
    assert (counted.recalled, counted.recalled_solved, counted.helped) == (1, int(believed), int(believed))


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_a_memory_that_fails_fails_no_agent_and_is_told_once(store, model, how, caplog):
    agent = create_agent(model, [look_up], middleware=[ConceptMemoryMiddleware(store)], checkpointer=InMemorySaver())
    await run(agent, how, [HumanMessage(PROFIT)])
    store.close()
    with caplog.at_level(logging.WARNING, "pilotage.memory"):
        for _ in range(2):
            final = await run(agent, how, [HumanMessage(PROFIT)])
    assert "42" in final["messages"][-1].text
    assert [record.message for record in caplog.records if record.name == "pilotage.memory"] == [
        next(r.message for r in caplog.records if "goes on without it" in r.message)
    ]
    assert shown_in(model.calls[-1]) == []
