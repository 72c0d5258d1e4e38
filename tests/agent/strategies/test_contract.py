"""The contract of every registered strategy: what it costs, which limits hold, and that it never makes an answer up."""

import asyncio

import pytest

from pilotage.agent import ReasoningAgent
from pilotage.agent.budget import Budget, Meter
from pilotage.agent.errors import BudgetExceeded, ModelUnavailable
from pilotage.agent.kit import Kit
from pilotage.agent.models import Fault, ModelClient, ResponseCache, RetryPolicy, ScriptedChatModel, StochasticChatModel
from pilotage.agent.state import Abilities, State
from pilotage.agent.strategies import installed
from pilotage.agent.task import Task
from pilotage.agent.trace import Trace, Usage
from tests.agent.strategies.skilled import PLENTY, answer, run, skilled, task
from tests.together import TogetherChatModel

OWN = "scripted"
"""What the scripted model is called, so that a strategy of two models has the run's own for both."""
NEEDED = {"retrieve": {"retriever": "tests.agent.strategies.test_composed:empty_shelf"}}


def configured(kind):
    """A strategy with what it needs beside its defaults."""
    return kind(**NEEDED.get(kind.name, {}), **({"large": OWN} if "large" in kind.model_fields else {}))


STRATEGIES = [configured(kind) for kind in installed().values()]
EVERY = pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)


def counted(usage):
    return usage.prompt_tokens, usage.completion_tokens, usage.llm_calls


@EVERY
def test_what_it_charges_is_what_the_model_counted(strategy):
    model, charged = skilled(0.6, silent=0.2), Usage()
    for number in range(5):
        step, kit = run(strategy, model, number)
        assert counted(step.usage) == counted(kit.usage) == counted(kit.meter.spent)
        charged += kit.usage
    assert counted(model.counted) == counted(charged)


@EVERY
def test_the_same_seed_gives_the_same_run(strategy):
    steps = [run(strategy, skilled(0.5, silent=0.2), number=3, seed=11)[0] for _ in range(2)]
    once, again = (step.model_dump(exclude={"usage", "seconds", "draws"}) for step in steps)
    assert once == again
    assert [draw.candidate for draw in steps[0].draws] == [draw.candidate for draw in steps[1].draws]


@EVERY
def test_a_model_that_never_answers_gives_no_answer(strategy):
    step, _ = run(strategy, ScriptedChatModel(lambda messages: "I cannot say what it is."))
    assert step.candidate is None


@EVERY
def test_replies_that_cannot_be_read_never_win(strategy):
    for number in range(10):
        step, _ = run(strategy, skilled(1.0, silent=0.7), number)
        assert step.candidate in ("right", None)


@EVERY
def test_a_budget_is_never_exceeded_whatever_is_asked_for_at_once(strategy):
    for max_tokens in (80, 200, 400, 900, 2000):
        budget = Budget(max_tokens=max_tokens, max_calls=1000)
        client = ModelClient(skilled(0.6))
        kit = Kit(client, Meter(budget))
        try:
            asyncio.run(strategy.run(State(task(), Trace(), budget), kit))
        except BudgetExceeded:
            pass
        assert kit.usage.total_tokens <= max_tokens
    for max_calls in (1, 2, 3):
        budget = Budget(max_calls=max_calls, max_tokens=1_000_000)
        kit = Kit(ModelClient(skilled(0.6)), Meter(budget))
        try:
            asyncio.run(strategy.run(State(task(), Trace(), budget), kit))
        except BudgetExceeded:
            pass
        assert kit.usage.llm_calls <= max_calls


@EVERY
def test_where_a_limit_ends_it_what_was_drawn_is_not_lost(strategy):
    if not run(strategy, skilled(1.0))[0].draws:
        pytest.skip("its calls stand one behind the other: before the last one there is no answer")
    budget = Budget(max_calls=max(1, strategy.least_calls - 1), max_tokens=1_000_000)
    kit = Kit(ModelClient(skilled(1.0)), Meter(budget))
    try:
        step = asyncio.run(strategy.run(State(task(), Trace(), budget), kit))
    except BudgetExceeded as limit:
        step = getattr(limit, "step", None)
        assert step is not None
    assert step.candidate == "right"


@EVERY
def test_an_endpoint_that_is_down_ends_it_and_what_was_paid_is_charged(strategy):
    refused = []

    def fails_at_times(messages, chance):
        if chance.random() < 0.4:
            refused.append(messages)
            return Fault(status=401)
        return answer("right")

    model = StochasticChatModel(fails_at_times)
    kit = Kit(ModelClient(model, retry=RetryPolicy(retries=0)), Meter(PLENTY), seed=2)
    try:
        asyncio.run(strategy.run(State(task(), Trace(), PLENTY), kit))
    except ModelUnavailable:
        pass
    assert kit.usage.total_tokens >= model.counted.total_tokens
    # What was refused is no call, but where it was given up before its refusal came.
    assert len(model.calls) - len(refused) <= kit.usage.llm_calls <= len(model.calls) - bool(refused)
    assert kit.meter.spent == kit.usage


@EVERY
def test_calls_that_are_given_up_are_counted(strategy):
    async def given_up():
        kit = Kit(ModelClient(skilled(0.6).model_copy(update={"latency": 30.0})), Meter(PLENTY))
        going = asyncio.ensure_future(strategy.run(State(task(), Trace(), PLENTY), kit))
        while not kit.meter.budget.max_tokens - kit.meter.tokens_left:
            await asyncio.sleep(0.01)
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
        return kit, asyncio.all_tasks() - {asyncio.current_task()}

    kit, left_over = asyncio.run(given_up())
    assert kit.usage.llm_calls >= 1
    assert kit.usage.estimated_calls == kit.usage.llm_calls
    assert kit.meter.tokens_left == PLENTY.max_tokens - kit.usage.total_tokens  # nothing stays reserved
    assert not left_over


@EVERY
def test_what_was_answered_before_a_kill_is_not_asked_again(strategy, tmp_path):
    cache = ResponseCache(tmp_path / "responses.sqlite")
    first, second = skilled(0.6), skilled(0.6)
    once, _ = run(strategy, ModelClient(first, cache=cache))
    again, kit = run(strategy, ModelClient(second, cache=cache))
    assert (once.candidate, once.evidence) == (again.candidate, again.evidence)
    assert second.counted.llm_calls == 0
    assert kit.usage.replayed_calls == kit.usage.llm_calls > 0


IN_ONE_ROUND = [
    s.model_copy(update={"sweeps": 1}) if hasattr(s, "sweeps") else s for s in STRATEGIES if hasattr(s, "n")
]


@pytest.mark.parametrize("strategy", IN_ONE_ROUND, ids=lambda strategy: strategy.name)
def test_independent_draws_are_asked_for_side_by_side(strategy):
    """The model answers none of them until all have come."""
    model = TogetherChatModel(lambda messages: answer("right"), parties=strategy.n)
    assert run(strategy, model)[0].candidate == "right"


@EVERY
def test_as_the_policy_of_a_run_it_answers_and_the_run_pays_for_it(strategy):
    model = ScriptedChatModel(lambda messages: answer("42"))
    with ReasoningAgent(model, policy=strategy.spec, sandbox="none", budget=Budget(max_tokens=20_000)) as agent:
        run_ = agent.solve(Task(id="product", prompt="What is six times seven?", kind="numeric"))
    assert (run_.answer, run_.policy) == ("42", strategy.spec)
    assert counted(run_.usage) == counted(model.counted)
    assert len(run_.trace.steps) == 2


@EVERY
def test_its_defaults_fit_the_default_budget(strategy):
    """By the estimate that is made before a call is paid, on a task of usual length."""
    strategy.require_room("word " * 100, Budget())


@EVERY
def test_its_parameters_and_its_source_are_told(strategy):
    about = (type(strategy).__doc__ or "").strip()
    assert "\n\n" in about, "what it does, then its source"
    for word in ("Tokens: ", "It helps", "20"):  # a paper of this century
        assert word in about
    for name, field in type(strategy).model_fields.items():
        assert field.description, name


@EVERY
def test_as_a_block_it_is_legal_once_and_on_tasks_that_it_can_do(strategy):
    from pilotage.agent.strategies.macro import StrategyBlock

    block = StrategyBlock(strategy)
    state = State(task(), Trace(), PLENTY, Abilities(sandbox=True))
    assert block.applicable(state)
    step, _ = run(strategy, skilled(1.0))
    ran = Trace(steps=(step.model_copy(update={"block": block.name}),))
    assert not block.applicable(State(task(), ran, PLENTY, Abilities(sandbox=True)))


@EVERY
def test_a_parameter_that_may_name_anything_is_not_for_a_stranger_to_give(strategy):
    """Free text names a file, code, a model or an address; or a language, which goes into its own prompt."""
    free = {
        name for name, field in type(strategy).model_fields.items() if field.annotation is str and not field.metadata
    }
    harmless = {"difficulty-adaptive": {"easy", "hard"}, "plangen": {"arms"}, "hedged": {"language"}}.get(
        strategy.name, set()
    )
    assert free - harmless == set(strategy.outside)
