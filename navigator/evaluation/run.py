"""Evaluate: policies on a bank, each judged on tasks that nothing of it was learned from."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pilotage.navigator.arguments import MOST_RESAMPLES, require_seed, require_weight, require_whole
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.errors import PolicyError, SpecMismatch
from pilotage.navigator.evaluation import figures
from pilotage.navigator.evaluation.bootstrap import Resampler, over_families
from pilotage.navigator.evaluation.candidates import CandidatePolicy, FrequencyMatched, judgeable
from pilotage.navigator.evaluation.comparison import Target, Terms, compare, transfer
from pilotage.navigator.evaluation.defects import defects
from pilotage.navigator.evaluation.families import only_these, require_families
from pilotage.navigator.evaluation.folds import Fold, cross_fit, family_folds, held_out, other_bank
from pilotage.navigator.evaluation.frontier import lines, sequences, variants
from pilotage.navigator.evaluation.names import STANDARD, CandidateOptions, Resolve, candidate
from pilotage.navigator.evaluation.records import Notify, record_all, require_apart
from pilotage.navigator.evaluation.room import tasks_with_room
from pilotage.navigator.evaluation.schema import BEST_FIXED, BankPart, Evaluation, ProtocolPart
from pilotage.navigator.evaluation.trainings import OnProgress, Trainings
from pilotage.navigator.policies.inputs import CostWeighting
from pilotage.navigator.policies.policy import Policy
from pilotage.navigator.training.plan import Plan

EFFORTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Where the frontier is measured by default."""


@dataclass(frozen=True)
class Protocol:
    """How to evaluate.

    Attributes:
        folds: for cross-fitting.
        part: judge this part of one split instead, by what the other parts teach; None for cross-fitting.
        parts: shares of that split.
        split_seed: of the folds or the split.
        seeds: trainings of each learned policy, from seed 0 on.
        cost_weight: right answers that a thousand tokens are worth, for training, choosing and values.
        efforts: settings of the frontier, 0 to 1; none leaves the frontier out.
        retrain: also train networks without an effort input anew for every effort.
        groups: groups of families to hold out in turn; 0 leaves it out.
        resamples: draws of the bootstrap.
        bootstrap_seed: of these draws.
        plan: settings of trainings, as arguments of `pilotage.navigator.training.train.Plan`: `{"steps": 2000}` say.
        in_sample: judge given policies on tasks that they were trained on, too; the evaluation says so of each.
        only: families to judge, alone and once, by what all the others teach; all by default, in folds.
        leave_out: families that are neither judged nor learned from, nor read.
        tried: variants beside the policies that were looked at on these tasks: p-values are adjusted for each of them
            too, compared with each opponent.
        tried_names: further ones, by name; those that take part themselves are not counted twice.
        jobs: trainings at once.
    """

    folds: int = 5
    part: str | None = None
    parts: Mapping[str, float] = field(default_factory=lambda: {"train": 0.6, "validation": 0.2, "test": 0.2})
    split_seed: int = 0
    seeds: int = 5
    cost_weight: float = 0.1
    efforts: Sequence[float] = EFFORTS
    retrain: bool = False
    groups: int = 0
    resamples: int = 10_000
    bootstrap_seed: int = 0
    plan: Mapping[str, Any] = field(default_factory=dict)
    jobs: int = 1
    in_sample: bool = False
    only: Sequence[str] = ()
    leave_out: Sequence[str] = ()
    tried: int = 0
    tried_names: Sequence[str] = ()

    def __post_init__(self) -> None:
        require_weight(self.cost_weight)
        require_families(self.only, self.leave_out)
        if self.only and (self.part is not None or self.groups):
            raise PolicyError(
                "families that alone are judged (only) are judged once, by what all the others teach: leave out the "
                "part of a split and the groups to hold out in turn"
            )
        for name in ("seeds", "jobs"):
            require_whole(f"an evaluation's {name}", getattr(self, name), 1)
        require_whole("an evaluation's variants that were tried", self.tried, 0)
        require_whole("an evaluation's resamples", self.resamples, 100, MOST_RESAMPLES)
        for name in ("split_seed", "bootstrap_seed"):
            require_seed(getattr(self, name), what=f"an evaluation's {name}")
        if unknown := sorted(self.plan.keys() - {one.name for one in fields(Plan)}):
            raise PolicyError(
                f"a plan of trainings has no setting {unknown[0]!r}; pilotage.navigator.training.train.Plan lists them"
            )
        for effort in self.efforts:
            CostWeighting.parse(effort)


def evaluate(
    bank: Bank | str | Path,
    policies: Sequence[str | Policy] | None = None,
    protocol: Protocol | None = None,
    *,
    against: Sequence[str] = (),
    other: Bank | str | Path | None = None,
    work: str | Path | None = None,
    resolve: Resolve | None = None,
    on_progress: OnProgress | None = None,
    notify: Notify | None = None,
) -> Evaluation:
    """Compares policies on a bank, in exact expectation over what was recorded, without drawing episodes.

    Args:
        bank: the bank, or its folder.
        policies: names (see `pilotage.navigator.evaluation.names.KNOWN`) or policies; the usual ones for None.
        protocol: how; the default one if None.
        against: names that all others are compared with; best-fixed by default, or the first where it takes no part.
        other: another model's bank with the same actions and features, to transfer to.
        work: folder in which trained networks are kept, so that an evaluation that was stopped goes on; a temporary
            one if None.
        resolve: gives policies of names that are not known here.
        on_progress: called with how far the trainings are.
        notify: called with what is being done.

    Raises:
        BankError: too few tasks, banks that do not fit each other, or a policy file that was trained on every task.
        PolicyError: a name or setting without sense, a library is missing, or policies were trained on all tasks.
        SpecMismatch: a policy does not fit the bank's actions and features.
    """
    protocol = protocol or Protocol()
    bank = bank if isinstance(bank, Bank) else Bank.open(bank)
    other = other if isinstance(other, Bank) or other is None else Bank.open(other)
    bank = bank.of_families(leave_out=protocol.leave_out)
    if other is not None:
        if protocol.only:
            raise PolicyError("families that alone are judged (only) are those of one bank: leave the other bank out")
        other = other.of_families(leave_out=[name for name in protocol.leave_out if name in other.families])
    nodes = sum(len(bank.tree(task)) for task in bank.tasks)  # read now, all parts of the bank share the trees
    plan, weight = {"split_seed": protocol.split_seed, **protocol.plan}, protocol.cost_weight
    options = CandidateOptions(bank, weight, tuple(range(protocol.seeds)), plan, resolve, protocol.in_sample)
    candidates, against, left_out = _candidates(policies, against, options)
    folds = _folds(bank, candidates, protocol)
    settings = variants(candidates, protocol.efforts, protocol.retrain)
    moving = [one for one in candidates if one.is_transferable() and one.name != BEST_FIXED]
    elsewhere = _elsewhere(bank, other, protocol)

    with ExitStack() as stack:
        folder = Path(work) if work is not None else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        trainings = Trainings(bank, folder, protocol.jobs)
        originals = [one.of if isinstance(one, FrequencyMatched) else one for one in candidates]
        for some, places in (
            ([*originals, *(one for _, one in settings)], folds),
            (moving, [fold for _, _, held in elsewhere for fold in held]),
        ):
            trainings.run([needed for fold in places for one in some for needed in one.needs(fold)], on_progress)

        records = record_all(candidates, folds, trainings, notify)
        if not protocol.in_sample:
            require_apart(records)
        asking = {one.name for one in records if not one.candidate.is_transferable(one.provenance.is_learned)}
        resampler = Resampler(len(records[0].tasks), protocol.resamples, protocol.bootstrap_seed)
        by_family = over_families(records[0].families, protocol.resamples, protocol.bootstrap_seed)
        varied = record_all([one for _, one in settings], folds, trainings, notify)
        frontier = lines([effort for effort, _ in settings], varied, resampler)
        if protocol.efforts:
            frontier += sequences(folds, resampler)
        movers = [candidate(BEST_FIXED, options), *(one for one in moving if one.name not in asking)]
        transfers = [
            row
            for kind, where, held in elsewhere
            for row in transfer(
                record_all(movers, held, trainings, notify), kind, where, protocol.resamples, protocol.bootstrap_seed
            )
        ]
        curves = figures.curves(records, folds, trainings)

    named = {one.name: one for one in records}
    oracle = next((one for one in records if one.candidate.kind == "oracle"), None)
    room = tasks_with_room(folds, weight)
    terms = Terms(resampler, by_family, weight, oracle, room)
    tried = protocol.tried + len(set(protocol.tried_names) - named.keys())
    comparisons, adjusted_for = compare(records, [named[name] for name in against], terms, tried)
    of_policies = tuple(figures.figures(one, resampler, by_family, weight, bank.actions) for one in records)
    return Evaluation(
        bank=BankPart(
            name=bank.path.resolve().name,
            model=bank.meta.model,
            preset=bank.meta.preset,
            tasks=len(bank.tasks),
            nodes=nodes,
            families={name: len(tasks) for name, tasks in bank.families.items()},
        ),
        protocol=_about(protocol, len(records[0].tasks), against, adjusted_for),
        policies=of_policies,
        comparisons=tuple(comparisons),
        frontier=tuple(frontier),
        families=tuple(figures.families(records)),
        transfer=tuple(transfers),
        routes=tuple(figures.routes(records, bank.actions)),
        curves=tuple(curves),
        room=None if room is None else figures.room(records[0], room),
        defects=(*left_out, *defects(bank, records, of_policies)),
        outcomes=figures.outcomes(records),
    )


def _candidates(
    policies: Sequence[str | Policy] | None, against: Sequence[str], options: CandidateOptions
) -> tuple[list[CandidatePolicy], list[str], list[str]]:
    """Who takes part, the names to compare them with, and a sentence for each of the usual ones that cannot."""
    chosen: list[CandidatePolicy] = []
    left_out: list[str] = []
    for name in STANDARD if policies is None else policies:
        try:
            chosen.append(candidate(name, options, chosen))
        except (PolicyError, SpecMismatch) as error:
            if policies is not None:
                raise
            left_out.append(f"{name} is left out: {error}")
    names = [one.name for one in chosen]
    if not chosen:
        raise PolicyError("name at least one policy, for example --policy best-fixed")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PolicyError(f"{twice[0]} takes part twice: name each policy once, and give files names of their own")
    opponents = [] if against else [BEST_FIXED if BEST_FIXED in names else names[0]]
    for name in against:
        one = candidate(name, options, chosen)
        if one.name not in [known.name for known in chosen]:
            chosen.append(one)
        opponents.append(one.name)
    return chosen, list(dict.fromkeys(opponents)), left_out


def _folds(bank: Bank, candidates: Sequence[CandidatePolicy], protocol: Protocol) -> list[Fold]:
    judged = set(bank.tasks) if protocol.in_sample else judgeable(bank, candidates)
    if protocol.only:
        return only_these(bank, protocol.only, judged)
    if protocol.part is None:
        return cross_fit(bank, protocol.folds, protocol.split_seed, judged)
    return held_out(bank, protocol.part, protocol.parts, protocol.split_seed, judged)


def _elsewhere(bank: Bank, other: Bank | None, protocol: Protocol) -> list[tuple[Target, str, list[Fold]]]:
    """What policies are carried over to: a kind, a name, and folds."""
    places: list[tuple[Target, str, list[Fold]]] = []
    if protocol.groups:
        for fold in family_folds(bank, protocol.groups, protocol.split_seed):
            places.append(("family", ", ".join(sorted(set(fold.judged.families))), [fold]))
    if other is not None:
        count = protocol.folds if protocol.part is None else min(protocol.folds, len(bank.tasks))
        folds = other_bank(bank, other, count, protocol.split_seed)
        places.append(("bank", other.meta.model or other.path.name, folds))
    return places


def _about(protocol: Protocol, tasks: int, against: Sequence[str], adjusted_for: int) -> ProtocolPart:
    is_in_folds = protocol.part is None and not protocol.only
    split = {"kind": "cross-fit", "parts": None} if is_in_folds else {"kind": "held-out", "folds": None}
    if protocol.only:
        split["parts"] = None
    counts = {"train_seeds": protocol.seeds, "bootstrap": protocol.resamples, "tasks": tasks}
    of_this = {**split, **counts, "against": tuple(against), "adjusted_for": adjusted_for}
    return ProtocolPart.model_validate({**vars(protocol), **of_this})
