"""`info`: what a bank holds, and what could be won on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.records import FORMAT
from pilotage.navigator.values.block_values import block_values
from pilotage.navigator.values.exact import exact_values
from pilotage.navigator.values.rollout import Outcomes
from pilotage.navigator.values.sequences import (
    MIN_COVERAGE,
    FixedSequence,
    best_fixed,
    best_fixed_by_family,
    fixed_sequence,
)


@dataclass(frozen=True)
class FamilyInfo:
    """One family: its size, and what answering at once, its best fixed sequence and the oracle reach.

    Accuracies are mean scores, costs thousands of tokens a task; commas stand between the blocks of a sequence.
    """

    tasks: int
    nodes: int
    at_once: float
    best_sequence: str
    best_accuracy: float
    best_cost: float
    oracle_accuracy: float
    oracle_cost: float


@dataclass(frozen=True)
class BankInfo(FamilyInfo):
    """A bank at a glance: the same for all families together, and more.

    Attributes:
        path: the folder.
        format: version of its files.
        model: what reasoned.
        preset: of the observations.
        features: how many an observation has.
        earlier_routes: whether it was recorded with earlier blocks, which went on from failed attempts.
        deepest: most blocks before a stop.
        samples: most repeats of a block in one state.
        candidates: nodes whose step reached a candidate.
        graded_candidates: how many of these have a score.
        tokens: prompt and completion tokens of all nodes and answers.
        seconds: time that recording them took.
        cost_weight: under which sequences and the oracle's actions were chosen.
        blocks: per block: nodes, states it was tried in, mean gain over stopping, and what the oracle loses without it.
    """

    path: str
    format: int
    model: str
    preset: str
    actions: tuple[str, ...]
    features: int
    created: str
    earlier_routes: bool
    deepest: int
    samples: int
    candidates: int
    graded_candidates: int
    tokens: int
    seconds: float
    cost_weight: float
    blocks: dict[str, dict[str, float]]
    families: dict[str, FamilyInfo]

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is not known is null."""
        data: dict[str, Any] = _no_nan(asdict(self))
        return data


def info(bank: Bank, cost_weight: float = 0.0) -> BankInfo:
    """Reads the whole bank; raises BankError where a file of it is damaged."""
    arrays = BankArrays.of(bank)
    oracle, at_once = exact_values(arrays, cost_weight).oracle, fixed_sequence(arrays, ()).outcomes
    nodes = [node for task in bank.tasks for node in bank.tree(task)]
    runs = Counter(node.action for node in nodes if node.action is not None)
    usages = [usage for node in nodes for usage in (node.usage, node.answer_usage)]

    def reached(best: FixedSequence, oracle: Outcomes, at_once: Outcomes) -> dict[str, Any]:
        return {
            "at_once": at_once.accuracy,
            "best_sequence": ",".join((*best.blocks, bank.actions.terminal)),
            "best_accuracy": best.outcomes.accuracy,
            "best_cost": best.outcomes.mean_cost,
            "oracle_accuracy": oracle.accuracy,
            "oracle_cost": oracle.mean_cost,
        }

    return BankInfo(
        path=str(bank.path),
        format=FORMAT,
        model=bank.meta.model,
        preset=bank.meta.preset,
        actions=bank.actions.names,
        features=len(bank.observations),
        created=bank.meta.created,
        earlier_routes=bank.meta.has_earlier_routes,
        tasks=len(bank.tasks),
        nodes=len(nodes),
        deepest=int(arrays.depth.max()),
        samples=int(arrays.samples.max()),
        candidates=sum(node.candidate is not None for node in nodes),
        graded_candidates=sum(node.candidate_score is not None for node in nodes),
        tokens=int(sum(u.get("prompt_tokens", 0) + u.get("completion_tokens", 0) for u in usages)),
        seconds=float(sum(u.get("seconds", 0.0) for u in usages)),
        cost_weight=cost_weight,
        **reached(best_fixed(arrays, cost_weight, MIN_COVERAGE), oracle, at_once),
        blocks={
            one.block: {"nodes": runs[one.block], **{k: v for k, v in asdict(one).items() if k != "block"}}
            for one in block_values(arrays, cost_weight)
        },
        families={
            family: FamilyInfo(
                tasks=len(bank.families[family]),
                nodes=sum(len(bank.tree(task)) for task in bank.families[family]),
                **reached(best, oracle.only(family), at_once.only(family)),
            )
            for family, best in best_fixed_by_family(arrays, cost_weight, MIN_COVERAGE).items()
        },
    )


def _no_nan(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _no_nan(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_no_nan(value) for value in data]
    return None if isinstance(data, float) and data != data else data
