import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.errors import BankError, PolicyError, SpecMismatch
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.policies.provenance import provenance
from pilotage.navigator.training.algorithms.hyperparameters import Hyperparameters
from pilotage.navigator.training.algorithms.networks import Dueling, adopt_plain, dense, plain_layers
from pilotage.navigator.training.ensemble import mean_network
from pilotage.navigator.training.train import Plan, train
from pilotage.navigator.values.rollout import by_batch, rollout
from tests.navigator.banks import OBSERVATIONS, learnable_bank, node, write_bank
from tests.navigator.policies import by_bounds, header, network, observations

ALGORITHMS = ("double-dueling-dqn", "qr-dqn", "maskable-ppo", "cql")
SHORT = {"batch": 32, "hidden": (16, 16), "rollout": 64, "epochs": 2}


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return learnable_bank(tmp_path_factory.mktemp("bank") / "b", tasks=45)


def short(algorithm="cql", **changes):
    return Plan(algorithm, **{"steps": 160, "seeds": 2, "hyper": SHORT, **changes})


class Killed(Exception):
    pass


def killed_after(pieces):
    """A progress that ends the training as a kill would: between two checkpoints, without a farewell."""
    seen = []

    def progress(piece):
        seen.append(piece)
        if len(seen) == pieces:
            raise Killed

    return progress


@pytest.mark.parametrize("effort_input", [False, True])
def test_cql_learns_what_the_cue_tells(bank, effort_input):
    plan = Plan("cql", steps=800, seeds=1, effort_input=effort_input, hyper={"batch": 128, "learning_rate": 3e-3})
    result = train(bank, plan)
    medium = result.card["scores"]["test"]["medium" if effort_input else "only"]
    assert medium["accuracy"] == 1
    assert medium["cost"] < 0.4, "the cheapest fixed sequence that is nearly always right costs 0.45"


def test_the_dqn_learns_what_the_cue_tells(bank):
    result = train(bank, Plan(steps=4800, seeds=1, hyper={"batch": 64, "gradient_every": 1}))
    scores = result.card["scores"]["test"]["only"]
    assert scores["accuracy"] == 1
    assert scores["cost"] < 0.35


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_killed_training_goes_on_to_the_same_bytes(bank, tmp_path, algorithm):
    plan = short(algorithm, effort_input=algorithm != "qr-dqn")
    train(bank, plan, out=tmp_path / "whole.safetensors")
    with pytest.raises(Killed):
        train(bank, plan, out=tmp_path / "killed.safetensors", progress=killed_after(27))
    assert (tmp_path / "killed.safetensors.work").is_dir() and not (tmp_path / "killed.safetensors").exists()
    pieces = []
    train(bank, plan, out=tmp_path / "killed.safetensors", progress=pieces.append)
    assert len(pieces) == 40 - 26, "what was done is not done again"
    assert (tmp_path / "whole.safetensors").read_bytes() == (tmp_path / "killed.safetensors").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["killed.safetensors", "whole.safetensors"]


def test_kill_9_costs_one_piece_at_most(bank, tmp_path):
    out, plan = tmp_path / "p.safetensors", short(steps=800, seeds=1)
    code = "from pilotage.navigator.training.train import Plan, train; "
    code += f"train({str(bank.path)!r}, {plan!r}, out={str(out)!r})"
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.getcwd()})
    work, deadline = tmp_path / "p.safetensors.work", time.monotonic() + 120
    while not list(work.glob("*/seed-0/piece-*")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    pieces = []
    train(bank, plan, out=out, progress=pieces.append)
    assert 0 < len(pieces) < 20
    train(bank, plan, out=tmp_path / "q.safetensors")
    assert out.read_bytes() == (tmp_path / "q.safetensors").read_bytes()


def test_another_plan_does_not_touch_the_checkpoints_of_a_killed_one(bank, tmp_path):
    out = tmp_path / "p.safetensors"
    with pytest.raises(Killed):
        train(bank, short(), out=out, progress=killed_after(3))
    train(bank, short(seed=7), out=out)
    pieces = []
    train(bank, short(), out=out, progress=pieces.append)
    assert len(pieces) == 40 - 2


def test_two_trainings_do_not_share_a_work_folder(bank, tmp_path):
    out = tmp_path / "p.safetensors"

    def meanwhile(_):
        train(bank, short(), out=out)

    with pytest.raises(PolicyError, match="another process trains"):
        train(bank, short(), out=out, progress=meanwhile)


@pytest.mark.parametrize("shaping", ["exact", "uniform"])
def test_step_rewards_from_the_bank_do_not_move_the_aim(bank, shaping):
    plan = Plan(steps=2000, seeds=1, shaping=shaping, hyper={"batch": 64, "gradient_every": 2})
    assert train(bank, plan).card["scores"]["test"]["only"]["reward"] > 0.7, "answering at once gives 0.33"


def test_the_schedule_of_the_paper_trains(bank):
    result = train(bank, Plan(base="rlot", steps=200, seeds=1))
    assert result.card["hyperparameters"]["gamma"] == 0.9
    assert sum(weights.size for weights, _ in result.policy.layers[:1]) == 32 * len(OBSERVATIONS)


def test_parts_do_not_overlap_and_are_in_the_card(bank):
    result = train(bank, short(seeds=1, steps=20))
    parts = [set(ids) for ids in result.tasks.values()]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert result.card["tasks"] == dict(result.tasks)
    assert set.union(*parts) == set(bank.tasks)


def test_all_seeds_are_reported_and_the_best_one_is_kept(bank):
    result = train(bank, short(seeds=3))
    best = max(result.seeds, key=lambda seed: seed.reward)
    assert result.card["chosen_seed"] == best.seed
    assert [seed["seed"] for seed in result.card["seeds"]] == [0, 1, 2]
    score = result.card["scores"]["validation"]["only"]
    assert score["reward"] == pytest.approx(best.reward, abs=1e-6)
    arrays = BankArrays.of(bank, result.tasks["validation"])
    played = rollout(arrays, by_batch(result.policy.choose, arrays))
    assert played.outcomes.correct.mean() == pytest.approx(score["accuracy"], abs=1e-5)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_training_can_start_from_a_policy(bank, tmp_path, algorithm):
    plan = short(algorithm, seeds=1, steps=40)
    first = train(bank, plan, out=tmp_path / "p.safetensors")
    gentle = short(algorithm, seeds=1, steps=20, seed=5, hyper={**SHORT, "learning_rate": 1e-12})
    second = train(bank, gentle, resume=tmp_path / "p.safetensors")
    rows = observations(50)
    assert np.allclose(first.policy.outputs(rows), second.policy.outputs(rows), atol=1e-4)
    assert second.card["resumed_from"]


def test_a_policy_that_went_on_from_another_has_learned_from_that_ones_tasks_too(bank, tmp_path):
    half, rest = bank.only(bank.tasks[:30]), bank.only(bank.tasks[30:])
    first = train(half, short(seeds=1, steps=20), out=tmp_path / "p.safetensors")
    second = train(rest, short(seeds=1, steps=20), resume=tmp_path / "p.safetensors")
    learned = {task for part in ("train", "validation") for task in (*first.tasks[part], *second.tasks[part])}
    assert provenance(second.policy).tasks == learned and not provenance(second.policy).continued
    with pytest.raises(PolicyError, match="was trained on .* tasks of the test part"):
        train(half, short(seeds=1, steps=20, split_seed=9), resume=tmp_path / "p.safetensors")


def test_what_does_not_go_on_from_a_policy_says_so(bank, tmp_path):
    path = tmp_path / "p.safetensors"
    train(bank, short(seeds=1, steps=20), out=path)
    with pytest.raises(PolicyError, match="was trained by cql"):
        train(bank, short("qr-dqn"), resume=path)
    with pytest.raises(PolicyError, match="without an effort input"):
        train(bank, short(effort_input=True), resume=path)
    with pytest.raises(PolicyError, match="other layers"):
        train(bank, short(hyper={"hidden": (8, 8)}), resume=path)
    network().save(path)
    with pytest.raises(PolicyError, match="was trained by made-up"):
        train(bank, short(), resume=path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"algorithm": "magic"}, "unknown algorithm 'magic'"),
        ({"cost_weight": -1}, "cost weight must be 0 or more"),
        ({"cost_weight": float("nan")}, "cost weight must be 0 or more"),
        ({"cost_weight": 1e9}, "0 or more and below 1e.09"),  # a file would say that it makes no sense
        ({"cost_weight": "x"}, "cost weight must be 0 or more"),
        ({"seeds": 0}, "number of seeds is a whole number from 1 on, not 0"),
        ({"seeds": 1.5}, "number of seeds is a whole number"),
        ({"seed": -1}, "first seed is a whole number from 0 to 2,147,483,647, not -1"),
        ({"seed": 2**40}, "first seed is a whole number"),
        ({"split_seed": -1}, "split's seed is a whole number from 0 to"),
        ({"steps": 3}, "number of steps is a whole number from 20 on, not 3"),
        ({"steps": 20.5}, "number of steps is a whole number"),
        ({"base": "paper"}, "default or rlot"),
        ({"shaping": "exact"}, "nor for cql"),
        ({"fractions": {"train": 1.0}}, "train, validation and test"),
    ],
)
def test_a_plan_without_sense_is_refused(changes, said):
    with pytest.raises(PolicyError, match=said):
        Plan(**{"algorithm": "cql", **changes})


def test_unknown_hyperparameters_are_refused(bank):
    with pytest.raises(PolicyError, match="unknown hyperparameter 'speed'"):
        train(bank, Plan("cql", hyper={"speed": 1}))


ODD = {
    "hidden": [(), "8", 8, (0,), (2.5,), (10**6,)],
    **dict.fromkeys(("batch", "target_every", "gradient_every", "quantiles", "environments"), [0, -1, 1.5, "x", True]),
    **dict.fromkeys(("buffer", "rollout", "epochs"), [0, -1, 1.5]),
    "learning_rate": [0, -1, float("nan"), float("inf"), 1e30, "x"],
    "gamma": [0, 1.5, float("nan")],
    **dict.fromkeys(("exploration", "exploration_end"), [-1, 2, float("nan")]),
    **dict.fromkeys(("entropy", "conservatism", "decay"), [-1, float("nan"), float("inf")]),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, odd in ODD.items() for value in odd])
def test_a_hyperparameter_without_sense_is_refused_before_anything_is_trained(name, value):
    """Unchecked, most ended in an error of torch or numpy, and a batch of none "trained" nothing at all."""
    with pytest.raises(PolicyError, match=r"must be a number from|is a whole number|at least one"):
        Hyperparameters().with_values({name: value})


def test_a_bank_of_one_task_cannot_be_split(tmp_path):
    with pytest.raises(BankError, match="has 1 task"):
        train(write_bank(tmp_path / "b", {"f/a": [node()]}), short())


def test_a_bank_that_is_not_there_says_so(tmp_path):
    with pytest.raises(BankError, match="there is no bank"):
        train(tmp_path / "none", short())


def test_logs_for_tensorboard_and_a_policy_that_fits_its_spec_only(bank, tmp_path):
    result = train(bank, short(seeds=1, steps=40), out=tmp_path / "p.safetensors", tensorboard=tmp_path / "logs")
    assert list((tmp_path / "logs").rglob("events*"))
    assert load_policy(result.path, bank.actions, bank.observations).header == result.policy.header
    from pilotage.navigator.spaces import ActionSpec

    with pytest.raises(SpecMismatch):
        load_policy(result.path, ActionSpec(("answer",)), bank.observations)


def agree(policy, values):
    """Numpy and torch on 10,000 random observations: the same choice, values within 1e-5."""
    rows = observations(10_000, seed=4)
    with torch.no_grad():
        wanted = values(torch.from_numpy(policy.scaling(rows))).numpy()
    found = policy.outputs(rows)
    assert np.abs(found - wanted).max() < 1e-5
    assert (found.argmax(axis=1) == wanted.argmax(axis=1)).all()


@pytest.mark.parametrize("hidden", [(32,), (64, 64), (32, 16, 8)])
def test_numpy_and_torch_agree_on_a_duelling_network(hidden):
    torch.manual_seed(0)
    net = Dueling(len(OBSERVATIONS), 4, hidden)
    agree(LearnedPolicy(header(), net.layers(), by_bounds(OBSERVATIONS)), net)
    other = Dueling(len(OBSERVATIONS), 4, hidden)
    other.adopt(net.layers())
    agree(LearnedPolicy(header(), net.layers(), by_bounds(OBSERVATIONS)), other)


def test_numpy_and_torch_agree_on_the_mean_of_several_networks():
    torch.manual_seed(0)
    nets = [dense(len(OBSERVATIONS), 4, (24, 16)) for _ in range(5)]
    mean = mean_network([plain_layers(net) for net in nets])
    agree(
        LearnedPolicy(header(), mean, by_bounds(OBSERVATIONS)),
        lambda x: torch.stack([net(x) for net in nets]).mean(dim=0),
    )


def test_the_network_of_the_paper_has_as_many_parameters_as_it_says():
    assert sum(p.numel() for p in Dueling(7, 5, (32, 32)).parameters()) == 2566


def test_layers_of_another_size_are_not_taken_over():
    with pytest.raises(PolicyError, match="other layers"):
        adopt_plain(dense(4, 2, (3,)), plain_layers(dense(4, 2, (5,))))
