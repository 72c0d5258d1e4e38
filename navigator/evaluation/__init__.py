"""Evaluation: policies side by side on a bank, with intervals, exact tests, calibration, frontier and transfer."""

from pilotage.navigator.evaluation.comparison import Comparison
from pilotage.navigator.evaluation.evaluation import Evaluation, PolicyFigures
from pilotage.navigator.evaluation.run import Protocol, evaluate

__all__ = ["Comparison", "Evaluation", "PolicyFigures", "Protocol", "evaluate"]
