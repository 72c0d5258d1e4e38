"""Step scorers: how good is each step of a recorded run? Implement `StepScorer` to ask somebody else."""

from pilotage.agent.banks.scorers.base import ScoredStep, StepScorer
from pilotage.agent.banks.scorers.judge import Judge
from pilotage.agent.banks.scorers.remote import RemoteScorer
from pilotage.agent.banks.scorers.values import ValueScorer

__all__ = ["Judge", "RemoteScorer", "ScoredStep", "StepScorer", "ValueScorer"]
