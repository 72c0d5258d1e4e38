"""Evaluation: policies side by side on a bank, with intervals, exact tests, calibration, frontier and transfer."""

from pilotage.navigator.evaluation.comparison_parts import Comparison
from pilotage.navigator.evaluation.run import Protocol, evaluate
from pilotage.navigator.evaluation.schema import Evaluation, PolicyFigures

__all__ = ["Comparison", "Evaluation", "PolicyFigures", "Protocol", "evaluate"]
