"""The paper's setting (RL of Thoughts, arXiv 2505.14140): its actions, and its longest run, for the preset `rlot`."""

from __future__ import annotations

from pilotage.agent.blocks import BUILT_IN, Registry, installed
from pilotage.agent.budget import Budget

PRESET = "rlot"

ACTIONS = ("reason", "decompose", "debate", "reflect", "answer")
"""Reason one step, decompose, debate, refine, terminate. That refine is not legal first is a rule of its block."""

MAX_BLOCKS = 5
"""After so many blocks the paper's environment answers, whatever the navigator says."""


def rlot_registry() -> Registry:
    """The paper's five actions, in registry order."""
    return Registry([block for block in BUILT_IN if block.name in ACTIONS])


def registry_for(preset: str) -> Registry:
    """The blocks that belong to an observation preset: the paper's for `rlot`, all that are installed for any other."""
    return rlot_registry() if preset == PRESET else installed()


def max_steps_for(preset: str) -> int:
    """Blocks of a run at most, the answer included, where nobody says otherwise."""
    return MAX_BLOCKS + 1 if preset == PRESET else Budget().max_steps
