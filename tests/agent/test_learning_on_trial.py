"""What one route reached teaches too, where it is likely right and there is room to explore: as weaker evidence."""

import pytest

from pilotage.agent import Budget, ReasoningAgent
from pilotage.agent.experience.study import Study
from pilotage.memory import ConceptStore
from tests.agent.test_confidence import SURE, UNSURE
from tests.agent.test_recalling import RENT, SALE, TASK, script


@pytest.fixture
def store():
    with ConceptStore.temporary(embedder="hash") as store:
        yield store


@pytest.fixture(autouse=True)
def one_route(monkeypatch):
    """No second route is worth its tokens."""
    monkeypatch.setattr(Study, "asks_another_route", lambda self, prompt, run: False)


async def solve(store, **options):
    given = {"policy": "default", "confidence": SURE, "budget": Budget(max_tokens=20_000), **options}
    async with ReasoningAgent(script(), memory=store, **given) as agent:
        return await agent.asolve(TASK)


async def test_a_likely_answer_of_one_route_teaches_on_trial(store):
    run = await solve(store)
    assert run.route == ("program", "answer") and not run.verified
    concept = store.get(*run.learned)
    assert concept.status == "provisional"
    assert concept.provenance.verified_by == ""
    assert [charge.by for charge in run.trace.charges] == ["distil"]


async def test_a_second_route_that_agrees_makes_it_trusted(store):
    first = await solve(store)
    again = await solve(store, policy="fixed:program,verify,answer")
    assert again.verified and store.get(*first.learned).status == "trusted"


@pytest.mark.parametrize(
    "options",
    [{"confidence": UNSURE}, {"policy": "fixed:program,answer"}, {"effort": "low"}, {"learn": False}],
)
async def test_it_does_not_where_the_answer_is_unsure_or_nothing_is_explored(store, options):
    run = await solve(store, **options)
    assert run.answer == "59" and run.learned == () and not list(store.all())


async def test_it_does_not_without_room(store, monkeypatch):
    monkeypatch.setattr(Study, "has_room_to_write", lambda self: False)
    assert (await solve(store)).learned == ()


@pytest.mark.parametrize("holdout", [0.0, 1.0])
async def test_it_does_not_where_memory_had_something_to_show(store, holdout):
    store.add_many([SALE, RENT])
    run = await solve(store, holdout=holdout)
    assert bool(run.trace.recalled.hints) == (holdout == 0) and run.learned == ()
