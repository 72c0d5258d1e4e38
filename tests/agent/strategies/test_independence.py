"""What counts as an independent route, whose draw is whose where some are missing, what is checked beforehand."""

import asyncio
import re

import pytest

from pilotage.agent import ReasoningAgent
from pilotage.agent.budget import Budget
from pilotage.agent.errors import UsageError
from pilotage.agent.models import Capabilities, ModelClient, ScriptedChatModel
from pilotage.agent.models.named import NamedModels
from pilotage.agent.strategies.composed.archon import Archon
from pilotage.agent.strategies.judging.debate import MultiAgentDebate
from pilotage.agent.strategies.judging.tree_of_thoughts import TreeOfThoughts
from pilotage.agent.strategies.two_models.cascade import Cascade
from pilotage.agent.task import Task
from tests.agent.strategies.skilled import RIGHT, answer, run

TASK = Task(id="t", prompt="Right or wrong?", kind="text")


def last(messages):
    return str(messages[-1].text)


def test_solutions_that_read_each_other_verify_nothing():
    def thinks(messages):
        return "1" if "number" in last(messages) else answer(RIGHT)

    step, _ = run(TreeOfThoughts(), ScriptedChatModel(thinks))
    assert step.candidate == RIGHT and step.routes == 1
    draws = iter("1234")

    def combines(messages):
        said = {"Combine": "Answer: 3", "Rank the": "[1] > [2] > [3] > [4]", "For each": "[1] Fine."}
        known = next((reply for words, reply in said.items() if words in last(messages)), None)
        return known or f"Answer: {next(draws)}"

    step, _ = run(Archon(), ScriptedChatModel(combines))
    assert (step.candidate, step.routes) == ("3", 1)


def test_draws_that_agree_are_not_counted_as_outvoted():
    with ReasoningAgent(ScriptedChatModel(lambda messages: answer(RIGHT)), policy="strategy:debate") as agent:
        assert agent.solve(TASK).trace.steps[-1].evidence.note == "reached by 1 of 1 routes"


class SlowSecond(ScriptedChatModel):
    """Of the second round, the first agent's reply does not come."""

    async def _agenerate(self, messages, *arguments, **options):
        if len(messages) > 2 and "Answer: A" in str(messages[-2].text):
            await asyncio.sleep(600)
        return await super()._agenerate(messages, *arguments, **options)


def test_who_did_not_reply_in_time_keeps_its_own_vote_and_no_other():
    first = iter("ABC")

    def reply(messages):
        if len(messages) == 2:
            return f"Answer: {next(first)}"
        return "Answer: D" if "Answer: C" in str(messages[-2].text) else "Answer: C"

    from pilotage.agent.blocks.base import CutShort

    with pytest.raises(CutShort) as cut:
        run(MultiAgentDebate(), SlowSecond(reply), budget=Budget(max_seconds=3))
    assert [draw.candidate for draw in cut.value.step.draws] == ["A", "C", "D"]


def test_a_round_without_usable_replies_loses_nothing():
    def reply(messages):
        return answer("42") if len(messages) == 2 else ""

    step, _ = run(MultiAgentDebate(), ScriptedChatModel(reply))
    assert step.candidate == "42"


def test_draws_that_abstain_make_nobody_sure():
    replies = iter(["no", "no", "no", "no", "Answer: 7", "Answer: 8"])
    small = ScriptedChatModel(lambda messages: next(replies), identity="small")
    strategy = Cascade(large="scripted", by="agreement", n=5, threshold=0.6)
    step, kit = run(strategy, small)
    assert step.candidate == "8" and kit.usage.llm_calls == 6


def test_strategies_among_the_blocks_are_checked_before_a_call_is_paid():
    for spec, why in (("strategy:cascade", "needs large=MODEL"), ("strategy:self-consistency;n=25", "needs 25 calls")):
        with pytest.raises(UsageError, match=re.escape(why)):
            ReasoningAgent(ScriptedChatModel([]), blocks=[spec])
    plain = ScriptedChatModel([], capabilities=Capabilities())
    with pytest.raises(UsageError, match="gives none"):
        ReasoningAgent(plain, blocks=["strategy:best-of-n"])


def test_a_second_model_of_the_same_server_has_its_limits_and_its_alias():
    from langchain_openai import ChatOpenAI

    own = ModelClient(ChatOpenAI(base_url="http://127.0.0.1:9/v1", api_key="none", model="own"), timeout=7.0)
    own.alias = "the upstream near"
    second = NamedModels(own).named("big")
    assert (second.alias, second.timeout, second.rate) == ("the upstream near", 7.0, own.rate)


def test_credentials_in_the_address_of_a_scorer_are_refused_and_not_repeated():
    from pilotage.agent.strategies import strategy_named

    with pytest.raises(UsageError, match="PILOTAGE_SCORER_KEY"):
        strategy_named("strategy:best-of-n;scorer=remote:http://user:word@127.0.0.1/score")


def test_a_combination_reads_nothing_that_the_run_tried_before():
    """It is asked for from the task and the solutions alone, as every draw of a step that counts as independent."""
    first = iter(["An earlier attempt.\nAnswer: earlier"])

    def reply(messages):
        said = {"Combine": "Answer: 3", "Rank the": "[1] > [2] > [3] > [4]", "For each": "[1] Fine."}
        known = next((text for words, text in said.items() if words in last(messages)), None)
        return known or next(first, "Answer: 3")

    model = ScriptedChatModel(reply)
    with ReasoningAgent(model, policy="fixed:reason,strategy.archon,answer", blocks=["strategy:archon"]) as agent:
        agent.solve(TASK)
    combining = [call for call in model.calls if "Combine" in call.text]
    assert combining and not any("An earlier attempt." in call.text for call in combining)
