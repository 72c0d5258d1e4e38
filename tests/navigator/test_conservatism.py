"""What conservatism does: actions outside the data's support are valued lower, and recorded ones keep their values."""

import numpy as np
import pytest

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.training.train import Plan, train
from tests.navigator.banks import ACTIONS, node, write_bank

PROGRAM, REASON = ACTIONS.index("program"), ACTIONS.index("reason")
HYPER = {"hidden": (16,), "batch": 64, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """Programs are right wherever they were tried: on tasks with a high cue. On the rest nobody knows."""
    trees = {}
    for number in range(40):
        cue = number / 40
        nodes = [node(cue=cue), node(["reason"], score=0.5, cost=0, cue=cue)]
        nodes += [node(["program"], score=1.0, cost=0, cue=cue)] if number >= 20 else []
        trees[f"t/{number:02}"] = nodes
    return write_bank(tmp_path_factory.mktemp("bank") / "b", trees)


@pytest.fixture(scope="module")
def valued(bank):
    """By weight of the penalty: values of programs where they were not tried, where they were, and of reasoning."""
    arrays = BankArrays.of(bank)
    roots = arrays.features[arrays.roots]
    tried = arrays.transitions.recorded[arrays.roots, PROGRAM]
    found = {}
    for conservatism in (0.0, 0.3):
        plan = Plan("cql", cost_weight=0.0, seeds=1, steps=600, hyper={**HYPER, "conservatism": conservatism})
        values = train(bank, plan).policy.outputs(roots)
        found[conservatism] = values[~tried, PROGRAM], values[tried, PROGRAM], values[:, REASON]
    return found


def test_an_action_that_was_not_tried_is_valued_lower(valued):
    plain, careful = valued[0.0][0], valued[0.3][0]
    assert plain.mean() > 0.8, "by itself the network takes what it saw elsewhere for granted"
    assert careful.mean() < plain.mean() - 0.1


def test_an_action_that_was_tried_keeps_its_value(valued):
    for weight in valued:
        assert valued[weight][1].mean() > 0.85


def test_what_was_tried_everywhere_keeps_its_value(valued):
    for values in valued.values():
        assert values[2].mean() == pytest.approx(0.5, abs=0.15)


def test_where_all_that_is_allowed_was_recorded_there_is_no_penalty(bank):
    """Gradients on the outputs: none on states with everything recorded, a push down on what was not, elsewhere."""
    torch = pytest.importorskip("torch")
    from pilotage.navigator.policies.inputs import Scaling
    from pilotage.navigator.training.algorithms.fitted_q import FittedQ
    from pilotage.navigator.training.algorithms.learner import TrainingSetup

    arrays = BankArrays.of(bank)
    allowed = arrays.legal.copy()
    allowed[:, ACTIONS.index("verify")] = False
    scaling = Scaling.from_data(bank.observations, arrays.features)
    learner = FittedQ(
        TrainingSetup(Plan("cql", cost_weight=0.0, steps=20), bank, arrays, scaling, None, allowed), seed=0
    )
    for tried in (True, False):
        states = torch.from_numpy(arrays.roots[arrays.transitions.recorded[arrays.roots, PROGRAM] == tried])
        values = torch.zeros((len(states), len(ACTIONS)), requires_grad=True)
        penalty = learner._overreach(values, states)
        penalty.backward()
        slope = values.grad.numpy()
        if tried:
            assert float(penalty.detach()) == pytest.approx(0, abs=1e-6) and np.abs(slope).max() < 1e-6
        else:
            assert float(penalty.detach()) > 0 and (slope[:, PROGRAM] > 0).all(), "to descend is to lower it"
            assert (slope[:, [REASON, ACTIONS.index("answer")]] < 0).all()
