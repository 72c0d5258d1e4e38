"""The schedule of RL of Thoughts (arXiv 2505.14140): network, rates and lengths, as a training really has them."""

import numpy as np
import pytest

from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import Scaling
from pilotage.navigator.training.algorithms import rlot
from pilotage.navigator.training.algorithms.environments import environments
from pilotage.navigator.training.algorithms.hyperparameters import RLOT
from pilotage.navigator.training.algorithms.learner import learner_for
from pilotage.navigator.training.algorithms.rlot import EXPLORATION_FACTOR, HalvedRate, PaperDQN
from pilotage.navigator.training.session import Session
from pilotage.navigator.training.train import Plan, live_plan, train
from tests.navigator.banks import learnable_bank
from tests.navigator.rlot_banks import rlot_bank

SMALL = {"buffer": 40, "batch": 8}


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return rlot_bank(tmp_path_factory.mktemp("bank") / "b")


def paper(**changes):
    return Plan(**{"base": "rlot", "cost_weight": 0.0, "seeds": 1, "step_scores": "values", **changes})


def learner_of(bank, **changes):
    """A learner as a session builds it; its environments are the caller's to close."""
    with Session(bank, paper(**changes)) as session:
        return learner_for(session.setup, 0)


def test_the_numbers_are_the_papers():
    plan = paper()
    assert (plan.length, plan.unit) == (3000, "episodes")
    assert (RLOT.hidden, RLOT.learning_rate, RLOT.gamma) == ((32, 32), 0.01, 0.9)
    assert (RLOT.batch, RLOT.buffer, RLOT.target_every, RLOT.environments) == (64, 500, 50, 1)


def test_the_learner_has_the_papers_network(bank):
    learner = learner_of(bank)
    try:
        assert isinstance(learner, PaperDQN)
        network = learner.model.q_net.q_net
        assert sum(p.numel() for p in network.parameters()) == 2566
        assert [layer[0].shape for layer in learner.layers()] == [(32, 7), (64, 32), (5, 64)]
    finally:
        learner.close()


@pytest.mark.parametrize(("episode", "rate"), [(0, 0.01), (999, 0.01), (1000, 0.005), (1999, 0.005), (2000, 0.0025)])
def test_the_rate_halves_every_thousand_episodes(episode, rate):
    schedule = HalvedRate(0.01, 3000)
    assert schedule.at(episode) == schedule(1 - episode / 3000) == rate


class Watched:
    """What a training was like at each gradient step."""

    def __init__(self, model):
        self.model, self.rows, self._train = model, [], model.train
        model.train = self

    def __call__(self, gradient_steps, batch_size):
        self._train(gradient_steps, batch_size)
        rate = self.model.policy.optimizer.param_groups[0]["lr"]
        self.rows.append((self.model.num_timesteps, self.model._episode_num, rate, self.model.exploration_rate))


def test_a_training_follows_the_schedule_and_ends_with_its_last_episode(bank, monkeypatch):
    monkeypatch.setattr(rlot, "HALVED_EVERY", 10)
    learner = learner_of(bank, steps=40, hyper=SMALL)
    watched = Watched(learner.model)
    try:
        learner.advance(25, seed=1, piece=0)
        assert learner.model.episodes == 25
        learner.advance(15, seed=1, piece=1)
    finally:
        learner.close()
    assert learner.model.episodes == 40
    assert watched.rows[0][0] == SMALL["buffer"], "learning begins once the replay buffer is full"
    assert [steps for steps, *_ in watched.rows] == list(range(SMALL["buffer"], learner.model.num_timesteps + 1))
    ended = {episode for _, episode, *_ in watched.rows}
    assert max(ended) == 40
    for steps, episode, rate, exploring in watched.rows:
        assert exploring == pytest.approx(EXPLORATION_FACTOR ** (steps + 1))
        # the step that ends an episode is the last one of that episode, not the first of the next
        assert rate in {0.01 * 0.5 ** (episode // 10), 0.01 * 0.5 ** ((episode - 1) // 10)}
    assert watched.rows[-1][2] == 0.01 * 0.5**3


def test_scores_are_read_as_they_are_and_other_features_standardised(bank, tmp_path):
    with Session(bank, paper()) as session:
        scaling = session.setup.scaling
    rows = np.array([[-1, 0, 1, 2, 3, 0, 1]], dtype=np.float32)
    assert (scaling(rows) == rows).all()
    other = learnable_bank(tmp_path / "other", tasks=15, depth=1)
    with Session(other, paper(step_scores=None)) as session:
        wanted = Scaling.from_data(other.observations, session.setup.arrays.features)
        assert (session.setup.scaling.scale == wanted.scale).all()


def test_the_environment_pays_the_step_scores(bank):
    with Session(bank, paper()) as session:
        envs = environments(session.setup, with_mask=True)
        plain = environments(Session(bank, paper(step_scores=None)).setup, with_mask=True)
    try:
        envs.seed(3), plain.seed(3)
        envs.reset(), plain.reset()
        reason = np.array([0])
        assert plain.step(reason)[1] == 0 < envs.step(reason)[1]
    finally:
        envs.close(), plain.close()


def test_a_killed_training_goes_on_to_the_same_bytes(bank, tmp_path):
    plan = paper(steps=30, hyper=SMALL)
    train(bank, plan, out=tmp_path / "whole.safetensors")
    seen = []

    def killed(piece):
        seen.append(piece)
        if len(seen) == 14:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(bank, plan, out=tmp_path / "killed.safetensors", progress=killed)
    pieces = []
    result = train(bank, plan, out=tmp_path / "killed.safetensors", progress=pieces.append)
    assert len(pieces) == 20 - 13
    assert (tmp_path / "whole.safetensors").read_bytes() == (tmp_path / "killed.safetensors").read_bytes()
    assert result.card["unit"] == "episodes" and result.card["step_scores"] == {"scorer": "values"}


def test_step_scores_change_what_is_learnt_and_nothing_else_does(bank):
    plan = {"steps": 30, "hyper": SMALL}
    scored, again, plain = (train(bank, paper(**plan, **change)) for change in ({}, {}, {"step_scores": None}))
    first, same, other = (result.policy.layers[0][0] for result in (scored, again, plain))
    assert (first == same).all() and not np.allclose(first, other)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"algorithm": "qr-dqn"}, "the base rlot is a schedule for double-dueling-dqn, not for qr-dqn"),
        ({"shaping": "exact"}, "not with an effort input or with shaping"),
        ({"effort_input": True}, "not with an effort input or with shaping"),
        ({"algorithm": "cql", "base": "default"}, "nor for cql"),
    ],
)
def test_a_plan_without_sense_is_refused(changes, said):
    with pytest.raises(PolicyError, match=said):
        paper(**changes)


def test_a_live_plan_counts_episodes_too():
    assert live_plan(50, base="rlot").length == 50
    assert live_plan(50).length == 250
