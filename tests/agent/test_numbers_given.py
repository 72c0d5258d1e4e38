"""Numbers that no part of the program can use: refused before any work, in one sentence, at every door."""

import json
import sys

import numpy as np
import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.banks.live_dynamics import LiveDynamics
from pilotage.agent.errors import UsageError
from pilotage.common.seeds import LARGEST, checked_seed
from pilotage.navigator import EnvError, PolicyError, RandomPolicy
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.envs.env import RecordedReasoningEnv
from pilotage.navigator.envs.recorded import RecordedDynamics
from pilotage.navigator.errors import BankError, LogError
from pilotage.navigator.evaluation.run import Protocol
from pilotage.navigator.off_policy import estimate
from pilotage.navigator.off_policy.sampling import drawn_log
from pilotage.navigator.policies.epsilon import EpsilonPolicy
from pilotage.navigator.policies.frequency_matched import FrequencyMatchedPolicy
from pilotage.navigator.training.plan import Plan
from tests.navigator.banks import ACTIONS, OBSERVATIONS, learnable_bank

WRONG = [-1, 1.5, 1.0, True, LARGEST + 1, 10**30, "1", float("nan")]
SAID = "is a whole number from 0 to 2,147,483,647, not "


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return learnable_bank(tmp_path_factory.mktemp("bank") / "b", tasks=6, depth=2)


@pytest.mark.parametrize("seed", [*WRONG, None])
def test_a_seed_is_one_thing(seed):
    with pytest.raises(ValueError, match=SAID):
        checked_seed(seed)


@pytest.mark.parametrize("seed", [0, 7, LARGEST, np.int64(3), np.uint8(3)])
def test_whole_numbers_of_any_kind_are_seeds(seed):
    assert checked_seed(seed) == int(seed) and type(checked_seed(seed)) is int


def agent(**more):
    return ReasoningAgent(ScriptedChatModel({"": "Answer: 42"}), policy="fixed:reason,answer", sandbox="none", **more)


@pytest.mark.parametrize("seed", WRONG)
def test_every_part_refuses_the_same(bank, seed):
    with pytest.raises(UsageError, match=SAID):
        agent(seed=seed)
    recorded = RecordedDynamics(bank)
    live = LiveDynamics(agent().components, [Task(id="t", prompt="6*7", kind="numeric", gold=42)])
    for dynamics in (recorded, live):
        with pytest.raises(EnvError, match=SAID):
            dynamics.reset(seed=seed)
        dynamics.reset(seed=3)
    live.close()
    with pytest.raises(EnvError, match=SAID):
        RecordedReasoningEnv(bank, seed=seed)
    for policy in (
        lambda: RandomPolicy(ACTIONS, seed),
        lambda: EpsilonPolicy(RandomPolicy(ACTIONS), 0.1, ACTIONS, seed),
        lambda: FrequencyMatchedPolicy(ACTIONS, OBSERVATIONS, {}, seed),
        lambda: Protocol(split_seed=seed),
        lambda: Protocol(bootstrap_seed=seed),
        lambda: Plan("cql", seed=seed),
        lambda: Plan("cql", split_seed=seed),
    ):
        with pytest.raises(PolicyError, match=SAID):
            policy()
    with pytest.raises(BankError, match=SAID):
        bank.split({"train": 0.5, "test": 0.5}, seed)


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"resamples": -1}, {"resamples": 0}, {"resamples": 10**6}])
def test_an_estimate_refuses_its_numbers(bank, wrong):
    dynamics = RecordedDynamics(bank)
    log = drawn_log(dynamics.arrays, dynamics.arrays.playable / dynamics.arrays.playable.sum(axis=1, keepdims=True), 12)
    with pytest.raises(LogError, match="is a whole number from"):
        estimate(log, RandomPolicy(ACTIONS), **wrong)


@pytest.mark.parametrize("resamples", [-1, 99, 100_001, 1e3])
def test_an_evaluation_refuses_draws_without_bounds(resamples):
    with pytest.raises(PolicyError, match="resamples is a whole number from 100 to 100,000"):
        Protocol(resamples=resamples)


COMMANDS = {
    "solve": ("solve", "6*7", "--memory", "none", "--model", "scripted:s.json", "--seed"),
    "batch": ("solve", "--tasks", "t.jsonl", "--out", "r", "--memory", "none", "--model", "scripted:s.json", "--seed"),
    "order": ("solve", "--tasks", "t.jsonl", "--memory", "none", "--model", "scripted:s.json", "--order"),
    "collect": ("collect", "--tasks", "t.jsonl", "--out", "c", "--model", "scripted:s.json", "--seed"),
    "split": ("bank", "split", "b", "--seed"),
    "train": ("train", "--bank", "b", "--out", "p.safetensors", "--algo", "linear", "--seed"),
    "train's split": ("train", "--bank", "b", "--out", "p.safetensors", "--algo", "linear", "--split-seed"),
    "evaluate": ("evaluate", "--bank", "b", "--policy", "random", "--split-seed"),
    "estimate": ("estimate", "--runs", "r.jsonl", "--policy", "random", "--seed"),
}


@pytest.fixture
def command(command_line, tmp_path):
    learnable_bank("b", tasks=6, depth=2)
    (tmp_path / "s.json").write_text(json.dumps({"rules": {"": "Answer: 42"}}))
    (tmp_path / "t.jsonl").write_text(json.dumps({"prompt": "6*7", "kind": "numeric", "gold": 42}) + "\n")
    (tmp_path / "r.jsonl").write_text("")
    return command_line


@pytest.mark.parametrize("seed", ["-1", "1.5", str(LARGEST + 1), "9" * 30])
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_the_same(command, tmp_path, name, seed):
    said = command(*COMMANDS[name], seed)
    assert said.code == 2 and COMMANDS[name][-1] in said.err and said.err.count("\n") == 1, said.err
    assert not [one for one in ("r", "c", "p.safetensors") if (tmp_path / one).exists()]


@pytest.mark.parametrize("seed", ["-3", "1.5", "9" * 30])
def test_so_do_settings(command, tmp_path, monkeypatch, seed):
    question = COMMANDS["solve"][:-1]
    monkeypatch.setenv("PILOTAGE_SEED", seed)
    said = command(*question)
    assert said.code == 2 and "setting 'seed'" in said.err and said.err.count("\n") == 1
    monkeypatch.delenv("PILOTAGE_SEED")
    (tmp_path / "pilotage.toml").write_text(f"seed = {seed}\n")
    said = command(*question)
    assert said.code == 2 and "seed" in said.err and said.err.count("\n") == 1


@pytest.mark.parametrize("limit", [str(sys.maxsize + 1), "9" * 30])
@pytest.mark.parametrize("name", ["batch", "collect"])
def test_a_limit_that_no_counter_reaches_is_refused(command, name, limit):
    said = command(*COMMANDS[name], "1", "--limit", limit)
    assert said.code == 2 and "--limit" in said.err and "Traceback" not in said.err


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("evaluate", "--bank", "b", "--policy", "random", "--bootstrap", "100001"), "--bootstrap"),
        (("solve", "--tasks", "t.jsonl", "--out", "o", "--orders", "9" * 30, "--memory", "none"), "--orders"),
    ],
)
def test_counts_have_bounds(command, flags, named):
    said = command(*flags)
    assert said.code == 2 and named in said.err and "Traceback" not in said.err


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("train", "--hyper", "buffer=64", "--hyper", "buffer=32"), "'buffer' stands twice in --hyper"),
        (("train", "--parts", "train=0.5,train=0.5"), "'train' stands twice in --parts"),
        (("evaluate", "--parts", "train=0.5, train=0.5", "--part", "train"), "'train' stands twice in --parts"),
    ],
)
def test_what_is_given_twice_is_refused(command, flags, named):
    more = ("--out", "p.safetensors", "--algo", "cql") if flags[0] == "train" else ("--policy", "random")
    said = command(flags[0], "--bank", "b", *more, *flags[1:])
    assert said.code == 2 and named in said.err and said.err.count("\n") == 1, said.err


def test_a_split_is_that_of_its_seed(command):
    assert Bank.open("b").split({"x": 0.5, "y": 0.5}, 1) == Bank.open("b").split({"x": 0.5, "y": 0.5}, np.int64(1))
