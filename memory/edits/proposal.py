"""Proposed: what became of a draft that was handed to the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

from pilotage.memory.concept import ConceptDraft, Provenance, Status
from pilotage.memory.text.prompt_injection import HeldBack, held_back


class Adding(TypedDict, total=False):
    """What may be said of an addition; `ConceptStore.propose` documents it."""

    actor: str
    cause: str
    run: str
    provenance: Provenance | None
    status: Status
    allow_duplicate: bool


@dataclass(frozen=True)
class Proposed:
    """What the store made of a draft.

    Attributes:
        id: the concept that holds it now.
        outcome: `added`; `known`, where exactly this is stored; `same text`, where the stored text differs in a
            first capital, blanks or a full stop only. Then the draft's own spelling is kept in the concept's history
            and nowhere else.
        draft: what was proposed.
    """

    id: str
    outcome: Literal["added", "known", "same text"]
    draft: ConceptDraft

    @property
    def dropped(self) -> bool:
        """Whether its spelling is not what is stored now."""
        return self.outcome == "same text"

    @property
    def held_back(self) -> tuple[HeldBack, ...]:
        """What of it reads as a command to a model: it is stored, and never shown to one."""
        return held_back(self.draft)
