"""What the learners on stable-baselines3 draw and how often they learn: nothing is drawn twice, and all is as asked."""

from collections import defaultdict

import pytest

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.envs.recorded import RecordedDynamics
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import Scaling
from pilotage.navigator.training.algorithms.learner import TrainingSetup, learner_for
from pilotage.navigator.training.train import Plan
from tests.navigator.banks import learnable_bank

OFF_POLICY = ("double-dueling-dqn", "qr-dqn")
SMALL = {"hidden": (4,), "batch": 4, "buffer": 2, "quantiles": 2, "epochs": 1}


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return learnable_bank(tmp_path_factory.mktemp("bank") / "b", tasks=40, depth=1)


def learner(bank, algorithm, seed=0, **hyper):
    arrays = BankArrays.of(bank)
    plan = Plan(algorithm, steps=4000, hyper=SMALL | hyper)
    scaling = Scaling.from_data(bank.observations, arrays.features)
    return learner_for(TrainingSetup(plan, bank, arrays, scaling, None, arrays.legal), seed)


@pytest.mark.parametrize("algorithm", (*OFF_POLICY, "maskable-ppo"))
def test_no_two_environments_pieces_or_seeds_share_an_order_of_tasks(bank, monkeypatch, algorithm):
    """Seeds in a row gave the i-th environment of a piece what the next one had in the piece before."""
    started, reset = defaultdict(list), RecordedDynamics.reset

    def noted(self, seed=None, task=None):
        transition = reset(self, seed, task)
        started[run, id(self)].append(transition.info["task_id"])
        return transition

    for seed in (0, 1):
        made = learner(bank, algorithm, seed, environments=4, gradient_every=64, rollout=64)
        with monkeypatch.context() as patched:
            patched.setattr(RecordedDynamics, "reset", noted)
            for piece in range(5):
                run = seed, piece
                made.advance(128, seed, piece)
        made.close()
    orders = [tuple(tasks[:5]) for tasks in started.values()]
    assert len(orders) == 2 * 5 * 4 and min(map(len, orders)) == 5
    assert len(set(orders)) == len(orders)


@pytest.mark.parametrize("algorithm", OFF_POLICY)
@pytest.mark.parametrize(("environments", "every"), [(8, 4), (8, 16), (1, 4), (8, 3), (4, 8), (1, 1)])
def test_a_gradient_step_comes_every_so_many_environment_steps(bank, algorithm, environments, every):
    made = learner(bank, algorithm, environments=environments, gradient_every=every)
    made.advance(240, 0, 0)
    assert made.model.num_timesteps == 240
    assert abs(made.model._n_updates - 240 / every) <= 1, "the first step only fills the buffer"
    made.close()


@pytest.mark.parametrize(("environments", "rollout"), [(8, 1024), (8, 8), (1, 2)])
def test_a_rollout_has_as_many_environment_steps_as_it_says(bank, environments, rollout):
    made = learner(bank, "maskable-ppo", environments=environments, rollout=rollout)
    assert made.model.n_steps * environments == rollout
    made.close()


def test_a_rollout_that_the_environments_cannot_share_is_refused():
    for rollout, environments in ((4, 8), (1024, 600)):
        with pytest.raises(PolicyError, match=f"rollout={rollout} is no multiple of environments={environments}"):
            Plan("maskable-ppo", hyper={"rollout": rollout, "environments": environments})
    Plan("qr-dqn", hyper={"rollout": 4, "environments": 8})  # which rolls nothing out
