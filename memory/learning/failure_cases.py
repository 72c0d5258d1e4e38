"""Mistakes: a lesson from an approach that misled, kept as a pitfall.

Only what public evidence settled teaches something: a program failed on the task's worked examples, or with an error,
and a repaired one passed; or two routes disagreed and a third one settled it. The writer sees what misled and what was
right, both with the task's values masked, and says when that happens and what to do instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from pilotage.memory.concept import ConceptDraft, Provenance
from pilotage.memory.errors import InvalidConcept
from pilotage.memory.learning.sketch import sketch
from pilotage.memory.learning.writer import Writer, WritingRequest, read_object, schema
from pilotage.memory.text.lint import faults, keywords, masked
from pilotage.memory.text.prompt_injection import is_instruction
from pilotage.memory.text.quoting import quoted_text
from pilotage.memory.text.words import content_words

_SYSTEM = (
    "You write short warnings that help with other tasks of the same kind. Use general words. Never mention names, "
    "numbers or the answer of the task you see. Reply in JSON."
)
_ASK = (
    "One way to solve the task misled, another was right. when: the kind of task in which this happens, one sentence. "
    "wrong: what was wrong with the first way, one sentence. instead: what to do instead, one sentence."
)
_TASK_CHARS, _WORK_CHARS = 500, 500


class Misstep(BaseModel):
    """An attempt that public evidence says misled, beside the one that it says was right."""

    model_config = ConfigDict(frozen=True)

    task_id: str
    task_prompt: str
    answer: str
    misled: str
    right: str
    settled_by: str
    complaint: str = ""
    wrong_answer: str = ""
    kind: str = "text"
    model: str = ""
    trace_id: str = ""

    @property
    def provenance(self) -> Provenance:
        """Where a lesson from it comes from."""
        return Provenance(
            task_id=self.task_id, trace_id=self.trace_id, model=self.model, verified_by=self.settled_by[:120]
        )


@dataclass(frozen=True)
class Warned:
    """The pitfall, None where nothing fit to keep was written, and why other text was rejected."""

    draft: ConceptDraft | None
    rejected: tuple[str, ...]


async def warn(misstep: Misstep, writer: Writer) -> Warned:
    """A pitfall from a misstep; one call of the writer, none where the texts carry commands or tell nothing."""
    texts = (misstep.task_prompt, misstep.misled, misstep.right, misstep.complaint)
    if any(map(is_instruction, texts)):
        return Warned(None, ("task: its texts read as an instruction to the agent, so nothing is learnt from it",))
    misled, right = _work(misstep.misled, misstep), _work(misstep.right, misstep)
    if not misled or not right or misled == right:
        return Warned(None, ("nothing to learn from: the two ways look the same",))
    data = read_object(await writer(_request(misstep, misled, right)))
    if data is None:
        return Warned(None, ("writer: did not reply with a JSON object",))
    rejected: list[str] = []
    fields = {name: _checked(name, data.get(name), misstep, rejected) for name in ("when", "wrong", "instead")}
    if not all(fields.values()):
        return Warned(None, tuple(rejected))
    about = {word[:5] for word in content_words(misstep.task_prompt)}
    if not any(word[:5] in about for word in content_words(" ".join(fields.values())) if len(word) > 3):
        return Warned(None, (*rejected, "when: so general that it would come up for any task"))
    return _draft(misstep, fields, rejected)


def _request(misstep: Misstep, misled: str, right: str) -> WritingRequest:
    complaint = (
        f"\n<evidence>\n{quoted_text(masked(misstep.complaint)[:200])[:200]}\n</evidence>" if misstep.complaint else ""
    )
    task = quoted_text(masked(misstep.task_prompt)[:_TASK_CHARS])[:_TASK_CHARS]
    line: dict[str, Any] = {"type": "string", "maxLength": 160}
    return WritingRequest(
        system=_SYSTEM,
        prompt=f"{_ASK}\n\n<task>\n{task}\n</task>\n<misled>\n{misled}\n</misled>"
        f"{complaint}\n<right>\n{right}\n</right>",
        json_schema=schema(when=line, wrong=line, instead=line),
        max_tokens=140,
    )


def _work(text: str, misstep: Misstep) -> str:
    """A program as its sketch, anything else masked, short enough to show."""
    made = sketch(text, misstep.task_prompt, misstep.answer)
    work = "\n".join(made.lines) if made is not None else masked(text).strip()
    return quoted_text(work[-_WORK_CHARS:])[-_WORK_CHARS:]


def _checked(name: str, text: Any, misstep: Misstep, rejected: list[str]) -> str:
    if not isinstance(text, str):
        rejected.append(f"{name}: is missing or not text")
        return ""
    reasons = faults(text, misstep.task_prompt, misstep.answer, solution=misstep.right)
    reasons += [
        one
        for one in faults(text, misstep.task_prompt, misstep.wrong_answer, solution=misstep.right)
        if one not in reasons
    ]
    rejected.extend(f"{name}: {reason}" for reason in reasons)
    return "" if reasons else " ".join(text.split())


def _draft(misstep: Misstep, fields: dict[str, str], rejected: list[str]) -> Warned:
    try:
        lesson = ConceptDraft.parse(
            {
                "kind": "lesson",
                "title": fields["wrong"][:120].rstrip(". "),
                "cues": [fields["when"]],
                "implementation": [fields["instead"]],
                "output_typing": misstep.kind,
                "keywords": keywords(misstep.task_prompt, misstep.answer),
                "pitfall": True,
            }
        )
    except InvalidConcept as error:
        return Warned(None, (*rejected, str(error)))
    return Warned(lesson, tuple(rejected))
