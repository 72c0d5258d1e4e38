"""Credit: did a concept help? Counts of what came of it, and what the memory as a whole is worth.

Counts come from public evidence only (`Outcomes` says what each of them means). A share of runs may be held out:
they get no hints although memory has some, so that the uplift of the hints is measured and not assumed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, and_, or_, select

from pilotage.common.statistics import wilson
from pilotage.memory.concept import Concept, Outcomes
from pilotage.memory.edits.events import record
from pilotage.memory.errors import InvalidConcept, UnknownConcept
from pilotage.memory.ledger.ledger import By
from pilotage.memory.ledger.schema import events
from pilotage.memory.namespace import Namespace

Outcome = Literal["recalled", "recalled_solved", "followed", "helped", "harmed", "withheld", "withheld_solved"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True)
class Uplift:
    """What hints change about the share of verified runs: with them (`shown`) minus without them (`withheld`).

    `withheld` counts the control group: runs that got no hints, by lot. `solved` are those with a verified answer.
    """

    shown: int
    shown_solved: int
    withheld: int
    withheld_solved: int

    @classmethod
    def of(cls, outcomes: Outcomes) -> Uplift:
        """The uplift of one concept."""
        return cls(outcomes.recalled, outcomes.recalled_solved, outcomes.withheld, outcomes.withheld_solved)

    @property
    def estimate(self) -> float | None:
        """Difference of the two shares, -1 to 1; None before both were tried."""
        if not self.shown or not self.withheld:
            return None
        return _share(self.shown_solved, self.shown) - _share(self.withheld_solved, self.withheld)

    @property
    def interval_95(self) -> tuple[float, float]:
        """Newcombe's hybrid score interval (1998, method 10); (-1, 1) before both were tried."""
        estimate = self.estimate
        if estimate is None:
            return -1.0, 1.0
        p, q = _share(self.shown_solved, self.shown), _share(self.withheld_solved, self.withheld)
        (p_low, p_high), (q_low, q_high) = wilson(p * self.shown, self.shown), wilson(q * self.withheld, self.withheld)
        return estimate - math.hypot(p - p_low, q_high - q), estimate + math.hypot(p_high - p, q - q_low)

    def to_json(self) -> dict[str, Any]:
        """The counts, the estimate and its interval."""
        return {**asdict(self), "estimate": self.estimate, "interval_95": list(self.interval_95)}


@dataclass(frozen=True)
class CreditReport:
    """What is known of the worth of a memory.

    Attributes:
        memory: uplift of the hints as a whole, a run counted once however many concepts it was shown.
        concepts: every concept that was ever recalled or withheld, the most recalled first.
    """

    memory: Uplift
    concepts: tuple[Concept, ...]

    def to_json(self) -> dict[str, Any]:
        """The object that `pilotage memory credit --json` prints."""
        return {
            "memory": self.memory.to_json(),
            "concepts": [
                {
                    "id": concept.id,
                    "title": concept.title,
                    "status": concept.status,
                    "posterior": round(concept.outcomes.posterior, 4),
                    **concept.outcomes.model_dump(),
                    "uplift": Uplift.of(concept.outcomes).to_json(),
                }
                for concept in self.concepts
            ],
        }


def record_outcomes(space: Namespace, counts: Mapping[str, Collection[Outcome]], by: By, *, once: bool) -> bool:
    """Counts what came of some concepts, all of them in one transaction.

    Helping makes a provisional concept trusted. A concept that is not there any more is an error, and then none
    is counted. With `once` nothing is, where `by` names a run that was counted before; returns whether anything was.
    """
    for names in counts.values():
        check_outcomes(names)
    outcomes = {id: [name for name in OUTCOMES if name in names] for id, names in counts.items() if names}
    if not outcomes:
        with space.ledger.read() as connection:  # raises for a store that was closed, too
            _require(space, connection, counts)
        return False
    with space.ledger.write() as connection:
        if once and by.run and _outcomes_by_run(space, connection, by.run):
            return False
        concepts = _require(space, connection, counts)
        counted = [_counted(concepts[id], names) for id, names in outcomes.items()]
        bodies = {id: {"outcomes": names} for id, names in outcomes.items()}
        record(space, connection, "outcome", counted, by, bodies)
    return True


def report(space: Namespace) -> CreditReport:
    """What is known so far."""
    with space.ledger.read() as connection:
        known = [
            concept
            for concept in space.ledger.every(connection, space.name, retired=True)
            if concept.outcomes.recalled or concept.outcomes.withheld
        ]
        runs = _outcomes_by_run(space, connection).values()
    shown = [names for names in runs if "recalled" in names]
    control = [names for names in runs if "withheld" in names]
    memory = Uplift(
        len(shown),
        sum("recalled_solved" in names for names in shown),
        len(control),
        sum("withheld_solved" in names for names in control),
    )
    return CreditReport(memory, tuple(sorted(known, key=lambda concept: -concept.outcomes.recalled)))


def _require(space: Namespace, connection: Connection, ids: Collection[str]) -> dict[str, Concept]:
    """All of these concepts. Raises UnknownConcept."""
    known = space.ledger.get(connection, space.name, list(ids))
    for id in ids:
        if id not in known:
            raise UnknownConcept.called(id, space.name)
    return known


def _outcomes_by_run(space: Namespace, connection: Connection, run: str | None = None) -> dict[str, set[str]]:
    """Outcomes that each run has recorded and that were not undone."""
    mine = events.c.namespace == space.name
    recorded = and_(events.c.action == "outcome", events.c.run != "")
    undone = events.c.action == "undone"
    if run is not None:
        recorded = and_(recorded, events.c.run == run)
        undone = and_(undone, events.c.concept_id.in_(select(events.c.concept_id).where(mine, recorded)))
    query = select(events.c.seq, events.c.action, events.c.run, events.c.body).where(mine, or_(recorded, undone))
    outcomes: dict[str, set[str]] = {}
    taken_back: set[int] = set()
    for row in connection.execute(query.order_by(events.c.seq.desc())):  # newest first: an undo may have been undone
        body = json.loads(row.body)
        if row.seq in taken_back:
            continue
        if row.action == "undone":
            taken_back.add(int(body["undoes"]))
        else:
            outcomes.setdefault(row.run, set()).update(body.get("outcomes", ()))
    return outcomes


def check_outcomes(names: Collection[str]) -> None:
    """Raise InvalidConcept for an outcome that there is not."""
    unknown = sorted(str(name) for name in names if name not in OUTCOMES)
    if unknown:
        raise InvalidConcept(f"there is no outcome '{unknown[0]}': use {', '.join(OUTCOMES)}")


def _counted(concept: Concept, names: Collection[Outcome]) -> Concept:
    update: dict[str, Any] = {"outcomes": concept.outcomes.counted(names)}
    if "helped" in names and concept.status == "provisional":
        update["status"] = "trusted"
    return concept.model_copy(update=update)


def _share(some: int, of: int) -> float:
    """At most 1: counters can be recorded alone, so there may be more solved runs than runs."""
    return min(1.0, some / of)
