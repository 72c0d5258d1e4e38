"""Environments that are copied, pickled, or asked for what makes no sense."""

import copy
import pickle

import numpy as np
import pytest

from pilotage.navigator import EnvError, NavigatorError, RecordedDynamics
from pilotage.navigator.bank.arrays import BankArrays
from tests.navigator.banks import ACTIONS, learnable_bank, node, random_bank, usage, write_bank

gymnasium = pytest.importorskip("gymnasium")
from pilotage.navigator.envs.env import ReasoningEnv, RecordedReasoningEnv  # noqa: E402 (needs gymnasium)

ANSWER = ACTIONS.index("answer")


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return random_bank(tmp_path_factory.mktemp("bank"), seed=3, tasks=6)


def scored(bank):
    return np.random.default_rng(0).random(len(BankArrays.of(bank))).tolist()


MADE = {
    "plain": lambda bank: RecordedReasoningEnv(bank, cost_weight=0.3, seed=1),
    "exact": lambda bank: RecordedReasoningEnv(bank, cost_weight=0.3, seed=1, shaping="exact"),
    "uniform": lambda bank: RecordedReasoningEnv(bank, cost_weight=0.3, seed=1, shaping="uniform"),
    "step scores": lambda bank: RecordedReasoningEnv(bank, cost_weight=0.3, seed=1, step_scores=scored(bank)),
    "made by gymnasium": lambda bank: gymnasium.make(
        "pilotage/RecordedReasoning-v0", bank=bank, cost_weight=0.3, seed=1, shaping="exact"
    ),
}
COPIES = {"copied": copy.deepcopy, "pickled": lambda env: pickle.loads(pickle.dumps(env))}


def played(env, steps, seed, begun=None):
    """Observations, rewards and infos of random episodes; goes on from `begun`, an info, where it is given."""
    chance, seen, info = np.random.default_rng(seed), [], begun
    for _ in range(steps):
        if info is None:
            first, info = env.reset()
            seen.append((first.tolist(), info["task_id"]))
            continue
        now = env.step(int(chance.choice(np.flatnonzero(info["action_mask"]))))
        seen.append((now[0].tolist(), *now[1:4], now[4]["cost"]))
        info = None if now[2] else now[4]
    return seen


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("way", COPIES)
def test_a_copy_goes_on_as_the_original_does_and_neither_moves_the_other(bank, kind, way):
    original, untouched = MADE[kind](bank), MADE[kind](bank)
    _, info = original.reset(seed=5)
    untouched.reset(seed=5)
    twin = COPIES[way](original)
    ahead = played(twin, 40, seed=2, begun=info)
    assert played(original, 40, seed=2, begun=info) == played(untouched, 40, seed=2, begun=info) == ahead


def test_copies_share_what_never_changes(bank):
    env = RecordedReasoningEnv(bank, shaping="exact")
    assert copy.deepcopy(env).dynamics._rows is env.dynamics._rows


@pytest.mark.parametrize(
    "action", [3.0, np.float64(3), True, np.True_, "3", None, [3], np.array([3]), np.array(3.0), float("nan")]
)
def test_what_is_no_whole_number_is_no_action(bank, action):
    env = RecordedReasoningEnv(bank)
    env.reset(seed=0)
    with pytest.raises(EnvError, match="an action is a whole number"):
        env.step(action)
    dynamics = RecordedDynamics(bank, seed=0)
    dynamics.reset()
    with pytest.raises(EnvError, match="an action is a whole number"):
        dynamics.step(action)
    assert not env.step(ANSWER)[3], "the episode goes on as if nothing had been asked"


@pytest.mark.parametrize("kind", [int, np.int64, np.int8, np.uint16, np.array])
def test_whole_numbers_of_every_sort_are_actions(bank, kind):
    env = RecordedReasoningEnv(bank)
    env.reset(seed=0)
    assert env.step(kind(ANSWER))[2]


@pytest.mark.parametrize("action", [-1, len(ACTIONS), 2**70, np.int64(-5)])
def test_actions_that_there_are_not_are_named(bank, action):
    env = RecordedReasoningEnv(bank)
    env.reset(seed=0)
    with pytest.raises(EnvError, match=f"there is no action {action}; there are 4"):
        env.step(action)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tasks": "t1"}, "unknown reset option 'tasks'"),
        ({"task": "t1", "seed": 3}, "unknown reset option 'seed'"),
        ({3: "t1"}, "unknown reset option 3"),
        ({"task": 3}, "by its id, a text, not by 3"),
        ({"task": ["t1"]}, "by its id, a text"),
        ({"task": "nope"}, "unknown task 'nope'"),
        (["t1"], "reset options are a dictionary"),
        ("t1", "reset options are a dictionary"),
    ],
)
def test_reset_options_that_mean_nothing_are_refused(bank, options, said):
    with pytest.raises(EnvError, match=said):
        RecordedReasoningEnv(bank).reset(options=options)


@pytest.mark.parametrize("options", [None, {}, {"task": None}])
def test_no_option_lets_the_dynamics_choose(bank, options):
    _, info = RecordedReasoningEnv(bank, seed=2).reset(options=options)
    assert info["task_id"] in bank.tasks


def test_a_dynamics_of_its_own_is_asked_in_whole_numbers(bank):
    asked = []

    class Asked(RecordedDynamics):
        def step(self, action):
            asked.append(action)
            return super().step(action)

    env = ReasoningEnv(Asked(bank, seed=0))
    env.reset(seed=0)
    env.step(np.int64(ANSWER))
    assert asked == [ANSWER] and type(asked[0]) is int


def test_step_scores_are_finite(tmp_path):
    bank = learnable_bank(tmp_path, tasks=3)
    scores = [0.0] * len(BankArrays.of(bank))
    for odd in (float("nan"), float("inf")):
        with pytest.raises(EnvError, match="not finite"):
            RecordedReasoningEnv(bank, step_scores=[*scores[1:], odd])


def test_what_was_paid_before_the_first_decision_is_paid_once(tmp_path):
    """Recalling cost 400 tokens; two blocks and an answer follow."""
    recalled = node(usage=usage(400), answer_cost=10)
    nodes = [recalled, node(["reason"], cost=100), node(["reason", "verify"], score=1, cost=200, answer_cost=0)]
    env = RecordedReasoningEnv(write_bank(tmp_path, {"t": nodes}), cost_weight=0.5)
    env.reset()
    rewards = [env.step(ACTIONS.index(name))[1] for name in ("reason", "verify", "answer")]
    assert rewards == pytest.approx([-0.5 * 0.5, -0.5 * 0.2, 1.0])


@pytest.mark.parametrize(
    "given",
    [{"tasks": "t1"}, {"tasks": 5}, {"cost_weight": "a"}, {"cost_weight": True}, {"cost_weight": None}]
    + [{"cost_weight": 10**400}, {"seed": "a"}, {"seed": -1}, {"seed": 1.5}, {"seed": True}]
    + [{"bank": None}, {"bank": 3}, {"step_scores": "abc"}, {"step_scores": 1}],
    ids=str,
)
def test_arguments_that_mean_nothing_are_refused_in_a_sentence(bank, given):
    with pytest.raises(
        NavigatorError, match="list of their ids|weight must be 0|whole number from 0|its folder|are numbers"
    ):
        RecordedReasoningEnv(**{"bank": bank, **given})
