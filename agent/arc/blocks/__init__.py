"""Blocks for puzzles: those of the agent by the same names, so that any navigator routes them, and `look` besides.

Each reads the puzzle off its task (`pilotage.agent.arc.tasks`). A candidate is the outputs of all tests, so programs
and grids that were written down agree where their outputs do.
"""

from collections.abc import Mapping

from pilotage.agent.arc.blocks.answer import Answer
from pilotage.agent.arc.blocks.look import Look
from pilotage.agent.arc.blocks.program import Program
from pilotage.agent.arc.blocks.reason import Reason
from pilotage.agent.arc.blocks.reflect import Reflect
from pilotage.agent.arc.blocks.repair import RepairedProgram, RepairedSample
from pilotage.agent.arc.blocks.sample import Sample
from pilotage.agent.arc.blocks.verify import Verify
from pilotage.agent.blocks import Registry
from pilotage.agent.blocks.plan import Plan
from pilotage.agent.blocks.recall import Recall
from pilotage.agent.blocks.sample import TEMPERATURE

AGAIN = 0.7
"""Temperature of a further pass over a puzzle: what is asked as before would be answered as before."""
HINT_TOKENS = 480
"""What hints may cost: a puzzle is read for thousands, and a program that solved one has some twenty lines."""


def registry(
    temperature: float = 0.0,
    *,
    drawn_at: float = TEMPERATURE,
    earlier: Mapping[str, str] | None = None,
    asks: bool = True,
    views: int = 1,
) -> Registry:
    """The blocks for puzzles.

    Args:
        temperature: at which programs, repairs and outputs are written.
        drawn_at: temperature of the draws of `sample`.
        earlier: programs of the pass before by the ids of their puzzles, which are gone on with; None begins anew.
        asks: whether outputs are asked for where nothing came to any.
        views: from which outputs are written down; each costs a call.
    """
    drawn = Sample(drawn_at, views) if earlier is None else RepairedSample(earlier, drawn_at, views)
    program = Program(temperature) if earlier is None else RepairedProgram(earlier, temperature)
    written = (Reason(temperature, views), Plan(), program, Reflect(temperature))
    return Registry(
        (Look(), *written, Verify(views), drawn, Recall(HINT_TOKENS), Answer(asks=asks)), hint_tokens=HINT_TOKENS
    )


__all__ = ["Answer", "Look", "Program", "Reason", "Reflect", "Sample", "Verify", "registry"]
