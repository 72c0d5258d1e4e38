"""A comparison as the figures and tables of evaluations read one, with names that are short enough for a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pilotage.agent.bench.schema import Benched
from pilotage.agent.strategies import PREFIX
from pilotage.navigator.evaluation.comparison_parts import Comparison
from pilotage.navigator.evaluation.schema import FamilyPart, Line, PolicyFigures
from pilotage.navigator.report.palette import Look, looks_of


def short(name: str) -> str:
    """A method's name without the prefix of strategies."""
    return name.removeprefix(PREFIX)


@dataclass(frozen=True)
class SideBySide:
    """Methods as policies: the first, with which the others are compared, as a baseline, and these as learned ones."""

    policies: Sequence[PolicyFigures]
    comparisons: Sequence[Comparison]
    families: Sequence[FamilyPart]
    frontier: Sequence[Line] = ()

    @classmethod
    def of(cls, data: Benched) -> SideBySide:
        """The methods of a comparison."""
        policies = [
            PolicyFigures(
                name=short(one.name),
                kind="baseline" if place == 0 else "learned",
                coverage=1.0,
                accuracy=one.accuracy,
                accuracy_interval=one.accuracy_interval,
                cost=one.cost,
                cost_interval=one.cost_interval,
                blocks=one.calls,
                value=one.accuracy,
            )
            for place, one in enumerate(data.methods)
        ]
        named = {"policy": short, "against": short}
        comparisons = [
            one.model_copy(update={field: make(getattr(one, field)) for field, make in named.items()})
            for one in data.comparisons
        ]
        families = [
            one.model_copy(update={"policies": {short(name): score for name, score in one.policies.items()}})
            for one in data.families
        ]
        return cls(policies, comparisons, families)

    @property
    def looks(self) -> dict[str, Look]:
        """One look a method, the same in every figure."""
        return looks_of({one.name: one.kind for one in self.policies})
