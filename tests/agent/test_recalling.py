"""Recall with a model that chooses, captions, and asks again; and what a user's feedback does."""

import json

import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.errors import UsageError
from pilotage.memory import ConceptDraft, ConceptStore

SALE = ConceptDraft(
    title="Profit of a sale",
    cues=("goods sold at a price each, with a cost to subtract, how many dollars of profit",),
    implementation=("goods = ...", "print(goods * price - cost)"),
)
RENT = ConceptDraft(
    title="Profit of a rental",
    cues=("rooms rented at a price each, with a cost to subtract, how many dollars of profit",),
    implementation=("for room in rooms:", "    profit += rent"),
)
TASK = Task(
    id="bakery",
    prompt="Goods are sold at a price of 6 dollars each with a cost of 25 dollars. How many dollars of profit for 14?",
    kind="numeric",
)
PROGRAM = "```python\ngoods = 14\nprice = 6\ncost = 25\nprint(goods * price - cost)\n```"
REASONING = "14 times 6 is 84, minus 25 is 59.\nAnswer: 59"


def script(**replies):
    def reply(messages):
        system, last = messages[0].text, messages[-1].text
        for part, text in replies.items():
            if part in system.replace(" ", "_"):
                return text
        if "Python program" in last:
            return PROGRAM
        if "Reply in JSON" in system:
            return json.dumps({"title": "Profit of goods", "when": "goods sold at a price with a cost"})
        return REASONING

    return ScriptedChatModel(reply)


@pytest.fixture
def store():
    with ConceptStore.temporary(embedder="hash") as store:
        store.add_many([SALE, RENT])
        yield store


async def solve(store, model, policy="fixed:program,answer", **options):
    async with ReasoningAgent(model, memory=store, policy=policy, learn=False, **options) as agent:
        return await agent.asolve(TASK)


async def test_the_model_selects_and_the_call_is_charged(store):
    model = script(choose_notes='{"fits": [2]}')
    run = await solve(store, model, memory_selection="llm", memory_related=2)
    assert len(run.recalled) == 1
    assert [charge.by for charge in run.trace.charges] == ["recall"]
    assert run.usage.model_copy(update={"seconds": 0.0}) == model.counted
    shown = run.trace.recalled.text
    assert shown.count("# ") == 1 and "Related: " in shown


async def test_an_empty_selection_is_no_hint(store):
    run = await solve(store, script(choose_notes='{"fits": []}'), memory_selection="llm")
    assert run.recalled == () and run.trace.recalled.text == "" and run.answer == "59"


@pytest.mark.parametrize("reply", ["Rate limit reached", '{"fits": "all"}', '{"fits": [99]}'])
async def test_an_unusable_selection_leaves_the_order_of_the_indexes(store, reply):
    chosen = await solve(store, script(choose_notes=reply), memory_selection="llm")
    plain = await solve(store, script())
    assert chosen.recalled == plain.recalled != ()


async def test_a_caption_joins_the_query_and_a_bad_one_changes_nothing(store):
    model = script(name_kinds='{"caption": "A profit of rooms rented at a price."}')
    run = await solve(store, model, memory_caption=True)
    assert run.recalled and [charge.by for charge in run.trace.charges] == ["recall"]
    bad = await solve(store, script(name_kinds="I am sorry, I can't"), memory_caption=True)
    assert bad.recalled == (await solve(store, script())).recalled


async def test_a_retry_shows_what_was_not_shown_before(store):
    third = store.add(
        ConceptDraft(
            title="Profit with a division",
            cues=("price, cost, profit in dollars of goods sold",),
            implementation=("a",),
        )
    )
    run = await solve(store, script(), policy="fixed:program,recall,answer")
    first = [hint.concept_id for hint in run.trace.recalled.hints]
    second = [hint.concept_id for hint in run.trace.steps[1].hints]
    assert len(first) == 2 and set(second).isdisjoint(first)
    assert {*first, *second} <= {concept.id for concept in store.all()} and third in {*first, *second}


async def test_feedback_promotes_what_an_unverified_run_taught(store):
    async with ReasoningAgent(script(), memory=store, policy="fixed:program,answer", keep_unverified=True) as agent:
        run = await agent.asolve(TASK)
        assert len(run.learned) == 1 and not run.verified
        (id,) = run.learned
        before = store.get(id)
        await agent.afeedback(run, helped=True)
        await agent.afeedback(run, helped=True)
    after = store.get(id)
    assert after.status == "trusted"
    assert after.outcomes.helped - before.outcomes.helped == (1 if id in run.followed else 0)


async def test_bad_feedback_retires_what_only_that_run_taught_and_can_be_undone():
    with ConceptStore.temporary(embedder="hash") as store:
        async with ReasoningAgent(script(), memory=store, policy="fixed:program,answer", keep_unverified=True) as agent:
            run = await agent.asolve(TASK)
            assert store.get(run.learned[0]).status == "provisional"
            await agent.afeedback(run, helped=False)
        assert store.get(run.learned[0]).status == "retired"
        store.undo_run(f"feedback:{run.id}")
        assert store.get(run.learned[0]).status == "provisional"


async def test_bad_feedback_counts_against_what_was_followed(store):
    run = await solve(store, script())
    assert run.followed
    async with ReasoningAgent(script(), memory=store) as agent:
        await agent.afeedback(run, helped=False)
    assert all(store.get(id).outcomes.harmed == 1 for id in run.followed)


async def test_feedback_without_memory_says_what_to_do(store):
    run = await solve(store, script())
    async with ReasoningAgent(script()) as agent:
        with pytest.raises(UsageError, match="no memory"):
            await agent.afeedback(run, helped=True)


async def test_a_later_success_promotes_a_provisional_concept():
    with ConceptStore.temporary(embedder="hash") as store:
        async with ReasoningAgent(script(), memory=store, policy="fixed:program,answer", keep_unverified=True) as agent:
            (id,) = (await agent.asolve(TASK)).learned
        assert store.get(id).status == "provisional" and store.get(id).provenance.verified_by == ""
        async with ReasoningAgent(script(), memory=store, policy="fixed:program,verify,answer") as agent:
            again = await agent.asolve(TASK)
        assert again.learned == (id,) and store.get(id).status == "trusted"


async def test_a_repaired_program_teaches_a_pitfall():
    task = Task(
        id="double",
        prompt="Read a number and print its double.",
        kind="program",
        examples=({"input": "2", "output": "4"}, {"input": "5", "output": "10"}),
    )
    pitfall = {
        "when": "A number is read from standard input.",
        "wrong": "The number was read as text and repeated.",
        "instead": "Turn the input into a number before doubling it.",
    }

    def reply(messages):
        system, last = messages[0].text, messages[-1].text
        if "short warnings" in system:
            return json.dumps(pitfall)
        if "Reply in JSON" in system:
            return json.dumps({"title": "Double a number read from input", "when": "a number is read and doubled"})
        if "corrected program" in last:
            return "It was text.\n```python\nn = int(input())\nprint(n * 2)\n```"
        return "```python\nn = input()\nprint(n * 2)\n```"

    with ConceptStore.temporary(embedder="hash") as store:
        model = ScriptedChatModel(reply)
        async with ReasoningAgent(model, memory=store, policy="fixed:program,reflect,answer") as agent:
            run = await agent.asolve(task)
        kept = {concept.pitfall: concept for concept in store.all()}
    assert run.verified and set(run.learned) == {concept.id for concept in kept.values()}
    assert kept[True].title == pitfall["wrong"].rstrip(".") and kept[True].status == "provisional"
    assert kept[True].provenance.verified_by == "worked examples"
    assert kept[False].status == "trusted"
