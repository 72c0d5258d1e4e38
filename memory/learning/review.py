"""Review: what every lesson goes through, be it of a solved task or of a failure, before it may become a concept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from pilotage.memory.concept import ConceptDraft, Provenance
from pilotage.memory.errors import InvalidConcept
from pilotage.memory.text.lint import faults
from pilotage.memory.text.quoting import quoted_text
from pilotage.memory.text.words import content_words

_STEM = 5


class VerifiedTask(BaseModel):
    """A task whose outcome public evidence tells, as memory needs to see it."""

    model_config = ConfigDict(frozen=True)

    task_id: str
    task_prompt: str
    answer: str
    verified_by: str
    kind: str = "text"
    model: str = ""
    trace_id: str = ""

    @property
    def provenance(self) -> Provenance:
        """Where a concept that is learnt from it comes from."""
        return Provenance(
            task_id=self.task_id, trace_id=self.trace_id, model=self.model, verified_by=self.verified_by[:120]
        )


@dataclass(frozen=True)
class Distilled:
    """The draft that passed every check, None where nothing fit to keep was left, and why text was rejected."""

    draft: ConceptDraft | None
    rejected: tuple[str, ...]


@dataclass
class Review:
    """Checks what a writer says of a task.

    Attributes:
        task: what the writer saw.
        solution: what solved it; its words stand for the method.
        wrong_answer: an answer that may not stand in a text either.
        rejected: why text was rejected, so far.
    """

    task: VerifiedTask
    solution: str = ""
    wrong_answer: str | None = None
    rejected: list[str] = field(default_factory=list)

    def accept(self, name: str, text: Any, longest: int | None = None) -> str:
        """A field as one line, empty where it may not become part of a concept."""
        if not isinstance(text, str):
            self.rejected.append(f"{name}: is missing or not text")
            return ""
        reasons = faults(text, self.task.task_prompt, self.task.answer, solution=self.solution)
        if self.wrong_answer is not None:
            reasons += faults(text, self.task.task_prompt, self.wrong_answer, solution=self.solution)
        if longest is not None and len(text) > longest:
            reasons.append("is too long")
        self.rejected += [f"{name}: {reason}" for reason in dict.fromkeys(reasons)]
        return "" if reasons else " ".join(text.split())

    def is_on_topic(self, name: str, texts: Iterable[str]) -> bool:
        """Whether texts share a content word with the task, endings aside."""
        stems = {word[:_STEM] for word in content_words(self.task.task_prompt)}
        if any(word[:_STEM] in stems for word in content_words(" ".join(texts)) if len(word) > 3):
            return True
        self.rejected.append(f"{name}: so general that it would come up for any task")
        return False

    def nothing(self, *why: str) -> Distilled:
        """No draft, for these reasons and those before."""
        return Distilled(None, (*self.rejected, *why))

    def draft(self, **fields: Any) -> Distilled:
        """The draft with these fields, where they make a valid one."""
        try:
            return Distilled(ConceptDraft.parse(fields), tuple(self.rejected))
        except InvalidConcept as error:
            return self.nothing(str(error))


def excerpt(text: str, most: int, *, last: bool = False) -> str:
    """The beginning of a text, or its end, quoted for a writer."""
    part = slice(-most, None) if last else slice(most)
    return quoted_text(text[part])[part]
