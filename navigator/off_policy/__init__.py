"""Off-policy estimation: what a policy would have reached, from runs that another policy made. numpy only."""

from pilotage.navigator.off_policy.estimate import Estimate, Estimates, Figure, estimate
from pilotage.navigator.off_policy.estimators import ESTIMATORS, RECOMMENDED_ESTIMATOR
from pilotage.navigator.off_policy.log import Episode, Log
from pilotage.navigator.off_policy.model import fitted_values
from pilotage.navigator.off_policy.probabilities import estimated_probabilities, probabilities_of
from pilotage.navigator.off_policy.weights import Weights

__all__ = [
    "ESTIMATORS",
    "RECOMMENDED_ESTIMATOR",
    "Episode",
    "Estimate",
    "Estimates",
    "Figure",
    "Log",
    "Weights",
    "estimate",
    "estimated_probabilities",
    "fitted_values",
    "probabilities_of",
]
