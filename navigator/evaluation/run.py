"""Evaluate: policies on a bank, each judged on tasks that nothing of it was learned from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pilotage.navigator.arguments import require_weight, require_whole
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.evaluation import figures, transfer
from pilotage.navigator.evaluation.bootstrap import Resampler
from pilotage.navigator.evaluation.candidates import CandidatePolicy, judgeable
from pilotage.navigator.evaluation.comparison import compare
from pilotage.navigator.evaluation.defects import defects
from pilotage.navigator.evaluation.folds import Fold, cross_fit, family_folds, held_out, other_bank
from pilotage.navigator.evaluation.frontier import lines, sequences, variants
from pilotage.navigator.evaluation.names import CandidateOptions, Resolve, candidate, standard
from pilotage.navigator.evaluation.records import FrequencyMatched, record, require_apart
from pilotage.navigator.evaluation.schema import BankPart, Evaluation, ProtocolPart
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
        retrain: also train networks that have no dial anew for every effort.
        groups: groups of families to hold out in turn; 0 leaves it out.
        resamples: draws of the bootstrap.
        bootstrap_seed: of these draws.
        plan: settings of trainings, as arguments of `pilotage.navigator.training.train.Plan`: `{"steps": 2000}` say.
        in_sample: judge given policies on tasks that they were trained on, too; the evaluation says so of each.
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

    def __post_init__(self) -> None:
        require_weight(self.cost_weight)
        for name, least in (("seeds", 1), ("jobs", 1), ("split_seed", 0), ("bootstrap_seed", 0)):
            require_whole(f"an evaluation's {name}", getattr(self, name), least)
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
    notify: Callable[[str], None] | None = None,
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
        on_progress: told how far the trainings are.
        notify: told what is being done.

    Raises:
        BankError: too few tasks, banks that do not fit each other, or a policy file that was trained on every task.
        PolicyError: a name or setting without sense, a library is missing, or policies were trained on all tasks.
        SpecMismatch: a policy does not fit the bank's actions and features.
    """
    protocol = protocol or Protocol()
    bank = bank if isinstance(bank, Bank) else Bank.open(bank)
    with ExitStack() as stack:
        folder = Path(work) if work is not None else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        return _Run(bank, protocol, Trainings(bank, folder, protocol.jobs), resolve, on_progress, notify).run(
            policies, against, other if isinstance(other, Bank) or other is None else Bank.open(other)
        )


class _Run:
    """One call of `evaluate`."""

    def __init__(
        self, bank: Bank, protocol: Protocol, trainings: Trainings, resolve: Resolve | None,
        on_progress: OnProgress | None, notify: Callable[[str], None] | None,
    ) -> None:  # fmt: skip
        self.bank, self.protocol, self.trainings = bank, protocol, trainings
        self.on_progress, self.notify = on_progress, notify
        self.nodes = sum(len(bank.tree(task)) for task in bank.tasks)  # read now, all parts of the bank share the trees
        plan = {"split_seed": protocol.split_seed, **protocol.plan}
        self.options = CandidateOptions(
            bank, protocol.cost_weight, tuple(range(protocol.seeds)), plan, resolve, protocol.in_sample
        )

    def run(self, policies: Sequence[str | Policy] | None, against: Sequence[str], other: Bank | None) -> Evaluation:
        protocol, weight = self.protocol, self.protocol.cost_weight
        candidates, left_out = self._candidates(policies)
        against = self._against(against, candidates)
        folds = self._folds(candidates)
        settings = variants(candidates, protocol.efforts, protocol.retrain)
        moving = transfer.movable(candidates)
        by_family = family_folds(self.bank, protocol.groups, protocol.split_seed) if protocol.groups else []
        elsewhere = other_bank(self.bank, other, self._count, protocol.split_seed) if other is not None else []
        self._train([*candidates, *(one for _, one in settings)], folds)
        self._train(moving, [*by_family, *elsewhere])

        records = record(candidates, folds, self.trainings, self.notify)
        if not protocol.in_sample:
            require_apart(records)
        moving = transfer.movable(moving, records)
        resampler = Resampler(len(records[0].tasks), protocol.resamples, protocol.bootstrap_seed)
        named = {one.name: one for one in records}
        oracle = next((one for one in records if one.candidate.kind == "oracle"), None)
        comparisons = [c for name in against for c in compare(records, named[name], resampler, weight, oracle)]
        frontier = lines(candidates, settings, folds, self.trainings, resampler, self.notify)
        if protocol.efforts:
            frontier += sequences(folds, self.trainings, resampler)
        how = transfer.How(weight, protocol.resamples, protocol.bootstrap_seed)
        moved = transfer.to_families(moving, by_family, self.trainings, how, self.notify)
        if other is not None:
            label = other.meta.model or other.path.name
            moved += transfer.to_bank(moving, elsewhere, self.trainings, label, how, self.notify)
        actions = self.bank.actions
        found = tuple(figures.figures(one, resampler, weight, actions) for one in records)
        return Evaluation(
            bank=self._about_bank(),
            protocol=self._about_protocol(len(records[0].tasks), against),
            policies=found,
            comparisons=tuple(comparisons),
            frontier=tuple(frontier),
            families=tuple(figures.families(records)),
            transfer=tuple(moved),
            routes=tuple(figures.routes(records, actions)),
            curves=tuple(figures.curves(records, folds, self.trainings)),
            defects=(*left_out, *defects(self.bank, records, found)),
            outcomes=figures.outcomes(records),
        )

    def _candidates(self, policies: Sequence[str | Policy] | None) -> tuple[list[CandidatePolicy], list[str]]:
        left_out: list[str] = []
        if policies is None:
            found, left_out = standard(self.options)
        else:
            found = []
            for name in policies:
                found.append(candidate(name, self.options, found))
        names = [one.name for one in found]
        if not found:
            raise PolicyError("name at least one policy, for example --policy best-fixed")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise PolicyError(f"{twice[0]} takes part twice: name each policy once, and give files names of their own")
        return found, left_out

    def _against(self, against: Sequence[str], candidates: list[CandidatePolicy]) -> list[str]:
        """Names to compare with; those that do not take part yet now do."""
        if not against:
            names = [one.name for one in candidates]
            return ["best-fixed" if "best-fixed" in names else names[0]]
        found = []
        for name in against:
            one = candidate(name, self.options, candidates)
            if one.name not in [known.name for known in candidates]:
                candidates.append(one)
            found.append(one.name)
        return list(dict.fromkeys(found))

    @property
    def _count(self) -> int:
        return min(self.protocol.folds, len(self.bank.tasks)) if self.protocol.part is not None else self.protocol.folds

    def _folds(self, candidates: Sequence[CandidatePolicy]) -> list[Fold]:
        protocol = self.protocol
        judged = set(self.bank.tasks) if protocol.in_sample else judgeable(self.bank, candidates)
        if protocol.part is None:
            return cross_fit(self.bank, protocol.folds, protocol.split_seed, judged)
        return held_out(self.bank, protocol.part, protocol.parts, protocol.split_seed, judged)

    def _train(self, candidates: Sequence[CandidatePolicy], folds: Sequence[Fold]) -> None:
        originals = [one.of if isinstance(one, FrequencyMatched) and one.of is not None else one for one in candidates]
        self.trainings.run(
            [training for fold in folds for one in originals for training in one.needs(fold)], self.on_progress
        )

    def _about_bank(self) -> BankPart:
        bank = self.bank
        return BankPart(
            name=bank.path.resolve().name,
            model=bank.meta.model,
            preset=bank.meta.preset,
            tasks=len(bank.tasks),
            nodes=self.nodes,
            families={name: len(tasks) for name, tasks in bank.families.items()},
        )

    def _about_protocol(self, tasks: int, against: Sequence[str]) -> ProtocolPart:
        protocol = self.protocol
        return ProtocolPart(
            kind="cross-fit" if protocol.part is None else "held-out",
            folds=protocol.folds if protocol.part is None else None,
            part=protocol.part,
            parts=dict(protocol.parts) if protocol.part is not None else None,
            split_seed=protocol.split_seed,
            train_seeds=protocol.seeds,
            tasks=tasks,
            cost_weight=protocol.cost_weight,
            bootstrap=protocol.resamples,
            against=tuple(against),
            plan=dict(protocol.plan),
            in_sample=protocol.in_sample,
        )
