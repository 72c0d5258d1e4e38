"""The concepts of grids that ship with the package, and how a memory for puzzles starts with them."""

from pilotage.agent.arc.starting.concepts import CAUSE, RUN, begin_with, give, shipped

__all__ = ["CAUSE", "RUN", "begin_with", "give", "shipped"]
