"""Policies that were trained with strategies among their actions: their files bring these along, and no others."""

import json

import numpy as np
import pytest

from pilotage.agent import ReasoningAgent
from pilotage.agent.blocks import Registry
from pilotage.agent.errors import UsageError
from pilotage.agent.models import ScriptedChatModel
from pilotage.agent.routing.observation import free_spec
from pilotage.agent.strategies.macro import action_name, with_strategies
from pilotage.agent.strategies.method import registry_with
from pilotage.agent.task import Task
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.policy_file import Header, read_header
from pilotage.navigator.spaces import ActionSpec
from tests.agent.strategies.skilled import skilled
from tests.navigator.policies import by_bounds

THREE = "strategy:self-consistency;n=3"
PLANS = "strategy:plangen;arms=self-consistency|hedged"
"""Its block is named by a hash of the arms."""


def policy_file(path, first, *more, noted=None):
    """A policy that takes the action `first`, then answers, among the blocks and further actions."""
    *blocks, answer = Registry().actions.names
    actions = ActionSpec((*blocks, first, *more, answer), answer)
    features = free_spec(with_strategies(Registry(), []))
    weights = np.zeros((len(actions), len(features)), dtype=np.float32)
    bias = np.zeros(len(actions), dtype=np.float32)
    bias[actions.index(first)], bias[actions.index(answer)] = 2, 1
    bank = {"bank": {"strategies": noted}} if noted is not None else {}
    header = Header("network", "by-hand", actions, features, {"cost_weight": 0.1}, bank)
    LearnedPolicy(header, [(weights, bias)], by_bounds(features)).save(path)
    return str(path)


def test_a_policy_of_a_bank_with_strategies_needs_no_blocks(command_line, tmp_path):
    (tmp_path / "script.json").write_text(json.dumps({"rules": {"": "Work.\nAnswer: 4"}}))
    tasks = [{"id": f"t{n}", "prompt": f"Box {n}: 2+2?", "answer": "4", "kind": "numeric"} for n in range(12)]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    model = ("--model", "scripted:script.json")
    plan, limits = f"reason; {action(THREE)}; {action(PLANS)}", ("--max-calls", "60", "--max-tokens", "60000")
    options = ("--out", "bank", "--plan", plan, "--blocks", THREE, "--blocks", PLANS)
    collected = command_line("collect", "--tasks", "tasks.jsonl", *model, *options, *limits)
    assert collected.code == 0, collected.err
    trained = command_line("train", "--bank", "bank", "--algo", "nearest", "--out", "p.safetensors")
    assert trained.code == 0, trained.err
    assert read_header(tmp_path / "p.safetensors").bank["strategies"] == {action(THREE): THREE, action(PLANS): PLANS}
    limits = ("--memory", "none", *limits)
    said = command_line("solve", "2+2?", *model, "--policy", "p.safetensors", *limits, "--json")
    assert said.json["answer"] == "4" and said.json["policy"] == "learned:p.safetensors"
    assert command_line("solve", "2+2?", *model, "--policy", "epsilon=0.1:p.safetensors", *limits, "--json").json


def action(spec):
    from pilotage.agent.strategies import strategy_named

    return action_name(strategy_named(spec))


def test_the_strategy_of_a_file_runs(tmp_path):
    file = policy_file(tmp_path / "p.safetensors", action(THREE))
    with ReasoningAgent(skilled(1.0), policy=file) as agent:
        run = agent.solve(Task(id="t", prompt="Right or wrong?", kind="text"))
    assert run.trace.route == ("strategy.self-consistency+n=3", "answer") and run.answer == "right"


def test_what_a_name_cannot_tell_the_file_does(tmp_path):
    file = policy_file(tmp_path / "p.safetensors", action(PLANS), noted={action(PLANS): PLANS})
    (block,) = [block for block in registry_with(file, Registry()) if block.name == action(PLANS)]
    assert block.strategy.spec == PLANS


@pytest.mark.parametrize(
    ("named", "noted", "why"),
    [
        ("strategy.self-consistancy", "", "did you mean self-consistency?"),
        ("strategy.self-consistency+n=0", "", "n=0: input should be greater than or equal to 1"),
        ("strategy.self-consistency+m=3", "", "has no parameter 'm'"),
        ("strategy.archon+file=layers.toml", "", "has file for whoever starts"),
        ("strategy.cascade+large=strong", "", "has large for whoever starts"),
        ("strategy.best-of-n+scorer=a1b2c3d4", "", "there is no scorer 'a1b2c3d4'"),
        ("strategy.best-of-n+scorer=a1b2c3d4", "strategy:best-of-n;scorer=remote:http://x/", "has scorer for whoever"),
        ("strategy.self-consistency+n=3", "strategy:self-consistency;n=4", "says that it is another"),
        ("strategy.self-consistency+n=03", "", "says that it is another"),
    ],
)
def test_a_file_brings_no_strategy_but_one_that_is_installed_and_asks_nobody_else(tmp_path, named, noted, why):
    model = ScriptedChatModel([])
    with pytest.raises(UsageError) as refused:
        file = policy_file(tmp_path / "p.safetensors", named, noted={named: noted} if noted else None)
        ReasoningAgent(model, policy=file)
    said = str(refused.value)
    assert why in said and "p.safetensors chooses 'strategy." in said and "give it by --blocks" in said
    assert "\n" not in said and model.counted.llm_calls == 0


def test_one_that_asks_another_model_is_given_by_whoever_runs_it(tmp_path):
    spec = "strategy:cascade;large=scripted"
    file = policy_file(tmp_path / "p.safetensors", action(spec))
    with ReasoningAgent(ScriptedChatModel(["Answer: 4"]), policy=file, blocks=[spec]) as agent:
        assert agent.solve(Task(id="t", prompt="2+2?", kind="numeric")).trace.route[0] == action(spec)


@pytest.mark.parametrize("noted", [3, ["strategy:self-consistency"], {"strategy.self-consistency+n=3": 7}])
def test_a_note_that_is_none_is_not_read(tmp_path, noted):
    file = policy_file(tmp_path / "p.safetensors", action(THREE), noted=noted)
    assert action(THREE) in registry_with(file, Registry()).actions.names
