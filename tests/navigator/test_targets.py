"""What networks are trained towards: the score to come less the weighted cost, by the network that should tell it."""

from dataclasses import asdict

import numpy as np
import pytest

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.policies.inputs import CostWeighting, Scaling
from pilotage.navigator.training.algorithms.hyperparameters import Hyperparameters
from pilotage.navigator.training.algorithms.learner import TrainingSetup, learner_for
from pilotage.navigator.training.train import Plan, train
from tests.navigator.banks import ACTIONS, learnable_bank, node, write_bank

REASON, PROGRAM, ANSWER = (ACTIONS.index(name) for name in ("reason", "program", "answer"))
SMALL = Hyperparameters(
    hidden=(8,), batch=16, buffer=64, environments=2, gradient_every=1, rollout=32, epochs=1, quantiles=4, gamma=0.9,
    entropy=0.07, target_every=30, exploration=0.3, exploration_end=0.1, learning_rate=0.01,
)  # fmt: skip


@pytest.fixture(scope="module")
def priced(tmp_path_factory):
    """Everything is right but stopping at once; reasoning costs a thousand tokens, a program a hundred."""
    nodes = [node(answer_cost=0)]
    nodes += [node([name], score=1.0, cost=cost, answer_cost=0) for name, cost in (("reason", 1000), ("program", 100))]
    return write_bank(tmp_path_factory.mktemp("bank") / "b", {f"t/{number}": nodes for number in range(10)})


@pytest.mark.parametrize(
    ("settings", "weights"),
    [({"cost_weight": 0.5}, {None: 0.5}), ({"effort_input": True}, {0.25: CostWeighting().weight(0.25), 1.0: 0.0})],
    ids=["one weight", "a dial"],
)
def test_cql_values_an_action_at_the_score_that_follows_less_what_it_costs(priced, settings, weights):
    hyper = {"hidden": (16,), "batch": 64, "learning_rate": 1e-2}
    policy = train(priced, Plan("cql", seeds=1, steps=800, hyper=hyper, **settings)).policy
    root = BankArrays.of(priced).features[:1]
    for effort, weight in weights.items():
        values = policy.outputs(root, effort)[0, [REASON, PROGRAM, ANSWER]]
        assert values == pytest.approx([1 - weight, 1 - 0.1 * weight, 0], abs=0.2)


def learner(bank, algorithm, hyper=SMALL):
    arrays = BankArrays.of(bank)
    scaling = Scaling.from_data(bank.observations, arrays.features)
    plan = Plan(algorithm, cost_weight=0.1, steps=400, hyper=asdict(hyper))
    return learner_for(TrainingSetup(plan, bank, arrays, scaling, None, arrays.legal), 0)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return learnable_bank(tmp_path_factory.mktemp("bank") / "b", tasks=12, depth=2)


def test_the_dqn_picks_by_the_one_network_and_values_by_the_other(bank):
    torch = pytest.importorskip("torch")
    made = learner(bank, "double-dueling-dqn")
    made.advance(100, 0, 0)
    model, generator = made.model, torch.Generator().manual_seed(1)
    with torch.no_grad():  # two networks that disagree on what is best
        for parameter in model.q_net_target.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    np.random.seed(3)  # what stable-baselines3's buffer draws by
    data = model.replay_buffer.sample(64)
    with torch.no_grad():
        after, slow = model.q_net(data.next_observations), model.q_net_target(data.next_observations)
        future = slow.gather(1, after.argmax(dim=1, keepdim=True))
        assert not torch.equal(future, slow.max(dim=1, keepdim=True).values), "else the two rules are the same"
        wanted = data.rewards + (1 - data.dones) * 0.9 * future
        error = model.q_net(data.observations).gather(1, data.actions.long()) - wanted
        loss = torch.where(error.abs() < 1, error**2 / 2, error.abs() - 0.5).mean()
    np.random.seed(3)
    model.train(1, 64)
    assert model.logger.name_to_value["train/loss"] == pytest.approx(float(loss), rel=1e-4)
    made.close()


def test_what_an_algorithm_is_told_reaches_it(bank):
    ppo = learner(bank, "maskable-ppo").model
    assert (ppo.ent_coef, ppo.gamma, ppo.n_steps, ppo.batch_size, ppo.n_epochs) == (0.07, 0.9, 16, 16, 1)
    dqn, quantile_dqn = (learner(bank, algorithm).model for algorithm in ("double-dueling-dqn", "qr-dqn"))
    for model in (dqn, quantile_dqn):
        told = (model.gamma, model.batch_size, model.gradient_steps, model.exploration_fraction)
        assert told == (0.9, 16, 2, 0.3) and model.exploration_final_eps == 0.1
    for model in (ppo, dqn, quantile_dqn):
        rates = [float(model.lr_schedule(left)) for left in (1.0, 0.0)]
        assert rates == pytest.approx([0.01, 0.001])


@pytest.mark.parametrize("algorithm", ["double-dueling-dqn", "qr-dqn"])
def test_a_training_may_explore_by_no_schedule_and_remember_one_step(bank, algorithm):
    least = Hyperparameters().with_values({"exploration": 0, "buffer": 1, "hidden": [4], "batch": 1, "quantiles": 1})
    made = learner(bank, algorithm, least)
    made.advance(60, 0, 0)
    assert all(np.isfinite(weights).all() for weights, _ in made.layers())
    made.close()
