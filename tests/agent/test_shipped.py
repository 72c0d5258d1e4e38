import shutil
from pathlib import Path

import numpy as np
import pytest

from pilotage.agent.blocks import installed
from pilotage.agent.errors import UsageError
from pilotage.agent.experience.navigators import StudyNavigator
from pilotage.agent.routing.observation import PRESETS, Observer, spec_for
from pilotage.agent.routing.policies import policy_for
from pilotage.agent.task import KINDS, Example, Task
from pilotage.navigator import Bank, EpsilonPolicy, NavigatorError
from pilotage.navigator.evaluation import Protocol, evaluate
from pilotage.navigator.policies import pretrained
from pilotage.navigator.policies.in_distribution import InDistributionPolicy
from pilotage.navigator.policies.provenance import provenance
from pilotage.navigator.policies.rules.rule_policy import RulePolicy
from pilotage.navigator.spaces import ActionSpec, ObservationSpec
from tests.agent.states import state_of

REGISTRY = installed()
ACTIONS, FEATURES = REGISTRY.actions, spec_for("free", REGISTRY)
START = ACTIONS.mask(("reason", "program", "verify"))


def seen(**features):
    values = dict(zip(FEATURES.names, FEATURES.low.tolist(), strict=True))
    task = {
        "steps_left": 8,
        "budget_left": 1,
        "recall_posterior": 0.5,
        "sandbox": 1,
        "prompt_length": 5,
        "sentences": 3,
    }
    return FEATURES.vector(values | task | features)


def taken(policy, observation, actions=ACTIONS):
    """Name of the block that a policy takes at the start."""
    return actions.names[policy.decide(observation, actions.mask(("reason", "program", "verify"))).action]


@pytest.fixture(scope="module")
def shipped():
    return policy_for("network", ACTIONS, FEATURES)


def test_the_shipped_network_is_a_trained_one(shipped):
    own = shipped.policy
    assert isinstance(own, InDistributionPolicy) and shipped.name == "network"
    assert sum(len(ids) for ids in own.trained.header.card["tasks"].values()) >= 100
    numeric = seen(kind_numeric=1)
    assert own.is_in_distribution(shipped.part(numeric))
    assert taken(shipped, numeric) == taken(own.trained, shipped.part(numeric), own.trained.header.actions)


@pytest.mark.parametrize("other", [{"kind_grid": 1}, {"kind_program": 1}, {"kind_numeric": 1, "examples": 3}])
def test_tasks_of_a_kind_it_was_not_trained_on_go_by_the_rules(shipped, other):
    unknown = seen(**other)
    assert not shipped.policy.is_in_distribution(shipped.part(unknown))
    assert taken(shipped, unknown) == taken(RulePolicy(ACTIONS, FEATURES), unknown)


def test_without_a_sandbox_too(shipped):
    assert not shipped.policy.is_in_distribution(shipped.part(seen(kind_numeric=1, sandbox=0)))


def test_hints_leave_it_as_sure_as_it_was(shipped):
    bare, hinted = (seen(kind_numeric=1, **more) for more in ({}, {"recalled": 3, "recall_similarity": 0.9}))
    assert shipped.policy.is_in_distribution(shipped.part(hinted))
    assert shipped.decide(bare, START) == shipped.decide(hinted, START)


@pytest.mark.parametrize("preset", ["probe", "rlot+free"])
def test_a_preset_with_more_features_shows_it_those_that_it_knows(preset, shipped):
    spec = spec_for(preset, REGISTRY)
    observation = seen(kind_numeric=1)
    more = spec.vector(
        {**dict.fromkeys(spec.names, 0.0), **dict(zip(FEATURES.names, observation.tolist(), strict=True))}
    )
    assert preset in PRESETS
    assert taken(policy_for("network", ACTIONS, spec), more) == taken(shipped, observation)


def test_where_it_lacks_a_feature_the_rules_decide():
    fewer = ObservationSpec(tuple(feature for feature in FEATURES.features if feature.name != "quoted"))
    assert isinstance(policy_for("network", ACTIONS, fewer), RulePolicy)
    with pytest.raises(UsageError, match="trained for other features"):
        policy_for("network", ACTIONS, fewer, effort="low")


def test_blocks_in_another_order_are_known_by_their_names(shipped):
    actions = ActionSpec(tuple(reversed(ACTIONS.names)), ACTIONS.terminal)
    observation = seen(kind_numeric=1)
    turned = policy_for("network", actions, FEATURES)
    assert taken(turned, observation, actions) == taken(shipped, observation)


def test_a_block_that_it_was_not_trained_with_is_never_taken_and_nothing_follows_it(shipped):
    assert taken(shipped, seen(kind_numeric=1, count_sample=1)) == "answer"
    mask = ACTIONS.mask(("sample",))
    assert ACTIONS.names[shipped.decide(seen(kind_numeric=1), mask).action] == "answer"


def test_the_dial_turns():
    low, high = (policy_for("network", ACTIONS, FEATURES, effort=effort) for effort in ("low", "high"))
    assert (low.name, high.name) == ("network@low", "network@high")
    assert low.policy.trained.cost_weight > high.policy.trained.cost_weight
    with pytest.raises(UsageError, match="an effort is low, medium, high"):
        policy_for("network", ACTIONS, FEATURES, effort="much")


def test_a_damaged_installation_is_named(tmp_path, monkeypatch):
    cut = tmp_path / "network.safetensors"
    shutil.copy(pretrained.FILE, cut)
    cut.write_bytes(cut.read_bytes()[:1000])
    monkeypatch.setattr(pretrained, "FILE", cut)
    with pytest.raises(UsageError, match="network.safetensors is cut off"):
        policy_for("network", ACTIONS, FEATURES)


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_task_gets_a_legal_decision(shipped, kind):
    examples = (Example(input="1", output="2"),) if kind in ("program", "grid") else ()
    task = Task(id="t", kind=kind, prompt="What is 6 times 7?", examples=examples)
    state = state_of(task.public())
    observation = Observer(REGISTRY).without_asking(state)
    mask = np.array(REGISTRY.mask(state))
    assert mask[shipped.decide(observation, mask).action]


MIXED = Path(__file__).parents[2] / "examples" / "banks" / "mixed"


@pytest.mark.parametrize("name", ["network", "epsilon=0:network", "epsilon=0.2:network", "random-matched:network"])
def test_it_is_not_judged_on_the_bank_that_it_was_trained_on(name):
    with pytest.raises(NavigatorError, match="trained on every task of .*--in-sample"):
        evaluate(MIXED, [name])


def test_nor_as_an_object_or_within_one():
    bank = Bank.open(MIXED)
    shipped = policy_for("network", bank.actions, bank.observations)

    class Mine:
        name = "mine"

        def decide(self, observation, mask):
            return shipped.decide(observation, mask)

    for policy in (
        shipped,
        EpsilonPolicy(shipped, 0.1, bank.actions),
        StudyNavigator(shipped, shipped, None, bank.actions, "both"),
    ):
        assert provenance(policy).tasks == set(bank.tasks)
    with pytest.raises(NavigatorError, match="trained on every task of .*--in-sample"):
        evaluate(MIXED, [shipped])
    with pytest.raises(NavigatorError, match="mine asked a policy that was trained on 180 of the judged tasks"):
        evaluate(MIXED, [Mine()], Protocol(efforts=(), resamples=100))


def test_whoever_asks_for_figures_on_its_own_tasks_is_told_what_they_are():
    found = evaluate(MIXED, ["network", "best-fixed"], Protocol(efforts=(), resamples=100, in_sample=True))
    assert any(one.startswith("network was trained on 180 of the judged tasks") for one in found.defects)
    assert sum("recorded with earlier blocks" in one for one in found.defects) == 1
