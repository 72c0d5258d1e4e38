"""Folds: which tasks are learned from, and which, apart from them, are judged. Whole tasks, never single states.

Cross-fitting (Chernozhukov et al. 2018; cross-validation with what is held out pooled) judges every task once, by what
was learned from the others, so that all tasks of a small bank count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank, stratified
from pilotage.navigator.errors import BankError


@dataclass(frozen=True)
class Fold:
    """One split of the tasks.

    Attributes:
        training: a bank that holds the tasks to learn from and no other, so nothing else can be learned from.
        judged: the tasks to judge.
    """

    training: Bank
    judged: BankArrays

    @cached_property
    def learned(self) -> BankArrays:
        """The tasks to learn from."""
        return BankArrays.of(self.training)

    def __post_init__(self) -> None:
        if shared := sorted(self.training.matching(self.judged.identifiers)):
            raise BankError(f"task {shared[0]!r} would be judged by what was learned from it: leave it out of one side")


def cross_fit(bank: Bank, count: int, seed: int = 0, judged: Collection[str] | None = None) -> list[Fold]:
    """Deals the tasks into folds, each family as evenly as it goes; each fold is judged by what the others teach.

    Args:
        bank: all tasks.
        count: number of folds, at least 2.
        seed: of the dealing.
        judged: tasks to judge, all by default; the others are learned from all the same. A fold without any is dropped.

    Raises:
        BankError: the bank has fewer tasks than folds.
    """
    groups = deal(bank, count, seed)
    chosen = set(bank.tasks if judged is None else judged)
    return [
        fold_of(bank, group, BankArrays.of(bank, kept))
        for group in groups
        if (kept := [task for task in group if task in chosen])
    ]


def deal(bank: Bank, count: int, seed: int = 0) -> list[list[str]]:
    """The tasks of each fold; raises BankError where there are too few."""
    if count < 2:
        raise BankError(f"cross-fitting needs at least 2 folds, not {count}: one to judge and one to learn from")
    tasks = len(bank.tasks) - sum(map(len, bank.twins.values()))
    if tasks < count:
        advice = f"record more tasks, or take {tasks} folds at most" if tasks > 1 else "record more tasks"
        raise BankError(f"the bank has {tasks} task{'s' if tasks > 1 else ''}, too few for {count} folds: {advice}")
    return list(bank.split({str(n): 1 / count for n in range(count)}, seed).values())


def held_out(
    bank: Bank, part: str, fractions: Mapping[str, float], seed: int = 0, judged: Collection[str] | None = None
) -> list[Fold]:
    """One fold: a part of the bank's split is judged by what all other parts teach.

    Raises:
        BankError: there is no such part, it is the only one, or none of its tasks is to be judged.
    """
    if part not in fractions or len(fractions) < 2:
        raise BankError(f"the split has no part {part!r} beside others; its parts are {', '.join(fractions)}")
    tasks = bank.split(fractions, seed)[part]
    kept = [task for task in tasks if judged is None or task in judged]
    if not kept:
        raise BankError(f"no task of the part {part!r} is left to judge: every one was learned from")
    return [fold_of(bank, tasks, BankArrays.of(bank, kept))]


def family_folds(bank: Bank, groups: int, seed: int = 0) -> list[Fold]:
    """Groups of families, each judged by what the other families teach.

    Raises:
        BankError: there are fewer families than groups, or fewer than 2 groups.
    """
    families = {name: [name] for name in bank.families}
    if not 2 <= groups <= len(families):
        names = ", ".join(families)
        raise BankError(
            f"{groups} groups of families cannot be held out in turn of {len(families)} ({names}): "
            f"give 2 to {len(families)} groups, or record more families"
        )
    dealt = stratified(families, {str(n): 1 / groups for n in range(groups)}, seed)
    tasks = [[task for family in names for task in bank.families[family]] for names in dealt.values()]
    return [fold_of(bank, group, BankArrays.of(bank, group)) for group in tasks]


def other_bank(bank: Bank, other: Bank, count: int, seed: int = 0) -> list[Fold]:
    """Learned on one bank, judged on another: what a task taught there is not used on the same task here.

    Tasks that both hold (by id, or by what they show) are judged in the fold in which the first bank holds them out;
    tasks that the first one has never seen are dealt among the folds.

    Raises:
        BankError: the banks have other actions or features, or too few tasks.
    """
    for name in ("actions", "observations"):
        if getattr(bank, name).schema_hash != getattr(other, name).schema_hash:
            raise BankError(
                f"{other.path} has other {name} than {bank.path}: record both with the same version, blocks and preset"
            )
    groups = deal(bank, count, seed)
    known = {mark: number for number, group in enumerate(groups) for mark in bank.identifiers(group)}
    places = {task: known[mark] for task in other.tasks for mark in sorted(other.identifiers([task])) if mark in known}
    unseen = [task for tasks in other.families.values() for task in tasks if task not in places]
    places |= {task: number % count for number, task in enumerate(unseen)}
    judged = [[task for task in other.tasks if places[task] == number] for number in range(count)]
    return [
        fold_of(bank, group, BankArrays.of(other, tasks)) for group, tasks in zip(groups, judged, strict=True) if tasks
    ]


def fold_of(bank: Bank, group: Collection[str], judged: BankArrays) -> Fold:
    """A group's tasks are held out, and with them every other task that shows what one of them or the judged shows."""
    return Fold(bank.only(set(bank.tasks) - bank.matching(bank.identifiers(group) | judged.identifiers)), judged)
