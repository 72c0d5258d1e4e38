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


def registry() -> Registry:
    """The blocks for puzzles."""
    return Registry((Look(), Reason(), Plan(), Program(), Reflect(), Verify(), Sample(), Recall(), Answer()))


__all__ = ["Answer", "Look", "Program", "Reason", "Reflect", "Sample", "Verify", "registry"]
