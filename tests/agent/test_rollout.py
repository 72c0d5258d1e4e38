"""Live dynamics: what pilotage.navigator.envs.env asks of anything it runs on, over real blocks."""

import warnings

import numpy as np
import pytest

from pilotage.agent import Budget, ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.banks.live_dynamics import LiveDynamics
from pilotage.agent.errors import UsageError
from pilotage.agent.models import ModelClient
from pilotage.navigator.errors import EnvError, SpecMismatch
from tests.agent.states import always_right

TASKS = [
    Task(id=f"product-{n}", prompt=f"What is 6 times {n}?", kind="numeric", gold=42, metadata={"family": "products"})
    for n in range(3)
]


def live(script=always_right, tasks=TASKS, **options):
    return LiveDynamics(ReasoningAgent(ModelClient(ScriptedChatModel(script)), **options).components, tasks)


@pytest.fixture
def dynamics():
    with live() as made:
        yield made


def test_an_episode_pays_for_every_step_and_scores_at_the_end(dynamics):
    actions = dynamics.actions
    first = dynamics.reset(seed=0)
    assert (first.done, first.correct, first.cost, first.info["family"]) == (False, None, 0.0, "products")
    second = dynamics.step(actions.index("program"))
    assert second.cost > 0 and dynamics.observations.value(second.observation, "candidates") == 1
    assert not second.action_mask[actions.index("program")]
    last = dynamics.step(actions.index("answer"))
    assert (last.done, last.correct, last.cost, last.info["answer"]) == (True, 1.0, 0.0, "42")


def test_an_answer_at_once_pays_for_its_call(dynamics):
    dynamics.reset(task="product-1")
    last = dynamics.step(dynamics.actions.index("answer"))
    assert last.info["task_id"] == "product-1"
    assert last.done and last.cost > 0


def test_every_task_comes_once_before_any_comes_again(dynamics):
    order = [dynamics.reset(seed=3).info["task_id"], *(dynamics.reset().info["task_id"] for _ in range(5))]
    assert set(order[:3]) == set(order[3:]) == {task.id for task in TASKS}
    again = [dynamics.reset(seed=3).info["task_id"], *(dynamics.reset().info["task_id"] for _ in range(5))]
    assert again == order


def test_a_used_up_budget_ends_the_episode():
    with live(budget=Budget(max_calls=1)) as dynamics:
        dynamics.reset(seed=0)
        last = dynamics.step(dynamics.actions.index("decompose"))
    assert (last.done, last.correct, last.info["stopped_by"]) == (True, 0.0, "max_calls")


def test_an_illegal_step_and_a_missing_episode_are_refused(dynamics):
    with pytest.raises(EnvError, match="call reset first"):
        dynamics.step(0)
    dynamics.reset(seed=0)
    with pytest.raises(SpecMismatch, match="legal here"):
        dynamics.step(dynamics.actions.index("verify"))
    dynamics.step(dynamics.actions.index("answer"))
    with pytest.raises(EnvError, match="call reset first"):
        dynamics.step(0)
    with pytest.raises(EnvError, match="no task 'other'"):
        dynamics.reset(task="other")


def test_tasks_must_be_there_distinct_and_gradable():
    with pytest.raises(UsageError, match="at least one task"):
        live(tasks=[])
    with pytest.raises(UsageError, match="id of its own"):
        live(tasks=[TASKS[0], TASKS[0]])
    with pytest.raises(UsageError, match="no gold answer"):
        live(tasks=[TASKS[0].public()])


def test_it_runs_behind_the_environment_and_passes_its_check(dynamics):
    gymnasium = pytest.importorskip("gymnasium")
    from gymnasium.utils.env_checker import check_env

    from pilotage import navigator  # noqa: F401  (registers the environments)

    env = gymnasium.make("pilotage/Reasoning-v0", dynamics=dynamics, cost_weight=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
    observation, info = env.reset(seed=1)
    total, ended = 0.0, False
    while not ended:
        legal = np.flatnonzero(info["action_mask"])
        _, reward, ended, _, info = env.step(int(legal[-1]))
        total += reward
    assert total < 1.0 and info["correct"] == 1.0
