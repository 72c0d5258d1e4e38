"""Split: which tasks a search may see, and which only judge its winner."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from pilotage.agent.banks.sources import Assigned
from pilotage.agent.errors import UsageError
from pilotage.agent.prompting import content_fingerprint


def split(assigned: Sequence[Assigned], share: float, seed: int) -> tuple[list[Assigned], list[Assigned]]:
    """Search tasks and held-out tasks, by family; a task and its copies are on one side.

    The place of a task depends on the seed and on what it asks, not on the order of the file.

    Args:
        assigned: the tasks.
        share: of each family that is held out, in (0, 1).
        seed: of the split.

    Raises:
        UsageError: a side would be empty.
    """
    families: dict[str, dict[str, list[Assigned]]] = defaultdict(lambda: defaultdict(list))
    for one in assigned:
        families[one.header.family][content_fingerprint(one.task)].append(one)
    sides: tuple[list[Assigned], list[Assigned]] = ([], [])
    begun = 0.0  # carried from family to family, so that small ones give their share together
    for family in sorted(families):
        texts = families[family]
        order = sorted(texts, key=lambda text: hashlib.sha256(f"{seed}/{text}".encode()).digest())
        begun += share * len(order)
        held = int(begun + 1e-9)
        begun -= held
        for place, text in enumerate(order):
            sides[place < held].extend(texts[text])
    if not all(sides):
        raise UsageError(
            f"{len(assigned)} tasks are too few to search on some and judge on others: give more, or another --held-out"
        )
    return sides
