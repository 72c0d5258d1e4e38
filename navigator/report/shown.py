"""Shown: what figures and tables read, of an evaluation or of any other comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pilotage.navigator.evaluation.comparison_parts import Comparison
from pilotage.navigator.evaluation.schema import FamilyPart, Line, PolicyFigures


class Shown(Protocol):
    """Policies side by side; the parts are those of `pilotage.navigator.evaluation.schema.Evaluation`."""

    @property
    def policies(self) -> Sequence[PolicyFigures]:
        """Each by itself."""
        ...

    @property
    def comparisons(self) -> Sequence[Comparison]:
        """Pairs."""
        ...

    @property
    def frontier(self) -> Sequence[Line]:
        """Policies at several settings."""
        ...

    @property
    def families(self) -> Sequence[FamilyPart]:
        """Families of tasks."""
        ...
