"""Step scorers: how good is each step of a recorded run? Implement `StepScorer` to ask somebody else."""

from agent.scorers.base import ScoredStep, StepScorer, said_on_the_way
from agent.scorers.judge import Judge
from agent.scorers.remote import RemoteScorer
from agent.scorers.values import ValueScorer

__all__ = ["Judge", "RemoteScorer", "ScoredStep", "StepScorer", "ValueScorer", "said_on_the_way"]
