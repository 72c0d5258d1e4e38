"""Defects: what a reader should know before believing the figures, each as one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.evaluation.candidates import ExistingPolicy
from pilotage.navigator.evaluation.records import Record
from pilotage.navigator.evaluation.schema import PolicyFigures

FEW_TASKS = 470
"""Tasks that show a difference of 5 points with a power of 80%, for policies that disagree on 15 tasks in 100."""

OFF_SUPPORT = 0.05


def defects(bank: Bank, records: Sequence[Record], figures: Sequence[PolicyFigures]) -> list[str]:
    """What is wrong or weak with an evaluation; empty where nothing is known."""
    sentences = []
    judged = len(records[0].tasks)
    if bank.meta.has_earlier_routes:
        sentences.append(
            "The bank was recorded with earlier blocks: what follows a failed attempt had that attempt before its "
            "eyes, which today's blocks have not."
        )
    if judged < len(bank.tasks):
        sentences.append(
            f"{len(bank.tasks) - judged} of {len(bank.tasks)} tasks are not judged, for every policy alike: they are "
            "outside the judged part, or a policy file was trained on them."
        )
    if torn := bank.torn:
        sentences.append(
            f"The files of {len(torn)} tasks, {torn[0]!r} for one, end within a line: what stood there is missing, and "
            "perhaps more. Judge a whole copy of the bank, or one that is not being recorded."
        )
    if alike := len(bank.twins) + sum(map(len, bank.twins.values())):
        sentences.append(
            f"{alike} of the bank's tasks show the same as another one under another id: they are never judged by what "
            "their like taught, but each counts as a task of its own."
        )
    if judged < FEW_TASKS:
        points = 5 * (FEW_TASKS / judged) ** 0.5
        sentences.append(
            f"{judged} tasks show differences in accuracy of about {points:.0f} points or more; smaller ones may be "
            "there and not be seen."
        )
    for one in figures:
        if one.coverage == 0:
            sentences.append(f"{one.name}: the bank recorded none of its routes to the end, so nothing is known of it.")
        elif one.coverage < 1:
            sentences.append(
                f"{one.name}: {round((1 - one.coverage) * judged)} of {judged} tasks are unknown, since it takes what "
                "was not recorded there; its figures and comparisons leave them out."
            )
        if one.unrecorded > OFF_SUPPORT:
            sentences.append(
                f"{one.name}: in {one.unrecorded:.0%} of its decisions it preferred a block that was not recorded, and "
                "was judged by its next choice."
            )
    for record in records:
        learned = record.candidate.learned_from
        if isinstance(record.candidate, ExistingPolicy):
            learned |= record.provenance
        if own := len(record.in_sample | bank.matching(learned.tasks) & set(record.tasks)):
            sentences.append(
                f"{record.name} was trained on {own} of the judged tasks: its figures are in-sample, too good to be "
                "compared with those of others."
            )
        if learned.unsaid:
            sentences.append(f"{record.name} does not say which tasks it was trained on; they may be judged here.")
        if learned.continued:
            sentences.append(
                f"{record.name}: its training went on from another policy, whose tasks the file does not list; it may "
                "have learned from tasks that are judged here."
            )
        if learned.by_id and not bank.matching(learned.tasks):
            sentences.append(
                f"{record.name}: its file knows the tasks that it was trained on by their ids alone, and no task here "
                "has one of these; tasks of its training that are here under other ids would not be noticed."
            )
        for model in learned.models:
            if model != bank.meta.model:
                sentences.append(f"{record.name}: it was trained on a bank of {model!r}, not of {bank.meta.model!r}.")
    return sentences
