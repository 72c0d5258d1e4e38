"""Probabilities: how probable each action was under a policy at logged decisions, given by the policy or estimated."""

from __future__ import annotations

import numpy as np

from pilotage.navigator.errors import SpecMismatch
from pilotage.navigator.off_policy.log import Float64s, Log
from pilotage.navigator.policies.inputs import COUNTS, Scaling
from pilotage.navigator.policies.policy import Policy, require_legal
from pilotage.navigator.spaces import ActionMask

RIDGE = 1.0
"""Penalty on squared weights of the estimated probabilities; 1 is worth about one decision."""

SWEEPS = 400


def probabilities_of(policy: Policy, log: Log) -> Float64s:
    """How likely a policy is to take each action at each logged decision, shape (N, a).

    A policy that draws gives it in `Decision.probabilities`; of any other, all is on what it chooses.

    Raises:
        SpecMismatch: the policy chose, or gives a probability to, what is not legal.
    """
    probabilities = np.empty(log.legal.shape)
    for row, (observation, mask) in enumerate(zip(log.features, log.legal, strict=True)):
        decision = policy.decide(observation, mask)
        try:
            require_legal(decision, mask, log.actions)
            probabilities[row] = decision.distribution(len(log.actions))
        except SpecMismatch as error:
            raise SpecMismatch(f"{policy.name}, task {log.tasks[log.episode[row]]!r}: {error}") from error
    return probabilities


def estimated_probabilities(log: Log) -> Float64s:
    """How likely each action was, estimated from what was taken; shape (N, a).

    A multinomial logistic regression on the scaled features over the legal actions, with a ridge (gradient steps with
    Nesterov's momentum). What was never taken after the same blocks, in any order, gets none. Where the logging
    policy looked at something that the observation does not tell, or always does the same, no estimate can be trusted.
    """
    supported = _supported(log)
    scaled = Scaling.from_data(log.observations, log.features)(log.features)
    inputs = np.column_stack([scaled, np.ones(len(scaled))]).astype(float)
    taken = np.zeros(log.legal.shape)
    taken[np.arange(len(taken)), log.taken] = 1.0
    curvature = 0.5 * float(np.linalg.eigvalsh(inputs.T @ inputs)[-1]) + RIDGE
    weights = ahead = np.zeros((len(log.observations) + 1, len(log.actions)))
    for sweep in range(SWEEPS):
        slope = inputs.T @ (_softmax(inputs @ ahead, supported) - taken) + RIDGE * ahead
        stepped = ahead - slope / curvature
        ahead = stepped + sweep / (sweep + 3) * (stepped - weights)
        weights = stepped
    return _softmax(inputs @ weights, supported)


def _supported(log: Log) -> ActionMask:
    """What was taken somewhere after the same blocks, in any order, and is legal here; shape (N, a)."""
    places = [place for place, name in enumerate(log.observations.names) if name.startswith(COUNTS)]
    situations = [tuple(row) for row in log.features[:, places].astype(int).tolist()]
    tried = {situation: np.zeros(len(log.actions), dtype=np.bool_) for situation in situations}
    for situation, action in zip(situations, log.taken.tolist(), strict=True):
        tried[situation][action] = True
    return np.logical_and([tried[situation] for situation in situations], log.legal)


def _softmax(logits: Float64s, allowed: ActionMask) -> Float64s:
    logits = np.where(allowed, logits, -np.inf)
    grown = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))
