"""Reseeding: another strategy within a run draws anew, and not what was paid for already."""

from __future__ import annotations

import zlib

from pilotage.agent.kit import Kit


def reseeded(kit: Kit, number: int) -> Kit:
    """A branch whose draws are others than those of every other number; of number 0 they are the run's own."""
    branch = kit.branch()
    branch.seed = kit.seed if number == 0 else zlib.crc32(f"{kit.seed}/{number}".encode()) >> 1
    return branch
