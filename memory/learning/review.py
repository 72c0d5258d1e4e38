"""Review: the checks that text about a solved or failed task must pass before it becomes a concept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from pilotage.memory.concept import ConceptDraft, Provenance
from pilotage.memory.errors import InvalidConcept
from pilotage.memory.learning.writer import Writer, ask
from pilotage.memory.text.lint import faults, masked
from pilotage.memory.text.quoting import quoted_text
from pilotage.memory.text.words import topics


class VerifiedTask(BaseModel):
    """A task whose outcome public evidence tells, as memory needs to see it."""

    model_config = ConfigDict(frozen=True)

    task_id: str
    shown: str = ""
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
            task_id=self.task_id,
            shown=self.shown,
            trace_id=self.trace_id,
            model=self.model,
            verified_by=self.verified_by[:120],
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
        wrong_answer: an answer that may not stand in a text either; empty for none.
        rejected: why text was rejected, so far.
    """

    task: VerifiedTask
    solution: str = ""
    wrong_answer: str = ""
    rejected: list[str] = field(default_factory=list)

    async def ask(
        self, writer: Writer, system: str, request: str, max_tokens: int, texts: Mapping[str, str], **fields: Any
    ) -> dict[str, Any]:
        """The fields that a writer replies with, still unchecked; none where its reply is no JSON object.

        Args:
            writer: who is asked.
            system: stable text.
            request: what is asked for.
            max_tokens: of the reply.
            texts: what the writer sees, by name; those that are empty are left out.
            fields: JSON schemas of the reply's fields.
        """
        shown = "\n".join(f"<{name}>\n{text}\n</{name}>" for name, text in texts.items() if text)
        data = await ask(writer, system, f"{request}\n\n{shown}", max_tokens, **fields)
        if data is None:
            self.rejected.append("writer: did not reply with a JSON object")
        return data or {}

    def accept(self, name: str, text: Any, longest: int | None = None) -> str:
        """A field as one line, empty where it may not become part of a concept."""
        if not isinstance(text, str):
            self.rejected.append(f"{name}: is missing or not text")
            return ""
        line = " ".join(text.split())
        reasons = faults(text, self.task.task_prompt, self.task.answer, solution=self.solution)
        if self.wrong_answer:
            reasons += faults(text, self.task.task_prompt, self.wrong_answer, solution=self.solution)
        if longest is not None and len(line) > longest:
            reasons.append("is too long")
        self.rejected += [f"{name}: {reason}" for reason in dict.fromkeys(reasons)]
        return "" if reasons else line

    def is_on_topic(self, name: str, texts: Iterable[str]) -> bool:
        """Whether texts have a content word in common with the task.

        Long words are compared by their first letters, short ones whole, and what is written without blanks by
        neighbouring characters; see `pilotage.memory.text.words`.
        """
        if not topics(self.task.task_prompt).isdisjoint(topics("\n".join(texts))):
            return True
        self.rejected.append(f"{name}: so general that it would come up for any task")
        return False

    def reject(self, *why: str) -> Distilled:
        """No draft, for these reasons and those before."""
        return Distilled(None, (*self.rejected, *why))

    def draft(self, **fields: Any) -> Distilled:
        """The draft with these fields, where they make a valid one."""
        try:
            return Distilled(ConceptDraft.parse(fields), tuple(self.rejected))
        except InvalidConcept as error:
            return self.reject(str(error))


def task_excerpt(task: VerifiedTask, most: int) -> str:
    """The beginning of a task as a writer sees it: its telling numbers and names masked, quoted."""
    return excerpt(masked(task.task_prompt), most)


def excerpt(text: str, most: int, *, last: bool = False) -> str:
    """The beginning of a text, or its end, quoted for a writer."""
    part = slice(-most, None) if last else slice(most)
    return quoted_text(text[part])[part]
