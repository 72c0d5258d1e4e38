"""Evaluation: policies side by side on a bank, with intervals, exact tests, calibration, frontier and transfer."""

from navigator.evaluation.comparison import Comparison
from navigator.evaluation.evaluation import Evaluation, PolicyFigures
from navigator.evaluation.run import Protocol, evaluate

__all__ = ["Comparison", "Evaluation", "PolicyFigures", "Protocol", "evaluate"]
