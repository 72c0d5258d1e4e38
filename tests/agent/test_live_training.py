"""Live training: it learns, nothing is paid twice, limits hold, and a killed training takes the same way again."""

import pytest

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.banks.live_training import Limits, RecordingDynamics
from pilotage.agent.banks.meta import recorded_in
from pilotage.agent.banks.sources import Assigned
from pilotage.agent.errors import ModelError, ModelUnavailable
from pilotage.agent.models import Fault, ModelClient, RetryPolicy
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.records import TaskHeader
from pilotage.navigator.errors import BankError, PolicyError
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.training.train import live_plan, train_live
from tests.agent.states import always_right

EPISODES = 30
UNLIMITED = Limits()


def assigned(count=10):
    """Sums of two families, on which a program alone is right."""
    for number in range(count):
        family = ("sums", "products")[number % 2]
        task = Task(id=f"{family}-{number}", prompt=f"What is 6 times {number}?", kind="numeric", gold=42)
        yield Assigned(task, TaskHeader(task.id, family, "numeric", "made up"))


def skilled(messages):
    """Right by a program, wrong otherwise."""
    asked = messages[-1].text
    if "step by step" in asked:
        return "Six times eight.\nAnswer: 48"
    return "9" if "alone" in asked else always_right(messages)


class Killed(BaseException):
    pass


def train(
    folder, model, *, count=10, limits=UNLIMITED, killed_at=None, name="p", algorithm="double-dueling-dqn", **changes
):
    components = ReasoningAgent(model, budget=Budget(max_steps=3)).components

    def on_step():
        if killed_at is not None and dynamics.spent.nodes >= killed_at:
            raise Killed

    with (
        recorded_in(folder / "bank", components) as writer,
        RecordingDynamics(components, list(assigned(count)), writer, limits=limits, sources=["made up"]) as dynamics,
    ):
        hyper = {"hidden": (16, 16), "batch": 32, "rollout": 32, **changes.pop("hyper", {})}
        plan = live_plan(EPISODES, algorithm, hyper=hyper, **{"cost_weight": 1.0, "steps": 240, **changes})
        result = train_live(dynamics, plan, episodes=EPISODES, out=folder / f"{name}.safetensors", on_step=on_step)
    return result, dynamics


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted training: its folder, result, dynamics and model."""
    folder, model = tmp_path_factory.mktemp("live"), ScriptedChatModel(skilled)
    return folder, *train(folder, ModelClient(model)), model


def test_it_learns_which_block_is_right(whole):
    _, result, _, _ = whole
    for part in ("train", "validation"):
        score = result.card["scores"][part]["only"]
        assert score["accuracy"] == 1.0, "stopping at once and reasoning are wrong"
        assert score["steps"] <= 2.5, "once the program has run there is nothing to gain"


def test_the_card_says_that_it_was_live_and_what_it_cost(whole):
    folder, result, dynamics, model = whole
    live = result.card["live"]
    assert live["tasks"] == ["made up"] and live["episodes"] == EPISODES and live["stopped_by"] is None
    assert live["llm_calls"] == dynamics.spent.usage.llm_calls
    assert live["prompt_tokens"] + live["completion_tokens"] == dynamics.spent.usage.total_tokens
    assert live["prompt_tokens"] >= model.counted.prompt_tokens > 0, "each call was charged to a node"
    assert result.card["bank"]["model"] == "scripted"
    assert "seconds" not in str(live)


def test_every_node_is_in_a_bank_that_can_be_trained_on(whole):
    folder, result, dynamics, _ = whole
    bank = Bank.open(folder / "bank")
    assert bank.tasks == sorted(one.task.id for one in assigned())
    assert sum(len(bank.tree(task)) for task in bank.tasks) == dynamics.spent.nodes == dynamics.spent.fresh
    assert not set(result.tasks["train"]) & set(result.tasks["validation"])
    load_policy(result.path, bank.actions, bank.observations)


def test_a_killed_training_pays_nothing_twice_and_ends_in_the_same_bytes(whole, tmp_path):
    folder, _, dynamics, model = whole
    killed = ScriptedChatModel(skilled)
    with pytest.raises(Killed):
        train(tmp_path, ModelClient(killed), killed_at=20)
    resumed = ScriptedChatModel(skilled)
    _, again = train(tmp_path, ModelClient(resumed))
    assert 0 < again.spent.fresh < again.spent.nodes == dynamics.spent.nodes
    assert len(killed.calls) + len(resumed.calls) == len(model.calls)
    assert (tmp_path / "p.safetensors").read_bytes() == (folder / "p.safetensors").read_bytes()


def test_the_same_training_again_asks_nothing(whole, tmp_path):
    folder, result, _, _ = whole
    again, dynamics = train(folder, ModelClient(ScriptedChatModel([])), name="again")
    assert dynamics.spent.fresh == 0
    assert again.path.read_bytes() == result.path.read_bytes()


def test_no_node_is_begun_past_the_limit_on_calls(tmp_path):
    model = ScriptedChatModel(skilled)
    result, dynamics = train(tmp_path, ModelClient(model), limits=Limits(llm_calls=25))
    most = 6  # calls of one node: a debate asks for approaches, works them out, compares, and the answer is asked for
    assert 25 <= len(model.calls) < 25 + most
    assert result.card["live"]["stopped_by"] == dynamics.stopped_by == "max_llm_calls"
    assert result.seeds[0].curve[-1]["step"] == 240, "the training is finished over what is known"


def test_a_limit_that_is_used_up_before_all_tasks_are_begun_is_said(tmp_path):
    for limits in (Limits(llm_calls=3), Limits(minutes=0)):
        with pytest.raises(PolicyError, match="used up before each of the 10 tasks was begun: raise it"):
            train(tmp_path, ModelClient(ScriptedChatModel(skilled)), limits=limits)


def test_an_endpoint_that_goes_down_loses_no_whole_node(tmp_path):
    calls = []

    def dying(messages):
        calls.append(messages)
        return skilled(messages) if len(calls) <= 20 else Fault()

    with pytest.raises(ModelUnavailable, match="task (sums|products)-.*leave the task out"):
        train(tmp_path, ModelClient(ScriptedChatModel(dying), retry=RetryPolicy(retries=0)))
    bank = Bank.open(tmp_path / "bank")
    nodes = [node for task in bank.tasks for node in bank.tree(task)]
    paid = sum(node.usage["llm_calls"] + node.answer_usage["llm_calls"] for node in nodes)
    most = 6  # calls of the node that was under way, see above
    assert 20 - most < paid <= 20 and not (tmp_path / "p.safetensors").exists()


@pytest.mark.parametrize("algorithm", ["qr-dqn", "maskable-ppo"])
def test_the_other_algorithms_train_live_too(whole, algorithm):
    changes = {"effort_input": algorithm == "qr-dqn", "steps": 40}
    result, _ = train(whole[0], ModelClient(ScriptedChatModel(skilled)), name=algorithm, algorithm=algorithm, **changes)
    assert set(result.card["scores"]["validation"]) == ({"low", "medium", "high"} if result.policy.dial else {"only"})


@pytest.mark.parametrize(
    ("algorithm", "changes", "said"),
    [
        ("cql", {}, "cql learns from a recorded bank"),
        ("qr-dqn", {"shaping": "exact"}, "step rewards need a recorded bank"),
        ("qr-dqn", {"hyper": {"environments": 4}}, "one episode at a time"),
    ],
)
def test_what_needs_a_recorded_bank_is_refused_before_any_call(tmp_path, algorithm, changes, said):
    model = ScriptedChatModel([])
    with pytest.raises(PolicyError, match=said):
        train(tmp_path, ModelClient(model), algorithm=algorithm, **changes)
    assert not model.calls


def test_too_few_tasks_and_a_bank_of_another_budget_are_refused(whole, tmp_path):
    with pytest.raises(BankError, match="1 task"):
        train(tmp_path, ModelClient(ScriptedChatModel(skilled)), count=1)
    components = ReasoningAgent(ModelClient(ScriptedChatModel([])), budget=Budget(max_steps=5)).components
    with pytest.raises(BankError, match="other budget"):
        recorded_in(whole[0] / "bank", components)
    with pytest.raises(ModelError, match="replies"):
        train(tmp_path / "new", ModelClient(ScriptedChatModel([])))
