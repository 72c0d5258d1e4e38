"""What any policy is held to: decisions that are none are refused by name, and every class refuses the same alike."""

import numpy as np
import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel
from pilotage.navigator import Decision, FixedPolicy, PolicyError, RandomPolicy, SpecMismatch
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.evaluation.run import Protocol, evaluate
from pilotage.navigator.policies.epsilon import EpsilonPolicy
from pilotage.navigator.policies.frequency_matched import FrequencyMatchedPolicy
from pilotage.navigator.policies.policy import require_legal
from pilotage.navigator.policies.rules.rule_policy import Rule, RulePolicy
from pilotage.navigator.policies.trained import TrainedPolicy
from pilotage.navigator.training.algorithms.nearest import fit_nearest
from pilotage.navigator.values.rollout import by_policy, rollout
from tests.navigator.banks import ACTIONS, OBSERVATIONS, learnable_bank
from tests.navigator.policies import header, network, observations

LAST = len(ACTIONS) - 1
WRONG = {
    "low": [0.0] * LAST + [0.3],
    "negative": [-0.5] + [0.0] * (LAST - 1) + [1.5],
    "NaN": [float("nan")] * len(ACTIONS),
    "infinite": [0.0] * LAST + [float("inf")],
    "zeros": [0.0] * len(ACTIONS),
    "short": [1.0],
    "long": [0.0] * len(ACTIONS) + [1.0],
    "text": "a" * len(ACTIONS),
    "texts": ["1"] * len(ACTIONS),
    "a number": 1.0,
    "elsewhere": [1.0] + [0.0] * LAST,
}


class Given:
    name = "odd"

    def __init__(self, decision):
        self.decision = decision

    def decide(self, observation, mask):
        return self.decision


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return learnable_bank(tmp_path_factory.mktemp("bank") / "b", tasks=6, depth=2)


@pytest.mark.parametrize("shares", WRONG.values(), ids=WRONG)
def test_probabilities_that_are_none_are_refused_with_the_policys_name(bank, shares):
    arrays = BankArrays.of(bank)
    with pytest.raises(SpecMismatch, match="odd, task .*they must sum to 1 over legal actions"):
        rollout(arrays, by_policy(Given(Decision(LAST, probabilities=shares)), arrays))


def test_nothing_may_be_given_to_what_is_forbidden():
    even = Decision(LAST, probabilities=(1 / len(ACTIONS),) * len(ACTIONS))
    assert require_legal(even, ACTIONS.mask(ACTIONS.names), ACTIONS) == "answer"
    with pytest.raises(SpecMismatch, match="'odd' gave probabilities"):
        require_legal(even, ACTIONS.mask(["program"]), ACTIONS, "'odd'")


@pytest.mark.parametrize("decision", [None, [1], 3, Decision(1.5), Decision("answer"), Decision(None)])
def test_what_is_no_decision_is_refused_with_the_policys_name(bank, decision):
    arrays = BankArrays.of(bank)
    with pytest.raises(SpecMismatch, match=r"odd, task .*decided .*return pilotage\.navigator\.Decision\(action\)"):
        rollout(arrays, by_policy(Given(decision), arrays))


@pytest.mark.parametrize("values", [(1.0,), "abcd", 3, ("a",) * len(ACTIONS)])
def test_values_are_one_for_each_action(bank, values):
    arrays = BankArrays.of(bank)
    with pytest.raises(SpecMismatch, match="odd, task .*gave values"):
        rollout(arrays, by_policy(Given(Decision(LAST, values=values)), arrays))


@pytest.mark.parametrize("kind", [tuple, np.array, list])
def test_numbers_of_any_kind_are_taken(bank, kind):
    arrays = BankArrays.of(bank)
    sure = Decision(np.int64(LAST), "", kind([np.float32(0)] * len(ACTIONS)), kind([0.0] * LAST + [1.0]))
    assert rollout(arrays, by_policy(Given(sure), arrays)).outcomes.blocks.tolist() == [0] * 6


@pytest.mark.parametrize("shares", [[1.0], [float("nan")] * 3, "abc"])
def test_a_live_run_refuses_them_too(shares):
    class Odd:
        name = "odd"

        def decide(self, observation, mask):
            return Decision(len(mask) - 1, probabilities=shares)

    with (
        ReasoningAgent(ScriptedChatModel({"": "Answer: 4"}), policy=Odd(), sandbox="none") as agent,
        pytest.raises(SpecMismatch, match="the policy 'odd' gave probabilities"),
    ):
        agent.solve("What is 2+2?")


@pytest.fixture(scope="module")
def policies(bank):
    rules = RulePolicy(ACTIONS, OBSERVATIONS, (Rule("always", lambda o: True, ACTIONS.names[0]),))
    return {
        "learned": network(),
        "nearest": fit_nearest(bank, list(bank.tasks), 0.1),
        "random": RandomPolicy(ACTIONS),
        "fixed": FixedPolicy([ACTIONS.names[0]], ACTIONS, OBSERVATIONS),
        "rules": rules,
        "exploring": EpsilonPolicy(rules, 0.5, ACTIONS),
        "matched": FrequencyMatchedPolicy(ACTIONS, OBSERVATIONS, {}),
    }


@pytest.mark.parametrize("name", ["learned", "nearest", "random", "fixed", "rules", "exploring", "matched"])
def test_every_policy_refuses_a_mask_that_is_none(policies, name):
    seen, everything = observations(1)[0], ACTIONS.mask(ACTIONS.names)
    with pytest.raises(SpecMismatch, match="the mask allows no action; the terminal one is always legal"):
        policies[name].decide(seen, everything & False)
    for other in (everything[:2], np.append(everything, True), everything[:0]):
        with pytest.raises(SpecMismatch, match="the mask has shape"):
            policies[name].decide(seen, other)


@pytest.mark.parametrize("name", ["learned", "nearest"])
def test_a_place_where_no_file_can_be_is_one_sentence(policies, name, tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "p.safetensors"):
        with pytest.raises(PolicyError, match="a policy cannot be written to .*; name another file"):
            policies[name].save(place)


def test_a_class_of_ones_own_that_forgets_its_base_is_told_so(bank, tmp_path):
    class Forgetful(TrainedPolicy):
        name = "forgetful"

        def __init__(self):
            pass

        def tensors(self):
            return {}

        def decide(self, observation, mask):
            return Decision(len(mask) - 1)

    with pytest.raises(PolicyError, match=r"Forgetful has no header: call super\(\).__init__\(header, scaling\)"):
        Forgetful().save(tmp_path / "p.safetensors")
    with pytest.raises(PolicyError, match="Forgetful has no header"):
        evaluate(bank, [Forgetful()], Protocol(folds=2, resamples=100, efforts=()))
    assert not hasattr(Forgetful(), "navigate")


@pytest.mark.parametrize("name", [None, 5, "", " "])
def test_a_policy_has_a_name(bank, name):
    policy = Given(Decision(LAST))
    policy.name = name
    with pytest.raises(PolicyError, match="of the class Given has the name"):
        evaluate(bank, [policy], Protocol(folds=2, resamples=100, efforts=()))


@pytest.mark.parametrize("policy", [5, Given, object(), None])
def test_what_is_no_policy_is_told_so(bank, policy):
    with pytest.raises(PolicyError, match="is no policy: give a name, or an object with decide"):
        evaluate(bank, [policy], Protocol(folds=2, resamples=100, efforts=()))


def test_a_trained_policy_without_a_name_of_its_own_is_told_so(bank):
    class Nameless(TrainedPolicy):
        def tensors(self):
            return {}

        def decide(self, observation, mask):
            return Decision(len(mask) - 1)

    with pytest.raises(PolicyError, match="of the class Nameless has the name None"):
        evaluate(bank, [Nameless(header(), network().scaling)], Protocol(folds=2, resamples=100, efforts=()))
