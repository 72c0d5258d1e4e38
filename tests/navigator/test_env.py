"""The Gymnasium environments, over recorded and over other dynamics."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

from pilotage import navigator
from pilotage.navigator import EnvError, RecordedDynamics, SpecMismatch, Transition
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.values.exact import exact_values
from tests.navigator.banks import ACTIONS, OBSERVATIONS, learnable_bank, node, random_bank, write_bank

gymnasium = pytest.importorskip("gymnasium")
LIVE, RECORDED = "pilotage/Reasoning-v0", "pilotage/RecordedReasoning-v0"


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return learnable_bank(tmp_path_factory.mktemp("bank"), tasks=9)


def with_sb3():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch and tensorboard, while they are imported
        from stable_baselines3.common.env_checker import check_env
    return check_env


@pytest.mark.parametrize("kind", [LIVE, RECORDED])
def test_both_checkers_pass_without_a_warning(bank, kind):
    from gymnasium.utils.env_checker import check_env

    given = {"dynamics": RecordedDynamics(bank)} if kind == LIVE else {"bank": str(bank.path), "shaping": "exact"}
    check_env(gymnasium.make(kind, cost_weight=0.1, **given).unwrapped)
    with_sb3()(gymnasium.make(kind, **given).unwrapped)


@pytest.mark.parametrize(
    "way",
    [
        "import pilotage.navigator, gymnasium; gymnasium.spec({id!r})",
        "import gymnasium, pilotage.navigator; gymnasium.spec({id!r})",
        "import gymnasium; gymnasium.make('pilotage.navigator:' + {id!r}, {given})",
        "import pilotage.navigator.spaces, gymnasium; gymnasium.spec({id!r})",
    ],
)
def test_importing_navigator_registers_in_whatever_order(bank, way):
    code = way.format(id=RECORDED, given=f"bank={str(bank.path)!r}")
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_live_reasoning_says_that_it_is_not_deterministic():
    assert gymnasium.spec(LIVE).nondeterministic and not gymnasium.spec(RECORDED).nondeterministic
    assert navigator.__all__ == sorted(navigator.__all__)


def test_an_episode_sums_to_correctness_less_its_cost(bank):
    env = gymnasium.make(RECORDED, bank=bank, cost_weight=0.5)
    _, info = env.reset(seed=1, options={"task": "words/2"})
    assert info["action_mask"].dtype == np.int8 and (info["task_id"], info["family"]) == ("words/2", "words")
    total = 0.0
    for name in ("program", "reason", "answer"):
        _, reward, terminated, truncated, info = env.step(ACTIONS.index(name))
        total += reward
    assert terminated and not truncated
    assert (info["correct"], info["cost"]) == (1, pytest.approx(0.45))
    assert total == pytest.approx(1 - 0.5 * 0.45)
    assert type(reward) is float and type(terminated) is bool


def test_an_action_that_is_not_legal_answers_and_says_so(tmp_path):
    bank = write_bank(tmp_path, {"t": [node(score=1), node(["reason"])]})
    env = gymnasium.make(RECORDED, bank=bank)
    _, info = env.reset()
    assert info["action_mask"].tolist() == [1, 0, 0, 1]
    assert env.get_wrapper_attr("action_masks")().tolist() == [True, False, False, True]
    _, reward, terminated, _, info = env.step(ACTIONS.index("program"))
    assert (reward, terminated, info["illegal"]) == (1, True, True)
    with pytest.raises(EnvError, match="call reset"):
        env.step(3)
    env.reset()
    with pytest.raises(EnvError, match="there is no action 4"):
        env.unwrapped.step(4)


def test_what_is_spent_before_the_first_decision_is_paid_with_the_first_step(tmp_path):
    bank = write_bank(tmp_path, {"t": [node(score=1, usage={"prompt_tokens": 500}, answer_cost=0)]})
    env = gymnasium.make(RECORDED, bank=bank, cost_weight=1.0)
    assert env.reset()[1]["cost"] == 0.5
    assert env.step(3)[1] == 0.5


@pytest.mark.parametrize("shaping", ["exact", "uniform"])
def test_shaping_adds_the_same_on_every_way_through_a_task(tmp_path, shaping):
    bank = random_bank(tmp_path / "b", seed=2, samples=1)
    weight = 0.2
    env = gymnasium.make(RECORDED, bank=bank, cost_weight=weight, shaping=shaping)
    generator = np.random.default_rng(0)
    shift = {}
    for _ in range(60):
        _, info = env.reset()
        total, done = 0.0, False
        while not done:
            action = generator.choice(np.flatnonzero(info["action_mask"]))
            _, reward, done, _, info = env.step(action)
            total += reward
        difference = total - (info["correct"] - weight * info["cost"])
        assert difference == pytest.approx(shift.setdefault(info["task_id"], difference))
    if shaping == "exact":
        arrays = BankArrays.of(bank)
        roots = exact_values(arrays, weight).value[arrays.roots]
        assert shift == pytest.approx({t: -v for t, v in zip(arrays.tasks, roots, strict=True) if t in shift})


def test_with_exact_shaping_the_best_step_costs_nothing_and_others_what_they_lose(bank):
    env = gymnasium.make(RECORDED, bank=bank, cost_weight=0.1, shaping="exact").unwrapped
    best = exact_values(env.dynamics.arrays, 0.1)
    generator = np.random.default_rng(1)
    for _ in range(50):
        env.reset()
        done = False
        while not done:
            state = env.dynamics.state
            action = generator.choice(np.flatnonzero(env.action_masks()))
            _, reward, done, _, _ = env.step(action)
            assert reward == pytest.approx(best.q[state, action] - best.value[state])


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_vector_environments(bank, mode):
    envs = gymnasium.make_vec(RECORDED, 2, vectorization_mode=mode, bank=str(bank.path), cost_weight=0.1)
    try:
        observations, infos = envs.reset(seed=3)
        assert observations.shape == (2, len(OBSERVATIONS)) and infos["action_mask"].shape == (2, 4)
        ended = 0
        for _ in range(20):
            observations, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
            assert np.isfinite(observations).all() and np.isfinite(rewards).all() and not truncated.any()
            ended += terminated.sum()
        assert ended
    finally:
        envs.close()


def test_masks_reach_sb3(bank):
    with_sb3()
    from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv

    envs = DummyVecEnv([lambda: Monitor(gymnasium.make(RECORDED, bank=bank)) for _ in range(2)])
    envs.reset()
    assert is_masking_supported(envs) and get_action_masks(envs).shape == (2, 4)


class Scripted:
    """Dynamics of one state that answers with given transitions."""

    actions, observations = ACTIONS, OBSERVATIONS

    def __init__(self, *transitions):
        self.transitions = list(transitions)
        self.closed = False
        self.lock = __import__("threading").Lock()  # what cannot be copied must not have to be

    def reset(self, seed=None, task=None):
        return self.transitions.pop(0)

    def step(self, action):
        return self.transitions.pop(0)

    def close(self):
        self.closed = True


def state(done=False, correct=None, cost=0.0, seen=None):
    seen = np.zeros(len(OBSERVATIONS), dtype=np.float32) if seen is None else seen
    return Transition(seen, ACTIONS.mask(["reason"]), done, correct, cost)


def test_running_out_of_budget_terminates():
    env = gymnasium.make(LIVE, dynamics=Scripted(state(), state(done=True, correct=0.0, cost=2.0)), cost_weight=0.1)
    env.reset()
    _, reward, terminated, truncated, info = env.step(0)
    assert (terminated, truncated, info["correct"]) == (True, False, 0)
    assert reward == pytest.approx(-0.2)
    env.close()
    assert env.unwrapped.dynamics.closed


def test_an_observation_that_is_no_number_is_refused():
    env = gymnasium.make(LIVE, dynamics=Scripted(state(seen=np.full(len(OBSERVATIONS), np.nan, dtype=np.float32))))
    with pytest.raises(SpecMismatch, match="not finite"):
        env.reset()


def test_a_task_that_ends_before_any_decision_is_passed_over():
    env = gymnasium.make(LIVE, dynamics=Scripted(state(done=True, correct=0.0), state()))
    assert not env.reset()[1].get("correct")
    env = gymnasium.make(LIVE, dynamics=Scripted(state(done=True, correct=0.0)))
    with pytest.raises(EnvError, match="raise the budget"):
        env.reset(options={"task": "t"})


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"cost_weight": -1.0}, "cost weight must be 0 or more"),
        ({"cost_weight": float("nan")}, "cost weight must be 0 or more"),
        ({"shaping": "magic"}, "unknown shaping 'magic'"),
        ({"bank": "/nowhere"}, "there is no bank"),
        ({"tasks": ["t9"]}, "no task 't9'"),
    ],
)
def test_wrong_arguments_are_one_sentence(bank, given, complaint):
    with pytest.raises(navigator.NavigatorError, match=complaint):
        gymnasium.make(RECORDED, **{"bank": bank, **given})


def test_the_spec_of_a_recorded_environment_is_plain_data(bank):
    env = gymnasium.make(RECORDED, bank=str(bank.path), tasks=bank.tasks[:2], cost_weight=0.1)
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert json.loads(env.spec.to_json())["kwargs"]["cost_weight"] == 0.1
    assert again.unwrapped.dynamics.arrays.tasks == env.unwrapped.dynamics.arrays.tasks
