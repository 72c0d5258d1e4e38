"""The policy that is shipped as the default: what it takes where, at which effort, and on what it may be judged."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pilotage.agent.blocks import installed
from pilotage.agent.errors import UsageError
from pilotage.agent.routing.observation import Observer, spec_for
from pilotage.agent.routing.policies import navigator_for, policy_for
from pilotage.agent.task import KINDS, Example, Task
from pilotage.navigator import Bank
from pilotage.navigator.evaluation import Protocol, evaluate
from pilotage.navigator.policies.provenance import provenance
from pilotage.navigator.policies.rules import default
from pilotage.navigator.policies.rules.rule_policy import RulePolicy
from pilotage.navigator.spaces import ObservationSpec
from pilotage.navigator.training.algorithms.cascade import fit_doubt
from tests.agent.states import state_of

REGISTRY = installed()
ACTIONS, FEATURES = REGISTRY.actions, spec_for("free", REGISTRY)
MIXED2 = Path(__file__).parents[2] / "examples" / "banks" / "mixed2"
NONE = -20.0
"""Where a model tells no log-probability."""


def taken(effort=None, legal=("program", "reason", "verify", "sample", "reflect"), policy=None, **features):
    """Name of the block taken, and why, where the task is numeric and `features` hold."""
    values = dict(zip(FEATURES.names, FEATURES.low.tolist(), strict=True))
    values |= {"kind_numeric": 1, "sandbox": 1, "prompt_length": 6, "leader_mean_logprob": NONE} | features
    decision = (policy or policy_for("default", ACTIONS, FEATURES, effort=effort)).decide(
        FEATURES.vector(values), ACTIONS.mask(legal)
    )
    return ACTIONS.names[decision.action], decision.why


def program(mean, least=-0.5, **more):
    """Features behind a program that printed an answer."""
    return {
        "count_program": 1, "program": 1, "candidates": 1, "leader_routes": 1, "leader_executed": 1,
        "leader_mean_logprob": mean, "leader_min_logprob": least,
    } | more  # fmt: skip


@pytest.mark.parametrize("effort", [None, *default.EFFORTS])
def test_a_program_comes_first_and_reasoning_where_it_gives_no_answer(effort):
    assert taken(effort)[0] == "program"
    assert taken(effort, count_program=1, program=-1)[0] == "reason"
    assert taken(effort, count_program=1, program=-1, count_reason=1)[0] == "answer"
    assert taken(effort, legal=("reason",))[0] == "reason"


@pytest.mark.parametrize("effort", ["medium", "high"])
@pytest.mark.parametrize(
    ("mean", "least", "then"),
    [(-0.05, -0.9, "answer"), (-0.3, -0.9, "reason"), (-0.05, -1.9, "reason"), (NONE, NONE, "answer")],
)
def test_a_second_route_is_taken_where_the_program_was_unsure(effort, mean, least, then):
    assert taken(effort, **program(mean, least))[0] == then
    assert taken(effort, **program(mean, least, count_reason=1, leader_routes=2, agreement=1))[0] == "answer"


def test_the_reason_that_is_shown_is_the_true_one():
    assert taken("medium", **program(-0.05))[1] == "the program was sure of itself"
    assert taken("medium", **program(NONE, NONE))[1] == "there is an answer"
    assert taken("medium", legal=("verify",), **program(-0.3))[1] == "there is an answer"
    assert taken("medium", **program(-0.3, count_reason=1, leader_routes=2))[1] == "two independent routes agree"
    assert taken(**program(-0.05))[1] == "there is an answer"


@pytest.mark.parametrize("effort", [None, "low"])
def test_low_effort_which_is_the_default_takes_one_route_however_unsure(effort):
    assert taken(effort, **program(-2, -9))[0] == "answer"


def test_high_effort_draws_until_two_routes_agree_and_no_more_than_twice():
    apart = program(-0.3, count_reason=1, candidates=2)
    assert taken("medium", **apart)[0] == "answer"
    assert taken("high", **apart) == ("sample", "the two routes disagree")
    assert taken("high", **apart, count_sample=1)[0] == "sample"
    assert taken("high", **apart, count_sample=2)[0] == "answer"
    assert taken("high", **{**apart, "leader_routes": 2}, count_sample=1)[0] == "answer"


def test_reasoning_is_never_doubted_since_its_log_probabilities_tell_little():
    assert taken("high", **program(-3, leader_executed=0, count_program=0))[0] == "answer"


@pytest.mark.parametrize("seen", [{}, {"program": -1, "count_program": 1}, program(-0.01, examples_passed=0)])
def test_tasks_with_worked_examples_go_by_the_rules_which_try_more(seen):
    examples = {"kind_numeric": 0, "kind_program": 1, "examples": 3, "examples_passed": -1} | seen
    assert taken(**examples) == taken(policy=RulePolicy(ACTIONS, FEATURES), **examples)
    done = examples | {"examples_passed": 1, "candidates": 1}
    assert taken(**done)[0] == "answer"


def test_a_short_question_for_knowledge_is_answered_at_once_and_one_with_text_to_work_on_is_not():
    knowledge = {"kind_numeric": 0, "kind_text": 1, "prompt_length": 4, "sentences": 1, "lines": 1}
    assert taken(**knowledge)[0] == "answer"
    for material in ({"numbers": 1}, {"quoted": 1}, {"lines": 3}, {"sentences": 2}, {"prompt_length": 6}):
        assert taken(**knowledge | material)[0] == "program"


@pytest.mark.parametrize("effort", [0.5, "much", ""])
def test_an_effort_that_it_does_not_have_is_named(effort):
    with pytest.raises(UsageError, match="the default policy has the efforts low, medium, high, not"):
        policy_for("default", ACTIONS, FEATURES, effort=effort)


def test_features_that_it_needs_and_are_not_there_are_named():
    for missing in ("leader_min_logprob", "count_reason"):
        fewer = ObservationSpec(tuple(feature for feature in FEATURES.features if feature.name != missing))
        with pytest.raises(UsageError, match=f"unknown feature '{missing}'"):
            policy_for("default", ACTIONS, fewer, effort="medium")


def test_its_effort_has_a_flag_of_its_own():
    with pytest.raises(UsageError, match="--policy default --effort high"):
        policy_for("default@high", ACTIONS, FEATURES)


def test_a_damaged_installation_is_named(tmp_path, monkeypatch):
    cut = tmp_path / "default.json"
    shutil.copy(default.FILE, cut)
    cut.write_bytes(cut.read_bytes()[:1000])
    monkeypatch.setattr(default, "FILE", cut)
    default._fitted.cache_clear()
    try:
        with pytest.raises(UsageError, match="default.json is damaged .*: install pilotage anew"):
            policy_for("default", ACTIONS, FEATURES)
    finally:
        default._fitted.cache_clear()


@pytest.mark.parametrize("preset", ["free", "probe", "rlot+free"])
@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_task_gets_a_legal_decision_in_every_preset(preset, kind):
    from pilotage.agent.routing.observation import registry_for

    registry = registry_for(preset)
    examples = (Example(input="1", output="2"),) if kind in ("program", "grid") else ()
    state = state_of(Task(id="t", kind=kind, prompt="What is 6 times 7?", examples=examples).public())
    mask = np.array(registry.mask(state))
    policy = navigator_for("default", registry, spec_for(preset, registry))
    observation = Observer(registry, preset).without_asking(state)
    first = "answer" if kind == "open" else "program" if "program" in registry.actions.names else "reason"
    assert registry.actions.names[policy.decide(observation, mask).action] == first


def test_it_is_judged_on_no_task_that_its_doubt_was_fitted_on():
    used = set(json.loads(default.FILE.read_text())["tasks"])
    bank = Bank.open(MIXED2)
    ids = bank.matching(used)
    assert used <= bank.identifiers(ids) and len(ids) >= 247
    for effort in ("medium", "high"):
        for name in ("default", "epsilon=0.1:default"):
            assert provenance(policy_for(name, bank.actions, bank.observations, effort=effort)).tasks == used
    for effort in (None, "low"):
        assert not provenance(policy_for("default", bank.actions, bank.observations, effort=effort)).is_learned
    found = evaluate(MIXED2, ["default@medium", "default@high", "one-bit"], Protocol(efforts=(), resamples=100))
    assert found.protocol.tasks == len(bank.tasks) - len(ids)
    assert evaluate(MIXED2, ["default", "one-bit"], Protocol(efforts=(), resamples=100)).protocol.tasks == len(
        bank.tasks
    )


def test_its_doubt_is_what_its_tasks_teach():
    fitted = json.loads(default.FILE.read_text())
    bank = Bank.open(MIXED2)
    doubt = fit_doubt(bank, bank.matching(fitted["tasks"]), fitted["cost_weight"])
    assert [doubt.mean, doubt.least] == fitted["doubt"]
    assert default.shipped_doubt() == doubt
