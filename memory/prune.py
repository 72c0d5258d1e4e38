"""Prune: retire the concepts that harm and those that never help, as one run that `undo_run` takes back."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass

from memory.concept import Concept, Outcomes
from memory.credit import Uplift
from memory.ledger import By, Ledger
from memory.lexical import KeywordIndex


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
        if Uplift.of(outcomes).interval_95[1] < 0:
            return f"harms: uplift {outcomes.uplift:+.0%}, its 95% interval below zero"
        if outcomes.recalled >= self.idle and not outcomes.helped:
            return f"never helps: recalled {outcomes.recalled} times, followed {outcomes.followed} times"
        return None


def probability_of_harm(outcomes: Outcomes) -> float:
    """Posterior probability, from a uniform prior, that it harms more often than it helps.

    The Beta distribution's tail below one half, which for whole numbers is a binomial sum.
    """
    n = outcomes.helped + outcomes.harmed + 1
    return sum(math.comb(n, k) for k in range(outcomes.helped + 1, n + 1)) / float(2**n)


def prune(
    ledger: Ledger, words: KeywordIndex | None, namespace: str, rule: PruneRule, *, by: By, dry_run: bool
) -> list[Concept]:
    """Retires what the rule condemns, in one transaction; returns those concepts as they were."""
    by = By(by.actor, by.cause, by.run or f"prune-{secrets.token_hex(4)}")
    with ledger.read() as connection:
        condemned = [c for c in ledger.every(connection, namespace) if rule.reason(c.outcomes)]
    if dry_run or not condemned:
        return condemned
    with ledger.write() as connection:
        # Read again: what another process credited meanwhile may have saved one.
        present = ledger.get(connection, namespace, [concept.id for concept in condemned])
        gone = []
        for concept in present.values():
            why = rule.reason(concept.outcomes)
            if why is None or concept.status == "retired":
                continue
            retired = concept.model_copy(update={"status": "retired"})
            ledger.append(connection, retired, "retired", By(by.actor, by.cause or why, by.run))
            if words is not None:
                words.put(connection, retired)
            gone.append(concept)
    return gone
