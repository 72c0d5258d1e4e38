"""What a verified success teaches comes back as a hint; nothing else is ever written."""

import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.budget import Budget
from pilotage.memory import ConceptStore
from tests.agent.states import always_right

FIRST = Task(
    id="market",
    prompt="Lena sells 14 jars at 6 dollars each and pays 25 dollars for the stall. How many dollars of profit?",
    kind="numeric",
    gold=59,
)
SECOND = Task(
    id="bakery",
    prompt="Omar sells 32 loaves at 5 dollars each and pays 40 dollars for flour. How many dollars of profit?",
    kind="numeric",
    gold=120,
)
PROGRAM = "```python\njars = 14\nprice = 6\nstall = 25\nprofit = jars * price - stall\nprint(profit)\n```"
NOTE = '{"title": "Profit of a sale", "when": "goods sold at a price each, with a cost to subtract"}'


def seller(messages):
    last = messages[-1].text
    if "Python program" in last:
        return PROGRAM
    if "<solution>" in last:
        return NOTE
    return "14 times 6 is 84, minus 25 is 59.\nAnswer: 59"


@pytest.fixture
def store():
    with ConceptStore.temporary(embedder="hash") as store:
        yield store


async def test_a_verified_success_is_learnt_and_recalled_for_a_related_task(store):
    model = ScriptedChatModel(seller)
    async with ReasoningAgent(model, memory=store, policy="fixed:program,verify,answer") as agent:
        first = await agent.asolve(FIRST)
        second = await agent.asolve(SECOND)
    assert len(first.learned) == 1
    concept = store.get(first.learned[0])
    assert concept.title == "Profit of a sale"
    assert concept.provenance.task_id == "market"
    assert concept.provenance.verified_by == "2 independent routes"
    assert "14" not in " ".join(concept.implementation)
    assert second.recalled == first.learned
    prompts = [call.text for call in model.calls if "Omar" in call.text and "<solution>" not in call.text]
    assert prompts and all("Profit of a sale" in prompt for prompt in prompts)


async def test_writing_to_memory_is_charged_to_the_run(store):
    model = ScriptedChatModel(seller)
    async with ReasoningAgent(model, memory=store, policy="fixed:program,verify,answer") as agent:
        run = await agent.asolve(FIRST)
    assert [charge.by for charge in run.trace.charges] == ["distil"]
    assert run.usage.model_copy(update={"seconds": 0.0}) == model.counted


async def test_an_answer_that_only_one_route_reached_is_not_learnt_even_if_it_is_right(store):
    async with ReasoningAgent(ScriptedChatModel(seller), memory=store, policy="fixed:program,answer") as agent:
        run = await agent.asolve(FIRST)
    assert run.score == 1.0
    assert run.learned == ()
    assert store.is_empty()


async def test_a_grade_never_opens_the_gate(store):
    wrong = FIRST.model_copy(update={"gold": 1_000})
    async with ReasoningAgent(ScriptedChatModel(seller), memory=store, policy="fixed:program,verify,answer") as agent:
        run = await agent.asolve(wrong)
    assert run.score == 0.0
    assert len(run.learned) == 1


async def test_memory_can_be_read_only(store):
    async with ReasoningAgent(
        ScriptedChatModel(seller), memory=store, learn=False, policy="fixed:program,verify,answer"
    ) as agent:
        run = await agent.asolve(FIRST)
    assert run.learned == ()
    assert store.is_empty()


async def test_learning_stays_within_the_budget(store):
    model = ScriptedChatModel(seller)
    budget = Budget(max_calls=2)
    async with ReasoningAgent(model, memory=store, policy="fixed:program,verify,answer", budget=budget) as agent:
        run = await agent.asolve(FIRST)
    assert run.usage.llm_calls == 2
    assert run.answer == "59"


async def test_without_memory_nothing_is_asked_of_it(scripted):
    async with ReasoningAgent(ScriptedChatModel(always_right), policy="fixed:recall,reason,recall,answer") as agent:
        run = await agent.asolve(FIRST)
    assert "recall" not in run.route
    assert run.recalled == ()
