"""A second model within a strategy: how it is named, what it costs, and the strategies of two models."""

import asyncio
import json

import pytest

from pilotage.agent import ReasoningAgent
from pilotage.agent.budget import Budget, Meter
from pilotage.agent.errors import UsageError
from pilotage.agent.kit import Kit
from pilotage.agent.models import ModelClient, ResponseCache, ScriptedChatModel, load_model
from pilotage.agent.models.named import NamedModels
from pilotage.agent.models.prices import Price
from pilotage.agent.state import State
from pilotage.agent.strategies import strategy_named
from pilotage.agent.strategies.known.readers import nine_if_right, stepping
from pilotage.agent.strategies.known.skilled import always, apart
from pilotage.agent.strategies.two_models.cascade import Cascade
from pilotage.agent.strategies.two_models.speculative import Speculative
from pilotage.agent.task import Task
from pilotage.agent.trace import Trace, total
from tests.agent.strategies.skilled import PLENTY, RIGHT, WRONG, answer, near, skilled, task

TASKS = 150


def run_two(strategy, small, large, number=0, budget=PLENTY, seed=0, cache=None):
    """The step of a strategy of two models, the large one by the name `big`, and the kit that paid."""
    own = ModelClient(small, identity="small", cache=cache)
    models = NamedModels(own, {"big": ModelClient(large, name="big", identity="big", cache=cache)})
    kit = Kit(own, Meter(budget), models=models, seed=seed)
    return asyncio.run(strategy.run(State(task(number), Trace(), budget), kit)), kit


def share(strategy, small, large, tasks=TASKS):
    return sum(run_two(strategy, small, large, number)[0].candidate == RIGHT for number in range(tasks)) / tasks


def counted(*usages):
    usage = total(usages)
    return usage.prompt_tokens, usage.completion_tokens, usage.llm_calls


# Names of models


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "large.json"
    path.write_text(json.dumps({"rules": {"": "Some work.\nAnswer: 7"}}))
    return f"scripted:{path}"


def test_a_model_that_is_handed_over_shares_the_cache_and_is_asked_by_its_name(tmp_path):
    cache = ResponseCache(tmp_path / "responses.sqlite")
    own = ModelClient(always(WRONG), cache=cache)
    models = NamedModels(own, {"strong": always(RIGHT)})
    assert models.named("") is own
    assert models.named("scripted") is own, "its own name"
    assert models.named("strong") is models.named("strong")
    assert models.named("strong").cache is cache


def test_a_model_string_is_loaded_with_the_cache_and_the_retries_of_the_own_model(script, tmp_path):
    own = ModelClient(always(WRONG), cache=ResponseCache(tmp_path / "responses.sqlite"))
    other = NamedModels(own).named(script)
    assert (other.cache, other.retry) == (own.cache, own.retry)
    assert NamedModels(load_model(script)).named(script).name == script


def test_a_model_string_costs_what_is_said_of_it(script):
    price = Price(input=2, output=8)
    models = NamedModels(ModelClient(always(WRONG)), prices={script: price, "other": Price(input=1, output=1)})
    assert models.named(script).price == price and models.named("").price is None


def test_a_run_is_charged_for_a_second_model_by_its_price(script):
    prices = {script: Price(input=1_000_000, output=0)}
    own = ModelClient(always(WRONG), price=Price(input=0, output=1_000_000))
    policy = f"strategy:cascade;large={script};threshold=0.95;by=logprob"
    with ReasoningAgent(own, policy=policy, sandbox="none", prices=prices) as agent:
        usage = agent.solve("What is 3 plus 4?").usage
    (second,) = usage.others.values()
    assert usage.cost == second.prompt_tokens + usage.own.completion_tokens


def test_a_bare_name_beside_a_served_model_is_looked_for_at_its_server():
    own = load_model("small", base_url="http://127.0.0.1:9/v1", api_key="key-of-server")
    other = NamedModels(own).named("large:7b")
    assert other.identity == "http://127.0.0.1:9/v1#large:7b"
    assert other.main.openai_api_key.get_secret_value() == "key-of-server"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("strategy:cascade", r"strategy:cascade needs large=MODEL"),
        ("strategy:cascade;large=nonsense", "'nonsense' names no model"),
        ("strategy:cascade;large=scripted:/no/such.json", "cannot be read"),
        ("strategy:cascade;large=big;by=agreement", "give n=3 or more"),
        ("strategy:cascade;large=big;by=wish", "by=wish"),
    ],
)
def test_a_second_model_that_is_missing_or_unknown_ends_in_one_sentence_before_any_call(spec, said):
    model = always(RIGHT)
    with pytest.raises(UsageError, match=said) as told:
        ReasoningAgent(model, policy=spec, models={"big": always(RIGHT)}, sandbox="none")
    assert "\n" not in str(told.value)
    assert not model.calls


def test_log_probabilities_are_asked_of_the_small_model_whichever_is_the_own_one():
    silent = ScriptedChatModel(["Answer: 1"], capabilities={})
    strategy = "strategy:cascade;small=little"
    with pytest.raises(UsageError, match="little gives none"):
        ReasoningAgent(always(RIGHT), policy=strategy, models={"little": silent}, sandbox="none")
    ReasoningAgent(silent, policy=strategy, models={"little": always(RIGHT)}, sandbox="none")


def test_an_agent_pays_for_both_models_and_says_who_wrote_what_is_shown(script):
    small = ScriptedChatModel(lambda messages: answer("6", -0.9))
    with ReasoningAgent(small, policy=f"strategy:cascade;large={script}", sandbox="none") as agent:
        run = agent.solve(Task(id="sum", prompt="What is three and four?", kind="numeric"))
    assert run.answer == "7"
    assert run.usage.llm_calls == 2
    assert run.trace.steps[0].model == script
    assert run.trace.steps[0].printed["model"] == script
    assert "model" not in run.trace.steps[1].printed


def test_a_thread_of_an_agent_with_another_model_of_the_same_name_is_not_gone_on_with():
    def identity(large):
        models = {"big": ModelClient(always(RIGHT), identity=large)} if large else None
        return ReasoningAgent(always(RIGHT), policy="rules", models=models, sandbox="none").components.identity

    assert identity("one") == identity("one")
    assert len({identity("one"), identity("other"), identity(None)}) == 3


# Cascade


@pytest.mark.parametrize("by", ["logprob", "p-correct"])
def test_the_extremes_of_a_cascade_are_each_model_alone(by):
    small, large = skilled(0.3), skilled(0.8)
    assert near(share(Cascade(large="big", by=by, threshold=0), small, large), 0.3, TASKS)
    assert large.counted.llm_calls == 0
    assert small.counted.llm_calls == TASKS
    assert near(share(Cascade(large="big", by=by, threshold=1.1), small, large), 0.8, TASKS)
    assert small.counted.llm_calls == large.counted.llm_calls == TASKS


def test_a_sure_sign_gives_the_small_models_right_answers_and_the_large_one_the_rest():
    """A sign that never errs: .4 + .6 x .7 is right, and the large model is asked on .6 of the tasks."""
    small, large = skilled(0.4, lambda right, chance: -0.01 if right else -0.7), apart(skilled(0.7))
    assert near(share(Cascade(large="big", threshold=0.9), small, large), 0.4 + 0.6 * 0.7, TASKS)
    assert near(large.counted.llm_calls / TASKS, 0.6, TASKS)


def test_a_sign_that_says_nothing_is_a_lot_between_the_two():
    small, large = skilled(0.2, lambda right, chance: -0.01 if chance.random() < 0.5 else -0.7), apart(skilled(0.8))
    assert near(share(Cascade(large="big"), small, large), 0.5, TASKS)


def test_by_agreement_the_large_model_is_asked_where_the_draws_are_split():
    step, kit = run_two(Cascade(large="big", by="agreement", n=3), always(WRONG), always(RIGHT))
    assert (step.candidate, kit.usage.llm_calls, step.model) == (WRONG, 3, "")
    small = ScriptedChatModel([answer(WRONG), answer(WRONG), answer("odd")])
    step, kit = run_two(Cascade(large="big", by="agreement", n=3), small, always(RIGHT))
    assert (step.candidate, kit.usage.llm_calls, step.model) == (RIGHT, 4, "big")
    assert [draw.candidate for draw in step.draws] == [WRONG, WRONG, "odd", RIGHT]


def test_a_small_model_without_an_answer_passes_on_and_an_unsure_answer_is_better_than_none():
    silent = ScriptedChatModel(lambda messages: "I cannot say.")
    assert run_two(Cascade(large="big"), silent, always(RIGHT))[0].candidate == RIGHT
    assert run_two(Cascade(large="big"), always(WRONG, -0.9), silent)[0].candidate == WRONG
    assert run_two(Cascade(large="big", threshold=1.1), always(WRONG, -0.9), silent)[0].candidate is None


def test_both_models_are_charged_to_one_budget_and_the_cache_knows_them_apart(tmp_path):
    small, large = always(WRONG, -0.9), always(RIGHT)
    cache = ResponseCache(tmp_path / "responses.sqlite")
    step, kit = run_two(Cascade(large="big"), small, large, cache=cache)
    assert counted(step.usage) == counted(kit.meter.spent) == counted(small.counted, large.counted)
    again, kit = run_two(Cascade(large="big"), small, large, cache=cache)
    assert (again.candidate, kit.usage.replayed_calls, len(small.calls)) == (RIGHT, 2, 1)


def test_where_the_budget_ends_before_the_large_model_the_small_ones_answer_stays():
    with pytest.raises(Exception, match="LLM calls") as ended:
        run_two(Cascade(large="big"), always(WRONG, -0.9), always(RIGHT), budget=Budget(max_calls=1))
    assert ended.value.step.candidate == WRONG


def test_its_spec_names_the_second_model():
    assert strategy_named("strategy:cascade;large=embedded:3b;by=p-correct").spec == (
        "strategy:cascade;large=embedded:3b;by=p-correct"
    )


# Speculative reasoning


def test_of_speculation_the_extremes_are_all_small_and_all_large():
    small, large = stepping(0.3), stepping(0.8, nine_if_right)
    assert near(share(Speculative(large="big", threshold=0), small, large), 0.3, TASKS)
    assert large.counted.llm_calls == 0
    calls = small.counted.llm_calls
    assert near(share(Speculative(large="big", threshold=10), small, large), 0.8, TASKS)
    assert (small.counted.llm_calls, large.counted.llm_calls) == (calls, 2 * TASKS)


def test_a_large_model_that_sees_which_step_is_good_writes_the_others():
    """A bad step is seen and written anew: .3 + .7 x .8."""
    small, large = stepping(0.3), apart(stepping(0.8, nine_if_right))
    assert near(share(Speculative(large="big"), small, large), 0.3 + 0.7 * 0.8, TASKS)


@pytest.mark.parametrize(("mark", "by"), [("7", ""), ("6", "big"), ("either 8 or 9", "big"), ("good", "big")])
def test_from_seven_on_a_step_stays_and_a_mark_that_cannot_be_read_is_none(mark, by):
    step, kit = run_two(Speculative(large="big"), stepping(1.0), stepping(1.0, lambda right: mark))
    assert (step.candidate, step.model) == (RIGHT, by)
    assert kit.usage.llm_calls == (6 if by else 4)
    assert step.evidence.note == f"{0 if by else 2} steps by the small model, {2 if by else 0} by the large one"


def test_where_the_budget_ends_before_the_large_model_writes_the_small_ones_step_stays():
    with pytest.raises(Exception, match="LLM calls") as ended:
        run_two(Speculative(large="big"), always(RIGHT), stepping(1.0, lambda right: 0), budget=Budget(max_calls=2))
    assert ended.value.step.candidate == RIGHT


def test_both_models_of_speculation_are_charged_and_no_call_is_repeated_after_a_kill(tmp_path):
    cache = ResponseCache(tmp_path / "responses.sqlite")
    small, large = stepping(0.3), stepping(0.8, nine_if_right)
    step, kit = run_two(Speculative(large="big"), small, large, cache=cache)
    assert counted(step.usage) == counted(kit.meter.spent) == counted(small.counted, large.counted)
    again, kit = run_two(Speculative(large="big"), small, large, cache=cache)
    assert again.candidate == step.candidate
    assert kit.usage.replayed_calls == kit.usage.llm_calls
