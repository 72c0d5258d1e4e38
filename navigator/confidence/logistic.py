"""Logistic regression with a ridge penalty, by Newton's method (iteratively reweighted least squares)."""

from __future__ import annotations

import numpy as np

from pilotage.navigator.bank.arrays import Float64s

_STEPS = 100
_SMALL = 1e-9
"""A step that moves no coefficient by more than this is the last; also keeps a flat likelihood solvable."""
_FURTHEST = 30.0
"""Log odds beyond this are no more certain to a float64 that is written as a decimal."""


def probabilities(log_odds: Float64s) -> Float64s:
    """The probabilities of log odds, each strictly between 0 and 1."""
    odds: Float64s = 1 / (1 + np.exp(-np.clip(log_odds, -_FURTHEST, _FURTHEST)))
    return odds


def log_loss(predicted: Float64s, score: Float64s, weight: Float64s) -> float:
    """Weighted mean of the negative log-likelihood of scores in [0, 1]; all of shape (k,)."""
    likely = np.clip(predicted, 1e-12, 1 - 1e-12)
    losses = score * np.log(likely) + (1 - score) * np.log(1 - likely)
    return -float(weight @ losses) / float(weight.sum())


def fit_logistic(inputs: Float64s, score: Float64s, weight: Float64s, ridge: float) -> Float64s:
    """Coefficients of the log odds, the intercept first.

    Args:
        inputs: scaled features, shape (k, d).
        score: in [0, 1], shape (k,); a share counts as that much of a success.
        weight: of each row, shape (k,).
        ridge: penalty on half the squared coefficients, the intercept's left out; in units of `weight`.

    Returns:
        Shape (d + 1,).
    """
    design = np.column_stack([np.ones(len(inputs)), inputs])
    penalty = np.full(design.shape[1], ridge + _SMALL)
    penalty[0] = _SMALL
    coefficients = np.zeros(design.shape[1])
    loss = _penalised(design, score, weight, penalty, coefficients)
    for _ in range(_STEPS):
        likely = probabilities(design @ coefficients)
        gradient = design.T @ (weight * (likely - score)) + penalty * coefficients
        curvature = (design * (weight * likely * (1 - likely))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        tried, after = coefficients - step, np.inf
        while (after := _penalised(design, score, weight, penalty, tried)) > loss and np.abs(step).max() > _SMALL:
            step = step / 2  # far from the optimum a whole step can overshoot
            tried = coefficients - step
        coefficients, loss = tried, after
        if np.abs(step).max() <= _SMALL:
            break
    return coefficients


def _penalised(design: Float64s, score: Float64s, weight: Float64s, penalty: Float64s, coefficients: Float64s) -> float:
    log_odds = design @ coefficients
    losses = np.logaddexp(0.0, log_odds) - score * log_odds
    return float(weight @ losses) + float(penalty @ coefficients**2) / 2
