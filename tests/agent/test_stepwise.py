"""Runs block by block: the same as the graph's, hidden answers apart, stops and misses as what they are."""

import itertools

import pytest

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.banks.stepwise import UNUSABLE, Stepwise
from pilotage.agent.errors import UsageError
from pilotage.agent.models import Fault, ModelClient, ResponseCache, RetryPolicy
from tests.agent.states import always_right

TASK = Task(id="product", prompt="What is 6 times 7?", kind="numeric", gold=42)
ROUTES = [
    ("answer",),
    ("program", "verify", "answer"),
    ("reason", "reflect", "decompose", "answer"),
    ("plan", "program", "debate", "answer"),
]


def parts_over(model, **options):
    client = model if isinstance(model, ModelClient) else ModelClient(model)
    return ReasoningAgent(client, **options).components


def uncertain_probe(messages):
    return "yes" if "correct?" in messages[-1].text else always_right(messages)


@pytest.mark.parametrize("preset", ["free", "probe"])
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
async def test_a_route_gives_what_the_graph_gives(route, preset, tmp_path):
    model = ModelClient(ScriptedChatModel(uncertain_probe), cache=ResponseCache(tmp_path / "cache.sqlite"))
    async with ReasoningAgent(model, policy="fixed:" + ",".join(route), observation=preset) as agent:
        seen = []
        async for update in agent.graph.astream({"task": TASK.public().model_dump()}, stream_mode="updates"):
            seen += [change["observation"] for change in update.values() if change and change.get("observation")]
        run = await agent.asolve(TASK)
        stepwise = Stepwise(agent.components)
        now = await stepwise.start(TASK)
        observed, spent = [now.observation.tolist()], now.usage
        for block in route[:-1]:
            now = await stepwise.take(now, block)
            observed.append(now.observation.tolist())
            spent += now.usage
        ending = await stepwise.stop(now, TASK)
    assert observed == seen
    assert (ending.answer, ending.score) == (run.answer, run.score) == ("42", 1.0)
    assert (spent + ending.usage).total_tokens == run.usage.total_tokens
    assert (spent + ending.usage).llm_calls == run.usage.llm_calls


async def test_the_hidden_answer_is_in_no_prompt_and_in_no_state(tmp_path):
    model = ScriptedChatModel(always_right)
    stepwise = Stepwise(parts_over(model))
    task = TASK.model_copy(update={"gold": 987654, "metadata": {"note": "gold 987654"}})
    now = await stepwise.take(await stepwise.start(task), "reason")
    ending = await stepwise.stop(now, task)
    assert ending.score == 0.0
    assert "987654" not in repr(now)
    assert not any("987654" in call.text for call in model.calls)


async def test_a_used_up_budget_stops_the_run_where_it_is():
    stepwise = Stepwise(parts_over(ScriptedChatModel(always_right), budget=Budget(max_calls=2)))
    before = await stepwise.start(TASK)
    now = await stepwise.take(before, "debate")
    assert now.stopped_by == "max_calls"
    assert now.mask.tolist() == stepwise.components.registry.actions.mask(()).tolist()
    assert now.usage.llm_calls == 2
    ending = await stepwise.stop(now, TASK)
    assert (ending.answer, ending.score, ending.usage.llm_calls) == (None, 0.0, 0)


async def test_an_unusable_reply_stops_the_run_and_costs_what_it_cost():
    model = ScriptedChatModel(lambda messages: "" if "step by step" in messages[-1].text else always_right(messages))
    stepwise = Stepwise(parts_over(model))
    now = await stepwise.take(await stepwise.start(TASK), "reason")
    assert now.stopped_by == UNUSABLE
    assert now.state.last.candidate is None and "empty text" in now.state.last.evidence.note
    assert now.usage.prompt_tokens == model.counted.prompt_tokens > 0
    assert (await stepwise.stop(now, TASK)).score == 0.0


async def test_an_unusable_direct_answer_is_a_miss_that_is_charged():
    model = ScriptedChatModel(lambda messages: "")
    stepwise = Stepwise(parts_over(model))
    ending = await stepwise.stop(await stepwise.start(TASK), TASK)
    assert (ending.answer, ending.score) == (None, 0.0)
    assert ending.usage.prompt_tokens == model.counted.prompt_tokens


async def test_repeats_are_sampled_and_each_is_its_own_call(tmp_path):
    count = itertools.count(40)
    model = ScriptedChatModel(lambda messages: f"Answer: {next(count)}")
    client = ModelClient(model, cache=ResponseCache(tmp_path / "cache.sqlite"))
    stepwise = Stepwise(parts_over(client), temperature=0.6)
    start = await stepwise.start(TASK)
    reached = [(await stepwise.take(start, "reason", sample)).state.last.candidate for sample in (0, 1, 2, 1, 0)]
    assert reached == ["40", "41", "42", "41", "40"]
    assert [call.options["temperature"] for call in model.calls] == [0.0, 0.6, 0.6]
    assert len({call.options["seed"] for call in model.calls}) == 3


@pytest.mark.parametrize("action", ["answer", "verify", "reflect"])
async def test_what_is_not_legal_is_refused(action):
    stepwise = Stepwise(parts_over(ScriptedChatModel(always_right)))
    with pytest.raises(UsageError, match="legal are reason, plan"):
        await stepwise.take(await stepwise.start(TASK), action)


async def test_an_endpoint_that_is_down_is_no_step():
    from pilotage.agent.errors import ModelUnavailable

    client = ModelClient(ScriptedChatModel([Fault()] * 3), retry=RetryPolicy(retries=0))
    stepwise = Stepwise(parts_over(client))
    with pytest.raises(ModelUnavailable):
        await stepwise.take(await stepwise.start(TASK), "reason")
