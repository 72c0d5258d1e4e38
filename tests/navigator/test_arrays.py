import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.records import ROOT
from pilotage.navigator.training.support import action_support
from pilotage.navigator.training.surrogate import Leaf, follow, imitate, in_words
from pilotage.navigator.values.rollout import by_batch, rollout
from tests.navigator.banks import ACTIONS, children_of, random_bank

TERMINAL = len(ACTIONS) - 1


def arbitrary(seed):
    """A policy without sense: any recorded action, the same for the same observation."""

    def choose(rows, masks):
        scores = np.abs(np.sin(rows @ np.random.default_rng(seed).normal(size=(rows.shape[1], len(ACTIONS))) * 50))
        return np.where(masks, scores, -1).argmax(axis=1)

    return choose


def by_hand(tree, choose, arrays):
    """Expected score, cost and steps of a policy on one tree, node by node."""

    def follow_on(node):
        if node.terminal and node.parent is not None:
            return node.score, node.answer_cost, 0.0
        children = children_of(tree)[node.id]
        mask = ACTIONS.mask(children)
        action = int(choose(np.array([node.observation], np.float32), np.array([mask]))[0])
        if action == TERMINAL:
            return node.score, node.answer_cost, 1.0
        outcomes = [(child.cost, follow_on(child)) for child in children[ACTIONS.names[action]]]
        return (
            np.mean([on[0] for _, on in outcomes]),
            np.mean([cost + on[1] for cost, on in outcomes]),
            1 + np.mean([on[2] for _, on in outcomes]),
        )

    score, cost, steps = follow_on(tree.nodes[ROOT])
    return score, cost + tree.root.cost, steps


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**16))
def test_playing_all_tasks_at_once_gives_what_walking_each_tree_gives(tmp_path_factory, seed):
    bank = random_bank(tmp_path_factory.mktemp("bank") / "b", seed=seed, tasks=3)
    arrays, choose = BankArrays.of(bank), arbitrary(seed)
    found = rollout(arrays, by_batch(choose, arrays))
    reached = found.outcomes
    wanted = np.array([by_hand(bank.tree(task), choose, arrays) for task in arrays.tasks])
    assert np.allclose(np.column_stack([reached.correct, reached.cost, found.uses.sum(axis=1)]), wanted, atol=1e-5)


def test_transitions_are_those_of_the_trees_in_order(tmp_path):
    bank = random_bank(tmp_path / "b", seed=3, tasks=5)
    arrays = BankArrays.of(bank)
    steps = arrays.transitions
    assert (np.diff(steps.source * len(ACTIONS) + steps.action) >= 0).all()
    found = Counter(zip(steps.source.tolist(), steps.action.tolist(), strict=True))
    for state, (number, id) in enumerate(zip(arrays.task, arrays.ids, strict=True)):
        tree = bank.tree(arrays.tasks[number])
        counts = {ACTIONS.index(action): len(there) for action, there in children_of(tree)[id].items()}
        if not tree.nodes[id].terminal or state in arrays.roots:
            counts[TERMINAL] = 1
        assert counts == {action: found[state, action] for action in range(len(ACTIONS)) if found[state, action]}
        assert np.flatnonzero(steps.recorded[state]).tolist() == sorted(counts)


def held(record):
    """All arrays of an object and of the properties that it makes."""
    names = [name for name in dir(record) if not name.startswith("__")]
    for value in (getattr(record, name) for name in names):
        yield from [value] if isinstance(value, np.ndarray) else []
        yield from [one for one in value if isinstance(one, np.ndarray)] if isinstance(value, tuple) else []


def test_nobody_can_write_to_what_all_share(tmp_path):
    arrays = BankArrays.of(random_bank(tmp_path / "b", seed=1, tasks=3))
    for one in (arrays, pickle.loads(pickle.dumps(arrays)), replace(arrays, score=arrays.score / 2)):
        shared = [*held(one), *held(one.transitions)]
        assert len(shared) > 18 and not any(array.flags.writeable for array in shared)
    with pytest.raises(ValueError, match="read-only"):
        arrays.score[0] = 1


def test_the_fingerprint_is_that_of_the_content(tmp_path):
    one, same, other = (random_bank(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert BankArrays.of(one).fingerprint == BankArrays.of(same).fingerprint != BankArrays.of(other).fingerprint
    assert BankArrays.of(one, one.tasks[:2]).fingerprint != BankArrays.of(one).fingerprint


def test_what_was_tried_on_too_few_tasks_does_not_count(tmp_path):
    arrays = BankArrays.of(random_bank(tmp_path / "b", seed=1, tasks=6, coverage=0.4))
    everything, often = action_support(arrays, 1), action_support(arrays, 4)
    for counts, actions in often.tried.items():
        assert set(actions) <= set(everything.tried[counts])
    assert sum(map(len, often.tried.values())) < sum(map(len, everything.tried.values()))
    assert everything.masks(arrays.features)[arrays.transitions.recorded].all()


def test_a_small_tree_says_what_a_simple_policy_does():
    rows = np.random.default_rng(0).uniform(-1, 1, (300, 2)).astype(np.float32)
    rows[:, 1] = np.round(rows[:, 1] * 3)
    actions = np.where(rows[:, 0] <= 0.25, np.where(rows[:, 1] <= 0, 0, 1), 2)
    tree = imitate(rows, actions, 3)
    assert (follow(tree, rows) == actions).all()
    words = in_words(tree, ["cue", "count"], ["plan", "program", "answer"], np.array([False, True]))
    assert any(line.startswith("if cue > 0.2") and "answer  (100%" in line for line in words)
    assert any("if count <= 0: plan" in line for line in words)
    assert any("if count >= 1: program" in line for line in words)


def test_a_policy_that_always_does_the_same_is_one_leaf():
    assert imitate(np.zeros((20, 2), np.float32), np.full(20, 1), 3) == Leaf(1, pytest.approx(1.0), 20)
