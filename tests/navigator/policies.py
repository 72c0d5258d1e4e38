"""Policies made up for tests: random networks over the made-up banks' specs."""

import numpy as np

from pilotage.navigator.policies.inputs import CostWeighting, Scaling
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.policy_file import Header
from tests.navigator.banks import ACTIONS, OBSERVATIONS


def by_bounds(spec):
    """A scaling that maps each feature's bounds to -1 and 1: one value above the lower bound tells no deviation."""
    return Scaling.from_data(spec, np.stack([spec.low, spec.high]))


def header(**settings):
    return Header("network", "made-up", ACTIONS, OBSERVATIONS, {"cost_weight": 0.1, **settings}, {"note": "for tests"})


def layers(seed=0, hidden=(16, 8), extra=0):
    generator = np.random.default_rng(seed)
    sizes = [len(OBSERVATIONS) + extra, *hidden, len(ACTIONS)]
    return [
        (
            generator.normal(0, 0.5, (after, before)).astype(np.float32),
            generator.normal(0, 0.1, after).astype(np.float32),
        )
        for before, after in zip(sizes[:-1], sizes[1:], strict=True)
    ]


def network(seed=0, hidden=(16, 8), *, dial=False, effort=None, **settings):
    settings |= {"dial": CostWeighting().to_json()} if dial else {}
    scaling = by_bounds(OBSERVATIONS)
    return LearnedPolicy(header(**settings), layers(seed, hidden, int(dial)), scaling, effort)


def observations(count, seed=0):
    drawn = np.random.default_rng(seed).uniform(OBSERVATIONS.low, OBSERVATIONS.high, (count, len(OBSERVATIONS)))
    return drawn.astype(np.float32)


def masks(count, seed=0):
    drawn = np.random.default_rng(seed).random((count, len(ACTIONS))) < 0.6
    drawn[:, -1] = True
    return drawn
