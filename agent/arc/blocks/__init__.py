"""Blocks for puzzles: those of the agent by the same names, so that any navigator routes them, and `look` besides.

Each reads the puzzle off its task (`pilotage.agent.arc.tasks`). A candidate is the outputs of all tests, so programs
and grids that were written down agree where their outputs do.
"""

from pilotage.agent.arc.blocks.answer import Answer
from pilotage.agent.arc.blocks.look import Look
from pilotage.agent.arc.blocks.program import Program
from pilotage.agent.arc.blocks.reason import Reason
from pilotage.agent.arc.blocks.reflect import Reflect
from pilotage.agent.arc.blocks.sample import Sample
from pilotage.agent.arc.blocks.verify import Verify
from pilotage.agent.blocks import Registry
from pilotage.agent.blocks.plan import Plan
from pilotage.agent.blocks.recall import Recall

AGAIN = 0.7
"""Temperature of a further pass over a puzzle: what is asked as before would be answered as before."""


def registry(temperature: float = 0.0, views: int = 1) -> Registry:
    """The blocks for puzzles.

    Args:
        temperature: at which programs, repairs and outputs are written; draws of `sample` have their own.
        views: from which outputs are written down; each costs a call.
    """
    written = (Reason(temperature, views), Plan(), Program(temperature), Reflect(temperature))
    return Registry((Look(), *written, Verify(views), Sample(views), Recall(), Answer()))


__all__ = ["Answer", "Look", "Program", "Reason", "Reflect", "Sample", "Verify", "registry"]
