"""Which families an evaluation may see, and which it judges.

Families that are sealed are left out until every choice is made; then they alone are judged, once, by what the others
teach.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.errors import BankError, PolicyError
from pilotage.navigator.evaluation.folds import Fold, fold_of


def only_these(bank: Bank, families: Sequence[str], judged: Collection[str] | None = None) -> list[Fold]:
    """One fold: some families, judged by what all the others teach.

    Args:
        bank: all tasks.
        families: whose tasks to judge.
        judged: tasks that may be judged, all by default.

    Raises:
        BankError: there is no such family, no other one to learn from, or none of its tasks may be judged.
    """
    bank.require_families(families, "judged")
    group = [task for family in bank.families if family in families for task in bank.families[family]]
    if len(group) == len(bank.tasks):
        raise BankError(f"{', '.join(families)}: these are all families of {bank.path}, none is left to learn from")
    kept = [task for task in group if judged is None or task in judged]
    if not kept:
        raise BankError(f"no task of {', '.join(families)} is left to judge: every one was learned from")
    return [fold_of(bank, group, BankArrays.of(bank, kept))]


def require_families(only: Sequence[str], leave_out: Sequence[str]) -> None:
    """Raises PolicyError where names of families are none, or one would be judged and left out."""
    for given in (only, leave_out):
        if isinstance(given, str) or not all(isinstance(name, str) and name.strip() for name in given):
            raise PolicyError(f"families are a list of their names, not {given!r}")
    if both := sorted(set(only) & set(leave_out)):
        raise PolicyError(f"the family {both[0]!r} cannot be judged and left out: name it once")
