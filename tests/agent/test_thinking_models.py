"""Models that think: their limits, their budget, and what later prompts repeat of them."""

import pytest

from pilotage.agent import Budget, ReasoningAgent, Task
from pilotage.agent.budget import Meter
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message
from pilotage.agent.models import ModelClient, ScriptedChatModel
from pilotage.agent.models.calls import THINKING_TOKENS
from pilotage.agent.models.reply import LimitUsedUp
from pilotage.agent.settings import settings_from

ASKED = (Message(role="user", content="What is 6*7?"),)
THOUGHT = "<think>" + "hm " * 100 + "</think>\n"


def kit_of(answers, **budget) -> tuple[Kit, ScriptedChatModel]:
    model = ScriptedChatModel(answers)
    return Kit(ModelClient(model), Meter(Budget(**{"max_tokens": 20_000} | budget))), model


def limits(model: ScriptedChatModel) -> list[int]:
    return [call.options["max_tokens"] for call in model.calls]


async def test_thinking_that_used_up_the_limit_is_given_room_once_and_from_then_on():
    kit, model = kit_of(lambda call: THOUGHT + "Answer: 42")
    reply = await kit.send(ASKED, max_tokens=24)
    assert (reply.text, reply.finish_reason) == ("Answer: 42", "stop")
    assert limits(model) == [24, 24 + THINKING_TOKENS]
    assert kit.usage.llm_calls == 2 and kit.usage.completion_tokens > 100
    await kit.send(ASKED, max_tokens=30)
    assert limits(model)[2:] == [30 + THINKING_TOKENS]


async def test_an_answer_that_thinking_left_no_room_for_is_asked_for_again():
    kit, model = kit_of(lambda call: "<think>" + "hm " * 20 + "</think> The answer is surely this: 42")
    reply = await kit.send(ASKED, max_tokens=24)
    assert reply.text == "The answer is surely this: 42"
    assert len(limits(model)) == 2


async def test_without_budget_for_more_it_says_what_to_raise():
    kit, model = kit_of(lambda call: THOUGHT + "Answer: 42", max_tokens=200)
    with pytest.raises(LimitUsedUp, match=r"24 tokens.*--reply-tokens \(Budget\.reply_tokens\)"):
        await kit.send(ASKED, max_tokens=24)
    assert limits(model) == [24]
    assert kit.usage.llm_calls == 1


async def test_a_model_that_only_thinks_is_given_up_after_the_second_try():
    kit, model = kit_of(lambda call: "<think>" + "hm " * 5000)
    with pytest.raises(LimitUsedUp):
        await kit.send(ASKED, max_tokens=24)
    assert len(limits(model)) == 2


async def test_a_cut_answer_of_a_model_that_does_not_think_is_not_asked_for_again():
    kit, model = kit_of(lambda call: "word " * 100)
    reply = await kit.send(ASKED, max_tokens=24)
    assert reply.cut and limits(model) == [24]


async def test_reply_tokens_are_the_least_that_every_reply_may_have_within_the_budget():
    kit, model = kit_of(lambda call: "Answer: 42", reply_tokens=500)
    await kit.send(ASKED, max_tokens=24)
    await kit.send(ASKED, max_tokens=700)
    assert limits(model) == [500, 700]
    kit, model = kit_of(lambda call: "Answer: 42", reply_tokens=50_000, max_tokens=1_000)
    await kit.send(ASKED, max_tokens=24)
    assert 900 < limits(model)[0] < 1_000


def test_reply_tokens_come_from_settings(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert settings_from({}).budget.reply_tokens == 0
    assert settings_from({"reply_tokens": 900}).budget.reply_tokens == 900
    monkeypatch.setenv("PILOTAGE_REPLY_TOKENS", "700")
    assert settings_from({}).budget.reply_tokens == 700


def test_no_thinking_reaches_the_answer_a_step_or_a_later_prompt():
    def think(call):
        last = call[-1].content if isinstance(call, list) else ""
        return f"<think>secret thought about {len(last)}</think>\n6*7 is 42.\nAnswer: 42"

    model = ScriptedChatModel(think)
    with ReasoningAgent(model, policy="fixed:plan,reason,reflect,answer", sandbox="none") as agent:
        run = agent.solve("What is 6*7? Give the number.")
    assert "42" in (run.answer or "")
    assert not any("secret" in message.content for call in model.calls for message in call.messages)
    assert "secret" not in run.to_json()
    assert len(model.calls) >= 3


def test_a_program_about_the_tags_survives():
    program = "print(len('<think>ab</think>'))"

    def write(call):
        return f"<think>Easy.</think>\n```python\n{program}\n```"

    with ReasoningAgent(ScriptedChatModel(write), policy="fixed:program,answer", sandbox="subprocess") as agent:
        run = agent.solve(Task(id="count", prompt="How many characters are there in the text?", kind="numeric"))
    assert run.trace.steps[0].program == program
    assert "17" in (run.answer or "")


async def test_thinking_tokens_that_an_owner_set_are_added_to_every_limit():
    from langchain_anthropic import ChatAnthropic

    thinking = {"type": "enabled", "budget_tokens": 1500}
    model = ChatAnthropic(model="m", api_key="k", max_tokens=4000, thinking=thinking)
    assert ModelClient(model).thinking_tokens == 1500


async def test_a_model_without_a_budget_for_thinking_counts_for_none_beside_one_that_has_one():
    from langchain_anthropic import ChatAnthropic

    def model(**thinking):
        return ChatAnthropic(model="m", api_key="k", max_tokens=4000, thinking=thinking)

    limited, unlimited = model(type="enabled", budget_tokens=1500), model(type="adaptive", budget_tokens=None)
    assert ModelClient(unlimited).thinking_tokens == 0
    assert ModelClient(unlimited.with_fallbacks([limited])).thinking_tokens == 1500
