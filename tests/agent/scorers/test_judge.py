"""A model as judge of steps: one digit, read strictly, paid for, and never told the answer."""

import math

import pytest

from pilotage.agent.banks.scorers import Judge, ScoredStep
from pilotage.agent.errors import ModelUnavailable, StepRefused
from pilotage.agent.models import Fault, ModelClient, ResponseCache, RetryPolicy, ScriptedChatModel, ScriptedReply
from pilotage.agent.models.reply import Capabilities
from pilotage.agent.models.verdicts import MARK_GRAMMAR, MARK_SCHEMA
from tests.agent.scorers.places import TASK, step_of


def judge(says, cache=None, **options):
    model = ScriptedChatModel(lambda messages: says, **{"capabilities": Capabilities(), **options})
    return model, Judge(ModelClient(model, name="scripted", cache=cache))


@pytest.mark.parametrize(
    ("says", "value"),
    [
        ("9", 1.0),
        ("0", 0.0),
        (" 3\n", 1 / 3),
        ('{"score": 6}', 2 / 3),
        ("10", None),
        ("9 of 9", None),
        ("It is right.", None),
        ("-3", None),
    ],
)
async def test_a_digit_is_a_score_and_anything_else_is_unknown(says, value):
    model, scorer = judge(says)
    score = await scorer.score(step_of())
    assert score.value == pytest.approx(value) if value is not None else score.value is None
    assert score.usage["llm_calls"] == 1 and score.usage["prompt_tokens"] == model.counted.prompt_tokens


async def test_with_log_probabilities_a_score_is_an_expectation():
    says = ScriptedReply(text="9", logprob=math.log(0.6), top=(("0", math.log(0.3)), ("maybe", math.log(0.1))))
    _, scorer = judge(says, capabilities=Capabilities(logprobs=True))
    assert (await scorer.score(step_of())).value == pytest.approx(0.6 / 0.9)


async def test_the_judge_reads_task_and_steps_and_no_hidden_answer():
    model, scorer = judge("7", capabilities=Capabilities(grammar=True))
    await scorer.score(step_of())
    (call,) = model.calls
    assert "How many?" in call.text and "Step 1:\n3 + 4 = 8\n\nStep 2:\nNo: 3 + 4 = 7\n\n" in call.text
    assert "that step 2 is correct" in call.text and "987654" not in call.text
    assert call.options["grammar"] == MARK_GRAMMAR
    with pytest.raises(ValueError, match="the hidden answer stays with the grader"):
        ScoredStep(step_of().tree, step_of().node, TASK)


async def test_a_backend_without_grammars_gets_a_schema():
    model, scorer = judge('{"score": 9}', capabilities=Capabilities(json_schema=True))
    assert (await scorer.score(step_of())).value == 1
    assert model.calls[0].options["response_format"]["json_schema"]["schema"] == MARK_SCHEMA


async def test_a_silent_step_is_not_asked_about():
    model, scorer = judge("7")
    score = await scorer.score(step_of(text=" \n"))
    assert score.value is None and not score.usage and model.calls == ()


async def test_an_empty_reply_is_unknown_and_paid_for():
    model, scorer = judge("")
    score = await scorer.score(step_of())
    assert score.value is None and score.usage["llm_calls"] == len(model.calls) == 2


async def test_the_same_step_is_paid_once(tmp_path):
    model, scorer = judge("7", cache=ResponseCache(tmp_path / "cache.sqlite"))
    first, second = await scorer.score(step_of()), await scorer.score(step_of())
    assert first == second and len(model.calls) == 1


async def test_an_endpoint_that_is_down_is_no_score():
    model = ScriptedChatModel([Fault(status=401)])
    with pytest.raises(ModelUnavailable):
        await Judge(ModelClient(model, retry=RetryPolicy(retries=0))).score(step_of())


@pytest.mark.parametrize("status", [413, 500])
async def test_a_step_that_the_endpoint_refuses_is_told_from_an_endpoint_that_is_down(status):
    model = ScriptedChatModel([Fault(status=status)])
    with pytest.raises(StepRefused, match=str(status)):
        await Judge(ModelClient(model, retry=RetryPolicy(retries=0))).score(step_of())


def test_another_model_or_question_is_another_judge(monkeypatch):
    _, one = judge("7")
    _, other = judge("7", identity="another script")
    assert one.name == other.name == "judge-scripted" and one.identity != other.identity
    monkeypatch.setattr("pilotage.agent.banks.scorers.judge.QUESTION", "Good?")
    assert judge("7")[1].identity != one.identity
