import numpy as np
import pytest

from pilotage.agent.blocks import installed
from pilotage.agent.errors import UsageError
from pilotage.agent.routing.observation import free_spec, spec_for
from pilotage.agent.routing.policies import policy_for, policy_label
from pilotage.navigator.policies.inputs import CostWeighting
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.policy_file import Header
from tests.navigator.policies import by_bounds

REGISTRY = installed()
ACTIONS, FEATURES = REGISTRY.actions, free_spec(REGISTRY)


def written(path, *, dial):
    settings = {"dial": CostWeighting().to_json()} if dial else {"cost_weight": 0.1}
    size = len(FEATURES) + dial
    bias = np.zeros(len(ACTIONS), dtype=np.float32)
    weights = np.zeros((len(ACTIONS), size), dtype=np.float32)
    bias[ACTIONS.index("answer")] = 0.5
    bias[ACTIONS.index("program")] = 0.9
    if dial:
        weights[ACTIONS.index("program"), -1] = -1  # the less effort, the less a program is worth
    header = Header("network", "by-hand", ACTIONS, FEATURES, settings)
    LearnedPolicy(header, [(weights, bias)], by_bounds(FEATURES)).save(path)
    return str(path)


def first_choice(policy):
    legal = ACTIONS.mask(("program", "reason"))
    return ACTIONS.names[policy.decide(FEATURES.low, legal).action]


@pytest.mark.parametrize(
    ("name", "said"),
    [("agree:1", "write vote:3 for three draws, agree:2 to stop"), ("agree", "vote:3, agree:2, network, experience")],
)
def test_a_way_to_draw_again_that_is_none_is_told(name, said):
    with pytest.raises(UsageError, match=said):
        policy_for(name, ACTIONS, FEATURES)


def test_drawing_again_reads_what_the_run_did():
    with pytest.raises(
        UsageError, match="'agree:2' reads what the run did so far, which this observation preset leaves"
    ):
        policy_for("agree:2", ACTIONS, spec_for("rlot", REGISTRY))


def test_a_policy_file_routes(tmp_path):
    policy = policy_for(written(tmp_path / "p.safetensors", dial=False), ACTIONS, FEATURES)
    assert first_choice(policy) == "program"
    assert policy.name == "learned:p.safetensors"


def test_effort_moves_a_policy_that_was_trained_for_it(tmp_path):
    file = written(tmp_path / "p.safetensors", dial=True)
    chosen = {effort: first_choice(policy_for(file, ACTIONS, FEATURES, effort=effort)) for effort in ("low", "0.95")}
    assert chosen == {"low": "answer", "0.95": "program"}
    assert (
        policy_for(file, ACTIONS, FEATURES, effort="low").name
        == policy_label(file, "low")
        == "learned:p.safetensors@low"
    )


@pytest.mark.parametrize("name", ["rules", "random", "fixed:program"])
def test_other_policies_have_no_effort(name):
    with pytest.raises(UsageError, match="--effort is for the default policy, or one trained with --effort-input"):
        policy_for(name, ACTIONS, FEATURES, effort="low")
    with pytest.raises(UsageError, match="--effort is for"):
        policy_for(policy_for(name, ACTIONS, FEATURES), ACTIONS, FEATURES, effort="low")


def test_what_is_wrong_with_a_policy_file_is_said_in_a_sentence(tmp_path):
    file = written(tmp_path / "p.safetensors", dial=False)
    with pytest.raises(UsageError, match="one cost weight"):
        policy_for(file, ACTIONS, FEATURES, effort="high")
    with pytest.raises(UsageError, match="there is no policy file"):
        policy_for(str(tmp_path / "none.safetensors"), ACTIONS, FEATURES)
    (tmp_path / "p.safetensors").write_bytes(b"\x08")
    with pytest.raises(UsageError, match="cut off"):
        policy_for(file, ACTIONS, FEATURES)


@pytest.mark.parametrize("name", ["default", "rules", "random", "fixed:program,answer"])
def test_results_name_a_policy_as_it_names_itself(name):
    assert policy_for(name, ACTIONS, FEATURES).name == policy_label(name)


def test_results_name_a_rule_file_as_its_policy_does(tmp_path):
    (tmp_path / "mine.toml").write_text('[[rule]]\ndo = "program"\n')
    assert policy_for(str(tmp_path / "mine.toml"), ACTIONS, FEATURES).name == policy_label(str(tmp_path / "mine.toml"))
