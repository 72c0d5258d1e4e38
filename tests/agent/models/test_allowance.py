"""Hard budgets hold for the attempts that one call takes."""

import pytest

from pilotage.agent.errors import BudgetExceeded
from pilotage.agent.models import Fault, Message, ModelClient, RetryPolicy, ScriptedChatModel, UnusableReply, load_model


@pytest.mark.parametrize(
    ("limits", "requests"),
    [({"max_calls": 1}, 1), ({"max_calls": 1, "max_tokens": 600}, 1), ({"max_tokens": 900}, 1), ({}, 2)],
)
async def test_a_reply_of_no_use_is_asked_for_again_only_as_the_budget_allows(endpoint, kit_for, limits, requests):
    endpoint.plan = [endpoint.ok("", usage=(200, 300))] * 3
    kit = kit_for(load_model("m", base_url=endpoint.url, api_key="none"), **limits)
    with pytest.raises(UnusableReply, match="empty text"):
        await kit.send((Message(role="user", content="?"),), max_tokens=400)
    assert len(endpoint.bodies) == requests == kit.usage.llm_calls == kit.meter.spent.llm_calls
    assert kit.usage.total_tokens == 500 * requests == kit.meter.spent.total_tokens
    assert kit.meter.tokens_left == kit.meter.budget.max_tokens - 500 * requests


async def test_a_run_that_its_time_ends_amid_failures_says_what_failed(kit_for):
    model = ModelClient(ScriptedChatModel(lambda _: Fault()), retry=RetryPolicy(first_delay=60))
    kit = kit_for(model, max_seconds=0.5)
    with pytest.raises(BudgetExceeded, match=r"0\.5 seconds is used up.*the script drops the connection"):
        await kit.send((Message(role="user", content="?"),), max_tokens=400)


@pytest.mark.parametrize(("status", "calls"), [(503, 1), (500, 2)])
async def test_what_was_billed_before_the_time_was_up_is_charged(kit_for, status, calls):
    """An empty reply that was paid for, and a second try that was refused, or that may have been work."""
    script = iter(["", Fault(status=status)])
    model = ModelClient(ScriptedChatModel(lambda _: next(script)), retry=RetryPolicy(first_delay=60))
    kit = kit_for(model, max_seconds=0.5)
    with pytest.raises(BudgetExceeded, match="is used up"):
        await kit.send((Message(role="user", content="?"),), max_tokens=400)
    assert kit.usage.llm_calls == calls == kit.meter.spent.llm_calls
