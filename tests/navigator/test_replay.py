"""RecordedDynamics walks what was recorded, and nothing else."""

import copy
import pickle
from collections import Counter

import numpy as np
import pytest

from pilotage.navigator import BankError, Dynamics, EnvError, RecordedDynamics, SpecMismatch
from pilotage.navigator.bank.arrays import BankArrays
from tests.navigator.banks import ACTIONS, children_of, node, random_bank, write_bank

REASON, PROGRAM, VERIFY, ANSWER = range(4)


@pytest.fixture
def bank(tmp_path):
    nodes = [
        node(usage={"prompt_tokens": 7}),
        node(["reason"], score=1, cost=300),
        node(["program"], cost=100),
        node(["program"], sample=1, score=1, cost=200),
        node(["program", "verify"], cost=50, answer_cost=10, terminal=True, score=0.5),
    ]
    return write_bank(tmp_path / "b", {("t", "f"): nodes})


def test_an_episode_pays_every_step_and_brings_the_score(bank):
    dynamics: Dynamics = RecordedDynamics(bank)
    start = dynamics.reset(seed=0)
    assert (start.done, start.correct, start.cost) == (False, None, 0.007)
    assert start.info == {"task_id": "t", "family": "f"}
    step = dynamics.step(REASON)
    assert (step.done, step.correct, step.cost) == (False, None, 0.3)
    end = dynamics.step(ANSWER)
    assert (end.done, end.correct, end.cost) == (True, 1, 0.01)
    assert (end.observation == step.observation).all()
    with pytest.raises(EnvError, match="call reset"):
        dynamics.step(ANSWER)
    dynamics.close()


def test_what_was_not_recorded_is_masked_out(bank):
    dynamics = RecordedDynamics(bank)
    assert dynamics.reset().action_mask.tolist() == [True, True, False, True]  # verify was legal, yet not recorded
    with pytest.raises(SpecMismatch, match="action 2 is not allowed here; recorded are reason, program, answer"):
        dynamics.step(VERIFY)
    assert dynamics.step(REASON).action_mask.tolist() == [False, False, False, True]


def test_a_run_that_ended_by_itself_needs_no_decision(bank):
    dynamics = RecordedDynamics(bank, seed=0)
    while dynamics.reset().done or dynamics.step(PROGRAM).action_mask[VERIFY] == 0:
        pass
    end = dynamics.step(VERIFY)
    assert (end.done, end.correct) == (True, 0.5)
    assert end.cost == pytest.approx(0.06)
    assert end.action_mask.tolist() == [False, False, False, True]


def test_samples_are_equally_likely(bank):
    dynamics = RecordedDynamics(bank, seed=1)
    found = Counter()
    for _ in range(400):
        dynamics.reset()
        dynamics.step(PROGRAM)
        found[dynamics.arrays.ids[dynamics.state]] += 1
    assert found.keys() == {"r/program", "r/program#1"}
    assert 150 < found["r/program"] < 250


def test_every_task_comes_once_before_any_comes_again(tmp_path):
    dynamics = RecordedDynamics(random_bank(tmp_path / "b", tasks=6), seed=3)
    rounds = [[dynamics.reset().info["task_id"] for _ in range(6)] for _ in range(3)]
    assert all(sorted(one) == sorted(rounds[0]) == [f"t{n}" for n in range(6)] for one in rounds)
    assert rounds[0] != rounds[1] or rounds[1] != rounds[2]


def test_the_same_seed_gives_the_same_walk(tmp_path):
    bank = random_bank(tmp_path / "b", tasks=6)

    def walk(dynamics, seed):
        transition, generator, seen = dynamics.reset(seed=seed), np.random.default_rng(0), []
        for _ in range(200):
            if transition.done:
                transition = dynamics.reset()
            else:
                transition = dynamics.step(int(generator.choice(np.flatnonzero(transition.action_mask))))
            seen.append((transition.info["task_id"], transition.done, transition.cost, *transition.observation))
        return seen

    one = RecordedDynamics(bank, seed=9)
    first = walk(one, 5)
    assert first == walk(one, 5) == walk(RecordedDynamics(bank), 5) != walk(one, 6)


def test_a_task_can_be_asked_for_by_name(tmp_path):
    bank = random_bank(tmp_path / "b", tasks=4)
    dynamics = RecordedDynamics(bank, tasks=["t3", "t1"])
    assert dynamics.reset(task="t3").info["task_id"] == "t3"
    assert {dynamics.reset().info["task_id"] for _ in range(4)} == {"t1", "t3"}
    with pytest.raises(EnvError, match="unknown task 't0'"):
        dynamics.reset(task="t0")
    with pytest.raises(BankError, match="no task 't9'"):
        RecordedDynamics(bank, tasks=["t9"])
    with pytest.raises(EnvError, match="BankArrays.of"):
        RecordedDynamics(dynamics.arrays, tasks=["t1"])


def test_what_it_hands_out_cannot_be_changed(bank):
    start = RecordedDynamics(bank).reset()
    with pytest.raises(ValueError, match="read-only"):
        start.observation[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        start.action_mask[0] = False


def test_dynamics_travel_to_other_processes(bank):
    dynamics = pickle.loads(pickle.dumps(RecordedDynamics(bank, seed=1)))
    assert dynamics.reset(seed=1).info["task_id"] == "t"


def test_the_arrays_hold_the_bank(tmp_path):
    bank = random_bank(tmp_path / "b", seed=5)
    arrays = BankArrays.of(bank)
    assert copy.deepcopy(arrays) is arrays and copy.deepcopy(bank) is bank
    assert len(arrays) == sum(len(bank.tree(task)) for task in bank.tasks)
    for state, id in enumerate(arrays.ids):
        tree = bank.tree(arrays.tasks[arrays.task[state]])
        recorded = tree.nodes[id]
        assert arrays.score[state] == recorded.score and arrays.cost[state] == recorded.cost
        assert [ACTIONS.names[a] for a in arrays.action_prefixes[state]] == list(tree.route(id))
        children = {ACTIONS.names[a]: {arrays.ids[s] for s in there} for a, there in arrays.children[state].items()}
        assert children == {action: {n.id for n in there} for action, there in children_of(tree)[id].items()}
        expected = ACTIONS.mask(() if recorded.terminal else children)
        assert (arrays.playable[state] == expected).all()
