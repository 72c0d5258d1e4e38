"""Splitting a bank's tasks into parts: whole tasks, stratified by family, reproducible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pilotage.navigator.errors import BankError


def stratified(
    families: Mapping[str, Sequence[str]], fractions: Mapping[str, float], seed: int
) -> dict[str, list[str]]:
    """Tasks by the name of their part.

    The tasks, family after family, are dealt to whichever part lags furthest behind its share. So the whole comes out
    exact to one task, and each family to about one task.

    Args:
        families: task ids by family.
        fractions: share of every part; they sum to 1.
        seed: of the order within and among families.

    Raises:
        BankError: the fractions do not sum to 1, or a part would be empty.
    """
    shares = np.array(list(fractions.values()), dtype=float)
    if not len(shares) or not (shares > 0).all() or not np.isclose(shares.sum(), 1):
        raise BankError(f"the parts of a split must be above 0 and sum to 1, not {dict(fractions)}")
    generator = np.random.default_rng(seed)
    names = sorted(families)
    order = [
        str(task)
        for place in generator.permutation(len(names))
        for task in generator.permutation(sorted(families[names[place]]))
    ]
    counts = np.zeros(len(shares))
    parts: dict[str, list[str]] = {name: [] for name in fractions}
    labels = list(fractions)
    for dealt, task in enumerate(order, 1):
        lagging = int(np.argmax(shares * dealt - counts))
        counts[lagging] += 1
        parts[labels[lagging]].append(task)
    empty = [name for name, tasks in parts.items() if not tasks]
    if empty:
        raise BankError(
            f"{len(order)} task{'s' if len(order) != 1 else ''} cannot be split into {', '.join(labels)}: "
            f"{empty[0]} would be empty; record more tasks"
        )
    return {name: sorted(tasks) for name, tasks in parts.items()}
