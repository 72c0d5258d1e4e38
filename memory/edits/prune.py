"""Prune: retire the concepts that harm and those that never help, as one run that `undo_run` takes back."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass

from pilotage.memory.concept import Concept, Outcomes
from pilotage.memory.edits.credit import Uplift
from pilotage.memory.edits.events import record
from pilotage.memory.ledger.ledger import By
from pilotage.memory.namespace import Namespace

_EXACT = 1000  # throws


@dataclass(frozen=True)
class PruneRule:
    """When a concept has to go.

    Attributes:
        certainty: posterior probability that it harms more often than it helps, from which on it goes. 0.9 takes
            three harms without a help, or five with one.
        idle: how often it must have been recalled without ever helping.
    """

    certainty: float = 0.9
    idle: int = 20

    def __post_init__(self) -> None:
        if not 0.5 < self.certainty < 1:
            raise ValueError(f"certainty lies between 0.5 and 1, not at {self.certainty}")
        if self.idle < 1:
            raise ValueError(f"idle is a number of recalls, at least 1, not {self.idle}")

    def reason(self, outcomes: Outcomes) -> str | None:
        """Why a concept with these outcomes has to go; None where it may stay."""
        if probability_of_harm(outcomes) >= self.certainty:
            return f"harms: {outcomes.harmed} times, helped {outcomes.helped} times"
        uplift = Uplift.of(outcomes)
        if uplift.interval_95[1] < 0:
            return f"harms: uplift {uplift.estimate:+.0%}, its 95% interval below zero"
        if outcomes.recalled >= self.idle and not outcomes.helped:
            return f"never helps: recalled {outcomes.recalled} times, followed {outcomes.followed} times"
        return None


def probability_of_harm(outcomes: Outcomes) -> float:
    """Posterior probability, from a uniform prior, that it harms more often than it helps.

    The Beta distribution's tail below one half, which for whole numbers is the chance of at most `harmed` heads in
    `helped + harmed + 1` throws. Exact for a thousand throws, beyond that by Peizer and Pratt's normal approximation
    (1968), which is off by less than a millionth there.
    """
    n, most = outcomes.helped + outcomes.harmed + 1, outcomes.harmed
    if n <= _EXACT:
        term = total = 1
        for heads in range(most):
            term = term * (n - heads) // (heads + 1)
            total += term
        return float(total / 2**n)
    distance = (most - outcomes.helped) / 2 + 0.01 * (1 / (most + 1) - 1 / (outcomes.helped + 1))
    share = (2 * most + 1) / n  # of the heads that are to be expected
    deviation = math.sqrt((n + 1 / 6) / 4 / (1 + (_skew(share) + _skew(2 - share)) / 2))
    return 0.5 * math.erfc(-distance / deviation / math.sqrt(2))


def _skew(x: float) -> float:
    """Peizer and Pratt's g on [0, 2]; its series near 1, where the closed form loses all digits."""
    e = x - 1
    if abs(e) < 0.05:
        return sum(2 * (-e) ** k / ((k + 1) * (k + 2)) for k in range(1, 12))
    return (1 - x * x + (2 * x * math.log(x) if x > 0 else 0.0)) / (e * e)


def prune(space: Namespace, rule: PruneRule, *, by: By, dry_run: bool) -> list[Concept]:
    """Retires what the rule condemns, in one transaction; returns those concepts as they were."""
    by = By(by.actor, by.cause, by.run or f"prune-{secrets.token_hex(4)}")
    with space.ledger.read() as connection:
        condemned = [c for c in space.ledger.every(connection, space.name) if rule.reason(c.outcomes)]
    if dry_run or not condemned:
        return condemned
    with space.ledger.write() as connection:
        # Read again: what another process credited meanwhile may have saved one.
        present = space.ledger.get(connection, space.name, [concept.id for concept in condemned])
        gone = {c: why for c in present.values() if c.status != "retired" and (why := rule.reason(c.outcomes))}
        for why in dict.fromkeys(gone.values()):
            retired = [concept.model_copy(update={"status": "retired"}) for concept in gone if gone[concept] == why]
            record(space, connection, "retired", retired, By(by.actor, by.cause or why, by.run))
    return list(gone)
