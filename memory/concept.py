"""Concept: one reusable piece of reasoning knowledge, as proposed (`ConceptDraft`) and as stored (`Concept`).

The two forms of ArcMemo (arXiv 2509.04439) share one shape. `structure` and `routine` are its program-
synthesis form. `lesson` is its open-ended form, situation -> suggestion: the situation is kept in `cues`
(when it applies) and the suggestion in `implementation` (what to do), so that recall and rendering treat all
kinds alike. `type` is a named type definition (ArcMemo's custom types): the title is the name and the
description the definition; other concepts refer to it by name in `typing` and `output_typing`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from pilotage.common.faults import first_fault
from pilotage.common.text import carriable_data
from pilotage.memory.errors import InvalidConcept, UnreadableRow

CONCEPT_FORMAT = 1
MOST_COUNTED = 10**9  # where counters stop, and what an import may claim; a run a second takes thirty years

ConceptKind = Literal["structure", "routine", "lesson", "type"]
Status = Literal["provisional", "trusted", "retired"]

ShortText = Annotated[str, StringConstraints(max_length=300)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)]


def now() -> datetime:
    """The present, in UTC, as every timestamp of the store."""
    return datetime.now(UTC)


def capped(count: int) -> int:
    """A counter, where counters stop: what is stored can be exported and imported again."""
    return min(count, MOST_COUNTED)


class Parameter(BaseModel):
    """What varies from one use of a concept to the next."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    typing: str = Field("", max_length=80)
    description: str = Field("", max_length=200)

    @property
    def typed(self) -> str:
        """Name and, where it is known, typing."""
        return f"{self.name}: {self.typing}" if self.typing else self.name


class Provenance(BaseModel):
    """Where a concept came from. The program fills it in, never the model that wrote the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task_id: str = ""
    shown: str = Field("", max_length=64, description="fingerprint of what the task shows, whatever its id is")
    trace_id: str = ""
    model: str = ""
    verified_by: str = Field(
        "", description="public evidence that let it in: 'examples', 'agreement', ...; empty for none"
    )
    used_in: tuple[Annotated[str, StringConstraints(max_length=200)], ...] = Field(
        (), max_length=1000, description="ids of the tasks that used it before it was imported"
    )
    created_at: datetime = Field(default_factory=now)


class Outcomes(BaseModel):
    """How often a concept was recalled, and what public evidence says came of it. No counter ever reads a grade."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recalled: int = Field(0, ge=0, description="runs that were shown it")
    recalled_solved: int = Field(0, ge=0, description="those of them whose answer was verified")
    followed: int = Field(0, ge=0, description="runs with a step whose text or program shows its use")
    helped: int = Field(0, ge=0, description="runs whose verified answer came from a step that followed it")
    harmed: int = Field(0, ge=0, description="runs in which each step that followed it failed or was overruled")
    withheld: int = Field(0, ge=0, description="runs without hints, by lot, which would have been shown it")
    withheld_solved: int = Field(0, ge=0, description="those of them whose answer was verified")

    @property
    def posterior(self) -> float:
        """Mean of the Beta posterior over 'it helps', from a uniform prior: 0.5 when nothing is known."""
        return (1 + self.helped) / (2 + self.helped + self.harmed)

    def counted(self, names: Iterable[str]) -> Outcomes:
        """One more of each of these."""
        return self + Outcomes(**dict.fromkeys(names, 1))

    def __add__(self, other: Outcomes) -> Outcomes:
        sums = {name: getattr(self, name) + getattr(other, name) for name in Outcomes.model_fields}
        return Outcomes(**{name: capped(total) for name, total in sums.items()})


class ConceptDraft(BaseModel):
    """What a writer proposes. Validated and bounded in size; it carries no id, no credit and no provenance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ConceptKind = "routine"
    subtype: str = Field("", max_length=60, description="what sort of its kind, for example 'grid manipulation'")
    title: Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]
    description: str = Field("", max_length=1000)
    parameters: tuple[Parameter, ...] = Field((), max_length=12)
    output_typing: str = Field("", max_length=80)
    cues: tuple[ShortText, ...] = Field((), max_length=16, description="when the concept applies")
    implementation: tuple[ShortText, ...] = Field((), max_length=60, description="steps, or lines of a program sketch")
    keywords: tuple[Name, ...] = Field(
        (),
        max_length=32,
        description="words of the source task, sorted: they help recall and are never rendered",
    )
    pitfall: bool = Field(False, description="a lesson about what misled; it is shown as such")

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
        if not isinstance(data, Mapping):
            raise InvalidConcept.unstored(f"a concept is an object with named fields, not {_kind_of(data)}")
        check_text(data)
        try:
            return cls.model_validate(carriable_data(dict(data)))
        except ValidationError as error:
            raise InvalidConcept.unstored(invalid_field(error)) from None

    @classmethod
    def lesson(cls, situation: str, suggestion: Iterable[str], *, title: str = "") -> Self:
        """A lesson: in this situation, do that."""
        title = title or situation[:120]
        return cls.parse({"kind": "lesson", "title": title, "cues": (situation,), "implementation": tuple(suggestion)})

    @property
    def content_hash(self) -> str:
        """Identity of the content: equal drafts are one concept. Keywords are left out, they only help recall."""
        body = self.model_dump(include=_CONTENT, mode="json")
        for name in _LATER_FIELDS:  # younger than the first ledgers, whose hashes stay valid so
            if not body[name]:
                del body[name]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

    @property
    def search_text(self) -> str:
        """What is embedded and indexed: what the concept is for, not how it is done."""
        parts = (self.title, self.description, *self.cues, " ".join(self.keywords))
        return "\n".join(part for part in parts if part)


class Concept(ConceptDraft):
    """A stored concept: a draft with identity, provenance, status and outcomes."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    namespace: str
    status: Status = "provisional"
    provenance: Provenance = Field(default_factory=Provenance)
    outcomes: Outcomes = Outcomes()
    seen: int = Field(1, ge=1, description="how many times it was proposed, duplicates included")
    version: int = Field(1, ge=1, description="counts revisions of the content")
    replaced_by: str = Field("", description="id of the concept that it was merged into")
    vouched: bool = Field(False, description="a person has read it: models are shown it whatever it reads like")
    format: int = CONCEPT_FORMAT

    @classmethod
    def stored(cls, body: str) -> Concept:
        """The concept in a row of the ledger.

        Raises:
            UnreadableRow: its text is damaged.
        """
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            id = _ID.search(body)
            which = f"concept '{id[1]}'" if id else "a concept"
            raise UnreadableRow(
                f"the row of {which} in the ledger cannot be read ({first_fault(error).reason}): "
                "`pilotage memory doctor` names all such rows; restore the ledger from a backup, or import its last "
                "export into a new folder"
            ) from None

    @classmethod
    def readable(cls, body: str) -> Concept | None:
        """The same for what goes on without the rows that are damaged: None for one of them."""
        try:
            return cls.stored(body)
        except UnreadableRow:
            return None

    def changed(self, **fields: Any) -> Concept:
        """The concept with other fields.

        Raises:
            InvalidConcept: one of them cannot be stored.
        """
        try:
            return Concept.model_validate({**dict(self), **fields})
        except ValidationError as error:
            raise InvalidConcept(invalid_field(error), "nothing was changed") from None

    @property
    def draft(self) -> ConceptDraft:
        """The content alone. Raises InvalidConcept where it was copied with what no concept can have."""
        try:
            return ConceptDraft.model_validate(self.model_dump(include=set(ConceptDraft.model_fields), warnings=False))
        except ValidationError as error:
            raise InvalidConcept.unstored(invalid_field(error)) from None


_ID = re.compile(r'"id": ?"([^"]{1,40})"')
_CONTENT = set(ConceptDraft.model_fields) - {"keywords"}
_KINDS: dict[type, str] = {
    **{type(None): "nothing", str: "text", bool: "a truth value", int: "a number", float: "a number"},
    **dict.fromkeys((list, tuple), "a list"),
}
_MAX_DEPTH = 4  # of a concept's fields
_LATER_FIELDS = ("subtype", "pitfall")


def invalid_field(error: ValidationError) -> str:
    """What is wrong with the first field that is, as a sentence."""
    field, reason = first_fault(error)
    first = error.errors(include_url=False)[0]
    if first["type"] == "string_too_long":
        reason += f" and has {len(first['input']):,}"
    return f"the concept's field '{field or 'concept'}' is not valid: {reason[:1].lower()}{reason[1:]}"


def check_text(data: Mapping[str, Any]) -> None:
    """Raise InvalidConcept for fields that no store can keep, or nobody could read."""
    title = data.get("title")
    field = next((name for name, value in data.items() if _has_null(value)), None)
    fault = "it has a NUL character"
    if field is None and isinstance(title, str) and title and not any(map(_is_seen, title)):
        field, fault = "title", "it has nothing to be seen"
    if field is not None:
        raise InvalidConcept.unstored(f"the concept's field '{field}' is not valid: {fault}")


def _is_seen(mark: str) -> bool:
    return mark.isprintable() and not mark.isspace()


def _has_null(value: Any, depth: int = 0) -> bool:
    """Whether there is a NUL: PostgreSQL stores none, and no text that a person wrote has one."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, BaseModel):
        value = value.model_dump()
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return depth < _MAX_DEPTH and any(_has_null(part, depth + 1) for part in parts)


def _kind_of(data: object) -> str:
    """What a value is, in words; of a class that has none here, its name."""
    return _KINDS.get(type(data), f"a value of type {type(data).__name__}")
