"""Conversations in the core: what is sent, what is found, what is replied."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import ValidationError

from pilotage.agent import ReasoningAgent, events
from pilotage.agent.chat.conversation import conversation_task, opening, read_messages
from pilotage.agent.chat.progress import told_afterwards
from pilotage.agent.chat.reply_account import usage_of
from pilotage.agent.errors import UnsupportedParameter, UsageError
from pilotage.agent.messages import Message, ToolCall
from pilotage.agent.models.dialect import Terms, arguments_for
from pilotage.agent.models.embedded.chat_model import EmbeddedChatModel
from pilotage.agent.models.reply import Request
from pilotage.agent.models.scripted import Fault, ScriptedChatModel
from pilotage.agent.task import Task
from pilotage.memory import ConceptDraft, ConceptStore
from pilotage.memory.errors import LedgerError

PROGRAM = "```python\nprint(17*23)\n```"
BY_HAND = "17*23 = 391\nAnswer: 391"
ASKED = "What is 17*23?"
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]


def scripted(**replies: str) -> ScriptedChatModel:
    """A model that programs, works by hand and replies; `found` is its reply behind a note, `plain` without one."""

    def line(messages: list[Any]) -> str:
        last = str(messages[-1].text)
        if "<notes>" in last:
            return replies.get("found", "It is 391.")
        if "Python program" in last:
            return replies.get("program", PROGRAM)
        if "step by step" in last:
            return replies.get("by_hand", BY_HAND)
        if "Write it once more" in last:
            return replies.get("again", "It is 391, sorry.")
        return replies.get("plain", "Hello!")

    return ScriptedChatModel(line)


def agent(model: ScriptedChatModel, **more: Any) -> ReasoningAgent:
    return ReasoningAgent(model, **{"policy": "rules"} | more)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def test_a_greeting_is_one_call_with_the_messages_as_they_are() -> None:
    model = scripted()
    messages = [{"role": "system", "content": "Be kind."}, user("hi there")]
    run = agent(model).chat(messages)
    assert run.answer == "Hello!"
    assert run.route == ("answer",)
    (call,) = model.calls
    assert [(message.type, message.text) for message in call.messages] == [
        ("system", "Be kind."),
        ("human", "hi there"),
    ]
    assert "seed" not in call.options
    assert "temperature" not in call.options


def test_a_computable_question_is_worked_on_and_the_reply_is_written_from_what_was_found() -> None:
    model = scripted()
    run = agent(model).chat([{"role": "developer", "content": "Answer in German."}, user("Hi"), user(ASKED)])
    assert run.route == ("program", "verify", "answer")
    assert run.verified
    assert run.answer == "It is 391."
    last = model.calls[-1].messages
    assert last[0].text == "Answer in German."
    assert last[-1].text.startswith(f"{ASKED}\n\n<notes>\nTwo independent routes came to this result: 391")
    assert all("Answer in German." in call.messages[0].text for call in model.calls)


def test_usage_is_that_of_all_calls() -> None:
    model = scripted()
    run = agent(model).chat([user(ASKED)])
    counted = model.counted
    assert (run.usage.prompt_tokens, run.usage.completion_tokens, run.usage.llm_calls) == (
        counted.prompt_tokens,
        counted.completion_tokens,
        counted.llm_calls,
    )


def test_a_reply_without_the_confirmed_result_is_written_once_more() -> None:
    model = scripted(found="I would rather not say.")
    run = agent(model).chat([user(ASKED)])
    assert run.answer == "It is 391, sorry."


def test_a_confirmed_result_that_stays_unsaid_is_set_behind_the_reply() -> None:
    run = agent(scripted(found="No.", again="Still no.")).chat([user(ASKED)])
    assert run.answer == "Still no.\n\n391"
    assert run.trace.steps[-1].evidence.note == "the confirmed result was set behind the reply"


def test_what_was_streamed_is_not_taken_back() -> None:
    model = scripted(found="No.")

    async def streamed() -> tuple[str, str]:
        text, answer = "", None
        async for event in agent(model).astream_chat([user(ASKED)]):
            if isinstance(event, events.Token) and event.block == "answer":
                text += event.text
            if isinstance(event, events.Finished):
                answer = event.run.answer
        assert answer is not None
        return text, answer

    text, answer = asyncio.run(streamed())
    assert text == answer == "No.\n\n391"


def test_a_reply_in_a_form_gets_no_words_added() -> None:
    model = scripted(found='{"a": 1}', again='{"a": 2}')
    run = agent(model).chat([user(ASKED)], response_format={"type": "json_object"})
    assert run.answer == '{"a": 2}'
    assert model.calls[-1].options["response_format"] == {"type": "json_object"}
    assert "response_format" not in model.calls[0].options


def test_a_result_of_one_route_that_the_reply_leaves_out_is_asked_for_and_set_behind_it() -> None:
    model = scripted(program="no program", by_hand=BY_HAND, found="I doubt it.", again="I still doubt it.")
    run = agent(model, policy="fixed:reason,answer").chat([user(ASKED)])
    assert "which nothing else confirms: 391" in model.calls[-2].messages[-1].text
    assert "did not state the result that was worked out" in model.calls[-1].messages[-1].text
    assert run.answer == "I still doubt it.\n\n391" and not run.verified
    assert run.trace.steps[-1].evidence.note == "the result that was worked out was set behind the reply"


def test_a_result_that_another_route_contradicts_is_not_insisted_on() -> None:
    model = scripted(program="```python\nprint(408)\n```", by_hand=BY_HAND, found="It may be something else.")
    run = agent(model, policy="fixed:program,reason,answer").chat([user(ASKED)])
    assert [step.candidate for step in run.trace.steps[:2]] == ["408", "391"]
    assert run.answer == "It may be something else."


@pytest.mark.parametrize(
    "policy,answer",
    [("rules", "It rains.\n\n391"), ("fixed:reason,answer", "It rains.")],
    ids=["confirmed", "one route"],
)
def test_nothing_is_asked_for_once_more_where_tools_are_offered(policy: str, answer: str) -> None:
    """The model would call them again, in every round of a loop that calls them."""
    model = scripted(found="It rains.", again="It is 391, sorry.")
    run = agent(model, policy=policy).chat([user(ASKED)], tools=TOOLS)
    assert run.answer == answer
    assert not any("Write it once more" in call.messages[-1].text for call in model.calls)


def test_options_are_those_of_the_reply_alone() -> None:
    model = scripted()
    agent(model).chat([user(ASKED)], temperature=0.7, stop=["END"], seed=5, max_tokens=99)
    *work, reply = model.calls
    assert (reply.options["temperature"], reply.options["stop"], reply.options["seed"]) == (0.7, ["END"], 5)
    assert reply.options["max_tokens"] == 99
    assert {call.options["temperature"] for call in work} == {0.0}


def test_a_cut_reply_says_so() -> None:
    run = agent(scripted(plain="one two three four")).chat([user("hi there")], max_tokens=2)
    assert run.answer == "one two"
    assert run.cut


def test_a_block_whose_model_fails_does_not_cost_the_reply() -> None:
    def line(messages: list[Any]) -> Any:
        return Fault(status=400) if "Python program" in messages[-1].text else "Hello!"

    run = agent(ScriptedChatModel(line)).chat([user(ASKED)])
    assert run.answer == "Hello!"
    assert run.stopped_by == "error"


def test_where_the_last_message_stands() -> None:
    def why(*messages: Message) -> str:
        return opening(conversation_task(messages)).straight

    asked = Message(role="user", content=ASKED)
    assert why(asked) == ""
    assert why(Message(role="user", content="hello")) != ""
    assert "tools" in why(asked, Message(role="assistant"), Message(role="tool", content="3", tool_call_id="a"))
    assert "own" in why(asked, Message(role="assistant", content="It is"))
    picture = ({"type": "text", "text": ASKED}, {"type": "image_url", "image_url": {"url": "data:"}})
    assert "text" in why(Message(role="user", content=picture))


def test_an_earlier_turn_is_read_by_every_block() -> None:
    model = scripted()
    agent(model).chat([user("A crate holds 17 boxes."), {"role": "assistant", "content": "Noted."}, user(ASKED)])
    for call in model.calls:
        assert "A crate holds 17 boxes." in call.text
        assert [message.type for message in call.messages][-3:] == ["human", "ai", "human"]


def test_calls_and_results_of_tools_are_words_to_blocks_and_messages_to_the_reply() -> None:
    model = scripted()
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages = [
        user("How is it?"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "rain"},
        {"role": "assistant", "content": "Rain."},
        user(ASKED),
    ]
    agent(model).chat(messages)
    work, reply = model.calls[0].messages, model.calls[-1].messages
    assert [message.type for message in work] == ["system", "human", "ai", "human", "ai", "human"]
    assert "rain" in work[3].text
    assert [message.type for message in reply] == ["human", "ai", "tool", "ai", "human"]
    assert isinstance(reply[1], AIMessage)
    assert reply[1].tool_calls[0]["name"] == "weather"


@pytest.mark.parametrize(
    "given",
    [
        [SystemMessage("Be kind."), HumanMessage("hi")],
        [{"role": "system", "content": "Be kind."}, {"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        [Message(role="system", content="Be kind."), Message(role="user", content="hi")],
    ],
)
def test_messages_of_every_origin_are_the_same(given: list[Any]) -> None:
    assert read_messages(given) == (Message(role="system", content="Be kind."), Message(role="user", content="hi"))


def test_langchains_tool_messages_are_read() -> None:
    given = [
        HumanMessage("x"),
        AIMessage("", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "1", "type": "tool_call"}]),
        ToolMessage("3", tool_call_id="1"),
    ]
    _, called, result = read_messages(given)
    assert called.tool_calls == (ToolCall(id="1", name="f", arguments='{"a": 1}'),)
    assert (result.role, result.text, result.tool_call_id) == ("tool", "3", "1")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ([], "role `user`"),
        ([{"role": "system", "content": "x"}], "role `user`"),
        ([{"role": "robot", "content": "x"}], "`messages.0.role`"),
        ([user("x"), 5], "`messages.1`"),
        ([{"content": "x"}], "`messages.0.role`"),
    ],
)
def test_what_is_no_conversation_is_refused_by_name(given: list[Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        read_messages(given)


def test_a_task_whose_prompt_is_another_than_its_messages_is_refused() -> None:
    task = conversation_task([Message(role="user", content="hi")])
    with pytest.raises(ValidationError, match="last message of the user"):
        type(task)(id="a", prompt="other", messages=task.messages)


def test_options_nobody_knows_are_refused() -> None:
    with pytest.raises(UsageError, match="max_tokens"):
        agent(scripted()).chat([user("hi")], max_tokens=0)


def test_no_limit_is_sent_where_the_caller_sets_none() -> None:
    model = scripted()
    agent(model).chat([user("hi there")])
    assert "max_tokens" not in model.calls[-1].options


def test_a_conversation_longer_than_anybody_reads_is_refused() -> None:
    with pytest.raises(UsageError, match="10,001; at most 10,000"):
        read_messages([user("hi")] * 10_001)


def test_a_reply_that_another_one_took_the_place_of_is_no_part_of_what_is_seen() -> None:
    run = agent(scripted(found="I would rather not say.")).chat([user(ASKED)])
    told = usage_of([run])
    seen = len("It is 391, sorry.".split())
    assert told["completion_tokens"] - told["completion_tokens_details"]["reasoning_tokens"] == seen


def test_what_was_done_is_told_with_its_reasons() -> None:
    run = agent(scripted()).chat([user(ASKED)])
    lines = told_afterwards(run).splitlines()
    assert lines[0] == "program: nothing was computed yet"
    assert lines[2] == "verify: one route alone is not enough"
    assert lines[1].startswith("  → 391; program ok")
    assert told_afterwards(agent(scripted()).chat([user("hi there")])) == ""


class Lost(ConceptStore):
    """A memory that fails in one method, as one does whose database is locked or whose index is away."""

    failing = ""

    def recall(self, *given: Any, **how: Any) -> Any:
        return self._or_fail("recall", super().recall, *given, **how)

    def record_outcomes(self, *given: Any, **how: Any) -> Any:
        return self._or_fail("record_outcomes", super().record_outcomes, *given, **how)

    def _or_fail(self, name: str, method: Any, *given: Any, **how: Any) -> Any:
        if self.failing == name:
            raise LedgerError("the memory is locked")
        return method(*given, **how)


@pytest.mark.parametrize("failing", ["recall", "record_outcomes"])
def test_a_memory_that_fails_costs_nobody_the_reply(failing: str, caplog: pytest.LogCaptureFixture) -> None:
    with Lost.temporary() as store:
        taught = ConceptDraft(title="Multiply", cues=("what is 17*23",), implementation=("print(a*b)",))
        store.add(taught)
        store.failing = failing
        with agent(scripted(), memory=store, learn=True) as asked:
            run = asked.chat([user(ASKED)])
            with pytest.raises(LedgerError):
                asked.solve(Task(id="t", prompt=ASKED, kind="numeric"))
    assert run.answer == "It is 391."
    assert "the reply is written without it: the memory is locked" in caplog.text


def test_an_image_is_refused_in_one_sentence_where_the_model_reads_text_alone(tmp_path: Path) -> None:
    model = EmbeddedChatModel(path=tmp_path / "never-loaded.gguf")
    picture = ({"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:"}})
    request = Request(messages=(Message(role="user", content=picture),), max_tokens=9, exact=True)
    with pytest.raises(UnsupportedParameter) as refused:
        arguments_for(model, {}, request, model.capabilities, Terms())
    assert str(refused.value) == "this model reads text alone: leave out the parts that are none (`image_url`)"
    assert refused.value.parameter == "messages"


def test_the_first_decision_is_told_once_and_only_where_it_has_a_message_worked_on() -> None:
    with ReasoningAgent(scripted()) as agent:
        told = {
            said: [
                event.why
                for event in agent.stream_chat([Message(role="user", content=said)])
                if isinstance(event, events.Decided)
            ]
            for said in ("hi", ASKED)
        }
    assert told == {"hi": [], ASKED: ["is a sum"]}
