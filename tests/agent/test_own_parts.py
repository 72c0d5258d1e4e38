"""A block, a policy or a question that is not written as one is told in a sentence, before or at its first use."""

import asyncio

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.blocks import BUILT_IN, GRAPH_NODES, Block, Registry
from pilotage.agent.errors import UsageError
from pilotage.agent.events import Finished
from pilotage.agent.models import ModelClient
from pilotage.navigator.policies.policy import Decision


def agent_with(block=None, **settings):
    blocks = BUILT_IN if block is None else (block, *BUILT_IN)
    model = ModelClient(ScriptedChatModel(lambda _: "Answer: 42"))
    return ReasoningAgent(model, **{"sandbox": "none", "registry": Registry(blocks), **settings})


class Slow(ScriptedChatModel):
    """Writes a word, and the next one when nobody waits any more."""

    def __init__(self):
        super().__init__(lambda _: "word")

    async def _astream(self, messages, stop=None, run_manager=None, **settings):
        yield ChatGenerationChunk(message=AIMessageChunk("Once upon a time"))
        await asyncio.sleep(120)


class Own(Block):
    """Does what a test gives it to do."""

    name = "own"

    def applicable(self, state):
        return True


class Nothing(Own):
    async def run(self, state, kit):
        await kit.ask(state, "Think.", max_tokens=8)


class Plain(Own):
    def run(self, state, kit):
        return kit.step(self.name, [])


@pytest.mark.parametrize(
    ("block", "said"), [(Nothing(), "returned NoneType"), (Plain(), "does not run as a coroutine")]
)
def test_a_block_that_is_none_is_one_sentence(block, said):
    with agent_with(block, policy="fixed:own,answer") as agent, pytest.raises(UsageError, match=f"'own' {said}"):
        agent.solve("6*7")


@pytest.mark.parametrize("name", [*GRAPH_NODES, "", "a|b", "a:b", "a,b", "__start__"])
def test_a_block_cannot_be_called_as_what_is_no_block(name):
    block = type("Named", (Plain,), {"name": name})()
    with pytest.raises(UsageError, match="no block can be called"):
        agent_with(block)


@pytest.mark.parametrize("decided", [None, "answer", 3, Decision("answer")])
def test_a_policy_that_returns_no_decision_is_one_sentence(decided):
    class Policy:
        name = "mine"

        def decide(self, observation, mask):
            return decided

    with agent_with(policy=Policy()) as agent, pytest.raises(UsageError, match="'mine' decided .*: return"):
        agent.solve("6*7")


@pytest.mark.parametrize("use", ["solve", "graph", "tool"])
def test_an_empty_question_is_one_sentence(use):
    with agent_with() as agent:
        if use == "tool":
            assert "question is empty" in agent.as_tool().invoke({"question": " \n"})
            return
        with pytest.raises(UsageError, match="question is empty"):
            agent.solve("  ") if use == "solve" else agent.graph.invoke({"task": "  "})


@pytest.mark.parametrize("question", ["Tell me a story", "6*7"])
def test_a_budget_has_room_for_the_shortest_call_or_is_refused(question):
    """No limit on tokens is taken under which not even one call is made."""
    refused = 0
    for limit in range(20, 120, 4):
        with agent_with(budget=Budget(max_tokens=limit), policy="fixed:answer") as agent:
            try:
                assert agent.solve(question).usage.llm_calls == 1
            except UsageError as error:
                assert "too small" in str(error)
                with pytest.raises(UsageError, match="too small"):
                    agent.graph.invoke({"task": question})
                refused += 1
    assert 0 < refused < 25


async def test_what_was_streamed_of_an_open_reply_is_kept_at_the_time_limit():
    agent = ReasoningAgent(ModelClient(Slow()), policy="fixed:answer", sandbox="none", budget=Budget(max_seconds=1.5))
    task = Task(id="t", prompt="Tell me a story", kind="open")
    async for event in agent.astream(task):
        if isinstance(event, Finished):
            run = event.run
    assert run.stopped_by == "max_seconds"
    assert run.answer is not None and run.answer.startswith("Once upon") and run.cut
