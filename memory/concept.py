"""Concept: one reusable piece of reasoning knowledge, as proposed (`ConceptDraft`) and as stored (`Concept`).

The two forms of ArcMemo (arXiv 2509.04439) share one shape. `structure` and `routine` are its program-
synthesis form. `lesson` is its open-ended form, situation -> suggestion: the situation is kept in `cues`
(when it applies) and the suggestion in `implementation` (what to do), so that recall and rendering treat all
kinds alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from memory.errors import InvalidConcept

CONCEPT_FORMAT = 1

ConceptKind = Literal["structure", "routine", "lesson"]
Status = Literal["provisional", "trusted", "retired"]

Line = Annotated[str, StringConstraints(max_length=300)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)]


def now() -> datetime:
    """The present, in UTC, as every timestamp of the store."""
    return datetime.now(UTC)


class Parameter(BaseModel):
    """What varies from one use of a concept to the next."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    typing: str = Field("", max_length=80)
    description: str = Field("", max_length=200)


class Provenance(BaseModel):
    """Where a concept came from. The program fills it in, never the model that wrote the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task_id: str = ""
    trace_id: str = ""
    model: str = ""
    verified_by: str = Field("", description="public evidence that let it in: 'examples', 'agreement', ...")
    created_at: datetime = Field(default_factory=now)


class Outcomes(BaseModel):
    """How often a concept was recalled, and what came of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recalled: int = Field(0, ge=0)
    helped: int = Field(0, ge=0)
    harmed: int = Field(0, ge=0)

    @property
    def posterior(self) -> float:
        """Mean of the Beta posterior over 'it helps', from a uniform prior: 0.5 when nothing is known."""
        return (1 + self.helped) / (2 + self.helped + self.harmed)


class ConceptDraft(BaseModel):
    """What a writer proposes. Validated and bounded in size; it carries no id, no credit and no provenance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ConceptKind = "routine"
    title: Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]
    description: str = Field("", max_length=1000)
    parameters: tuple[Parameter, ...] = Field((), max_length=12)
    output_typing: str = Field("", max_length=80)
    cues: tuple[Line, ...] = Field((), max_length=8, description="when the concept applies")
    implementation: tuple[Line, ...] = Field((), max_length=60, description="steps, or lines of a program sketch")
    keywords: tuple[Name, ...] = Field(
        (),
        max_length=32,
        description="words of the source task, sorted: they help recall and are never rendered",
    )

    @field_validator("title")
    @classmethod
    def _one_line(cls, title: str) -> str:
        return " ".join(title.split())

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """A draft from untrusted data.

        Raises:
            InvalidConcept: names the first field that is wrong, and why.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise InvalidConcept(_first_fault(error)) from None

    @classmethod
    def lesson(cls, situation: str, suggestion: Iterable[str], *, title: str = "") -> Self:
        """A lesson: in this situation, do that."""
        return cls.parse(
            {
                "kind": "lesson",
                "title": title or situation[:120],
                "cues": (situation,),
                "implementation": tuple(suggestion),
            }
        )

    @property
    def content_hash(self) -> str:
        """Identity of the content: equal drafts are one concept. Keywords are left out, they only help recall."""
        body = self.model_dump(include=_CONTENT, mode="json")
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

    @property
    def search_text(self) -> str:
        """What is embedded and indexed: what the concept is for, not how it is done."""
        parts = (self.title, self.description, *self.cues, " ".join(self.keywords))
        return "\n".join(part for part in parts if part)


class Concept(ConceptDraft):
    """A stored concept: a draft with identity, provenance, status and outcomes."""

    id: str
    namespace: str
    status: Status = "provisional"
    provenance: Provenance = Field(default_factory=Provenance)
    outcomes: Outcomes = Outcomes()
    seen: int = Field(1, ge=1, description="how many times it was proposed, duplicates included")
    version: int = Field(1, ge=1, description="counts revisions of the content")
    format: int = CONCEPT_FORMAT

    @property
    def draft(self) -> ConceptDraft:
        """The content alone."""
        return ConceptDraft.model_validate(self.model_dump(include=set(ConceptDraft.model_fields)))


_CONTENT = set(ConceptDraft.model_fields) - {"keywords"}


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "concept"
    return (
        f"the concept's field '{place}' is not valid: {fault['msg'][:1].lower()}{fault['msg'][1:]}; nothing was stored"
    )
