"""The seven scores that a model gives its own last step: asked in one call, read strictly, always paid for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.banks.stepwise import Stepwise
from pilotage.agent.blocks import Registry
from pilotage.agent.graph.advance import observe
from pilotage.agent.models import Fault, ModelClient, RetryPolicy, ScriptedReply
from pilotage.agent.models.reply import Capabilities
from pilotage.agent.routing.observation import Observer
from pilotage.agent.routing.self_scores import GRAMMAR, JSON_SCHEMA, LABELS, QUESTION, read_scores
from tests.agent.states import always_right, state_of, step

TASK = Task(id="t", prompt="What is 6 times 7?", kind="numeric")
DONE = state_of(TASK, step("reason", "42"))
FULL = ["steps_taken", "count_program", "numbers"]


def scored(answer):
    return lambda messages: answer if QUESTION in messages[-1].text else always_right(messages)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("3210123", (3, 2, 1, 0, 1, 2, 3)),
        (" 3 2 1\n0,1;2, 3 ", (3, 2, 1, 0, 1, 2, 3)),
        ("3210143", (3, 2, 1, 0, 1, None, 3)),
        ("321012", (None,) * 7),
        ("32101230", (None,) * 7),
        ('{"A1": 3, "A2":2,"A3": 1, "B1":0, "B2": 1, "C1":2, "C2":3}', (3, 2, 1, 0, 1, 2, 3)),
        ("A1: 3\n**A2**: 2\nA3 = 7\nB1: 2.5\nB2: two\nC1: -1\nC2: 10", (3, 2, None, None, None, None, None)),
        ("A1: 3, no, A1: 2. A2: 1, yes, A2: 1.", (None, 1, None, None, None, None, None)),
        ("A1 score: 3. I rate the rest 3 out of 3.", (None,) * 7),
        ("All seven are 3.", (None,) * 7),
        ("", (None,) * 7),
    ],
)
def test_scores_are_read_or_unknown_and_never_guessed(text, read):
    assert read_scores(text) == read


@given(st.text() | st.text("0123456789 ABC:,.-", max_size=40))
def test_whatever_a_model_writes_gives_seven_scores_in_range_or_unknown(text):
    read = read_scores(text)
    assert len(read) == 7 and set(read) <= {None, 0, 1, 2, 3}


@given(st.lists(st.integers(0, 3), min_size=7, max_size=7), st.sampled_from(["", " ", ", ", "\n"]))
def test_seven_digits_are_read_by_place_and_labels_by_name(scores, between):
    assert read_scores(between.join(map(str, scores))) == tuple(scores)
    assert read_scores("; ".join(f"{label}: {score}" for label, score in zip(LABELS, scores, strict=True))) == tuple(
        scores
    )


async def test_one_call_asks_for_all_seven_and_is_charged(kit_for):
    model = ScriptedChatModel(scored("3210123"), capabilities=Capabilities(grammar=True))
    observer, kit = Observer(Registry(), "rlot"), kit_for(model)
    assert (await observer.observe(DONE, kit)).tolist() == [3, 2, 1, 0, 1, 2, 3]
    (call,) = model.calls
    assert call.options["grammar"] == GRAMMAR and "reason says 42" in call.text
    assert kit.usage.model_copy(update={"seconds": 0.0}) == model.counted


async def test_a_backend_without_grammars_gets_a_schema(kit_for):
    model = ScriptedChatModel(scored('{"A1":1}'), capabilities=Capabilities(json_schema=True))
    vector = await Observer(Registry(), "rlot").observe(DONE, kit_for(model))
    assert vector.tolist() == [1, -1, -1, -1, -1, -1, -1]
    assert model.calls[0].options["response_format"]["json_schema"]["schema"] == JSON_SCHEMA


@pytest.mark.parametrize("preset", ["rlot", "rlot+free"])
async def test_before_any_step_and_after_a_silent_one_nothing_is_asked(preset, scripted, kit_for):
    observer = Observer(Registry(), preset)
    for state in (state_of(TASK), state_of(TASK, step("recall", turns=()))):
        vector = await observer.observe(state, kit_for(scripted))
        assert vector[-7:].tolist() == [-1] * 7
    assert scripted.calls == ()


async def test_scores_stand_behind_the_free_features_as_expectations(kit_for):
    top = (("1", math.log(0.3)), ("nine", math.log(0.2)))
    script = scored(ScriptedReply(text="3 3 3 3 3 3 3", logprob=math.log(0.5), top=top))
    observer = Observer(Registry(), "rlot+free")
    vector = await observer.observe(DONE, kit_for(ScriptedChatModel(script)))
    assert vector[-7:].tolist() == pytest.approx([(3 * 0.5 + 0.3) / 0.8] * 7)
    assert [observer.spec.value(vector, name) for name in FULL] == [1, 0, 2]
    plain = await Observer(Registry(), "rlot").observe(DONE, kit_for(ScriptedChatModel(script)))
    assert plain.tolist() == [3] * 7


async def test_without_log_probabilities_an_expectation_is_the_score(kit_for):
    model = ScriptedChatModel(scored("3 2 1 0 1 2 3"), capabilities=Capabilities())
    vector = await Observer(Registry(), "rlot+free").observe(DONE, kit_for(model))
    assert vector[-7:].tolist() == [3, 2, 1, 0, 1, 2, 3]


async def test_what_the_budget_forbids_to_ask_is_unknown(scripted, kit_for):
    kit = kit_for(scripted, max_tokens=20)
    seen = await observe(Observer(Registry(), "rlot"), DONE, kit)
    assert seen.observation.tolist() == [-1] * 7 and seen.stopped_by == "max_tokens"
    assert scripted.calls == ()


async def test_a_reply_that_stays_unusable_is_paid_for_and_tells_nothing(kit_for):
    model = ScriptedChatModel(scored(""))
    kit = kit_for(model)
    assert (await Observer(Registry(), "rlot").observe(DONE, kit)).tolist() == [-1] * 7
    assert kit.usage.llm_calls == len(model.calls) == 2  # asked again once


async def test_an_endpoint_that_is_down_is_not_taken_for_an_unknown_score(kit_for):
    from pilotage.agent.errors import ModelUnavailable

    client = ModelClient(ScriptedChatModel(scored(Fault(status=401))), retry=RetryPolicy(retries=0))
    with pytest.raises(ModelUnavailable):
        await Observer(Registry(), "rlot").observe(DONE, kit_for(client))


async def test_every_self_assessment_is_on_the_account_of_its_run():
    model = ScriptedChatModel(scored("3210123"))
    components = ReasoningAgent(model, policy="random", observation="rlot", sandbox="none").components
    stepwise = Stepwise(components)
    now = await stepwise.start(TASK)
    assert now.usage.llm_calls == 0
    spent = now.usage
    for block in ("reason", "reflect", "decompose"):
        now = await stepwise.take(now, block)
        spent += now.usage
    assert [charge.by for charge in now.state.trace.charges] == ["rlot"] * 3
    assert now.state.trace.usage.total_tokens == spent.total_tokens == model.counted.total_tokens
    assert now.state.tokens_left == Budget().max_tokens - model.counted.total_tokens
