"""ConfidenceModel: how likely the answer is right that a run would stop with, from what a navigator sees there.

Features are what their names and bounds say, so a file stays of use when a block or a feature is added: what the model
does not know it leaves alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pilotage.navigator.bank.arrays import Float64s
from pilotage.navigator.confidence.calibrators import Calibrator
from pilotage.navigator.errors import SpecMismatch
from pilotage.navigator.policies.inputs import Float32s, Scaling
from pilotage.navigator.spaces import Observation, ObservationSpec


@dataclass(frozen=True)
class ConfidenceModel:
    """A ridge logistic regression over scaled features, and its calibration.

    Attributes:
        observations: the d features that it reads.
        scaling: of these.
        coefficients: of the log odds, the intercept first, shape (d + 1,).
        calibrator: from log odds to the probability.
        ridge: the penalty that it was fitted with.
        card: what it was learned from, for people and for whoever judges it.
    """

    observations: ObservationSpec
    scaling: Scaling
    coefficients: Float64s
    calibrator: Calibrator
    ridge: float
    card: Mapping[str, Any] = field(default_factory=dict)

    def log_odds(self, features: Float32s) -> Float64s:
        """Before calibration, shape (k,), for features of shape (k, d)."""
        inputs: Float64s = self.scaling(features).astype(np.float64)
        odds: Float64s = self.coefficients[0] + inputs @ self.coefficients[1:]
        return odds

    def probabilities(self, features: Float32s) -> Float64s:
        """That the answers are right, shape (k,), for features of shape (k, d)."""
        return self.calibrator(self.log_odds(features))

    def places_in(self, observations: ObservationSpec) -> list[int]:
        """Where its features stand among those in use.

        Raises:
            SpecMismatch: one is not there, or has other bounds.
        """
        places = {(one.name, one.low, one.high): place for place, one in enumerate(observations.features)}
        own = [(one.name, one.low, one.high) for one in self.observations.features]
        if missing := [name for name, low, high in own if (name, low, high) not in places]:
            raise SpecMismatch(
                f"the model of confidence reads other features (not in use, or with other bounds: "
                f"{', '.join(missing)}): use the observation preset that it was fitted with, or fit one anew"
            )
        return [places[one] for one in own]

    def among(self, observations: ObservationSpec) -> ConfidenceReader:
        """The model for observations of this spec; raises SpecMismatch as `places_in`."""
        return ConfidenceReader(self, np.array(self.places_in(observations), dtype=np.intp))


@dataclass(frozen=True)
class ConfidenceReader:
    """A model, and where its features stand in the observations in use."""

    model: ConfidenceModel
    places: Any

    def __call__(self, observation: Observation) -> float:
        """The probability that the answer is right which a run would stop with here."""
        return float(self.model.probabilities(observation[self.places][None])[0])
