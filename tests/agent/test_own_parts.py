"""A part or a question that is not written as one is told in a sentence: as the agent is made, or at its first use."""

import asyncio

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.blocks import BUILT_IN, GRAPH_NODES, Block, Registry
from pilotage.agent.errors import UsageError
from pilotage.agent.events import Finished
from pilotage.agent.models import ModelClient
from pilotage.agent.trace import Hint, Recalled
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


class NoDecide:
    name = "mine"


class NoName:
    def decide(self, observation, mask): ...


class Short:
    name = "mine"

    async def navigate(self, now): ...


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"policy": NoDecide()}, "class 'NoDecide', which has no method `decide"),
        ({"policy": NoName()}, "class 'NoName', which has no `name`"),
        ({"policy": Short()}, "class 'Short', which has no method `async navigate"),
        ({"policy": NoName}, r"class NoName: give an object of it, NoName\(\)"),
        ({"policy": 3}, "policy is 3, which has no `name` that is a text and no method"),
        ({"memory": 3}, "memory is 3: give a ConceptStore, or an asynchronous function"),
        ({"memory": lambda query: None}, "memory is the function '<lambda>': give"),
        ({"memory": "notes"}, "ConceptStore.open"),
        ({"sandbox": 3}, "unknown sandbox mode 3: use one of"),
        ({"registry": [Nothing()]}, "registry is .*: give a pilotage.agent.Registry"),
        ({"budget": 4000}, "budget is 4000: give a pilotage.agent.Budget"),
    ],
)
def test_a_part_of_another_kind_is_refused_when_the_agent_is_made(parts, said):
    with pytest.raises(UsageError, match=said) as raised:
        agent_with(**parts)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("block", [None, "reason", NoName(), Nothing])
def test_what_is_no_block_is_refused_by_the_registry(block):
    with pytest.raises(UsageError, match="which is no block"):
        Registry([block, *BUILT_IN])


NOTE = Recalled(text="A note: multiply.", hints=(Hint(concept_id="n", title="Multiply", similarity=1),))


async def notebook(query, max_tokens, kit=None, *, exclude=(), tried=""):
    return NOTE if "6*7" in query and max_tokens >= 10 else Recalled()


class Notebook:
    async def __call__(self, query, max_tokens, kit=None, *, exclude=(), tried=""):
        return NOTE


@pytest.mark.parametrize("memory", [notebook, Notebook()])
def test_a_memory_of_ones_own_is_recalled_through_and_nothing_is_learnt_into_it(memory):
    model = ScriptedChatModel(lambda _: "Answer: 42")
    with ReasoningAgent(model, memory=memory, sandbox="none", policy="fixed:reason,answer") as agent:
        run = agent.solve("6*7")
    assert run.recalled == ("n",) and run.learned == () == run.followed
    assert "A note: multiply." in model.calls[0].text


@pytest.mark.parametrize("gives", [None, "a note"])
def test_a_memory_that_gives_something_else_is_one_sentence(gives):
    async def forgetful(query, max_tokens, kit=None, **more):
        return gives

    with agent_with(memory=forgetful) as agent, pytest.raises(UsageError, match="it has to return a .*Recalled"):
        agent.solve("6*7")


def test_a_trace_gives_its_steps():
    with agent_with(policy="fixed:reason,answer") as agent:
        run = agent.solve("6*7")
    assert [step.block for step in run.trace] == ["reason", "answer"]
    assert list(run.trace) == list(run.trace.steps)
