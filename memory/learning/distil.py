"""Distil: a solved task becomes a reusable concept, through a writer that the caller gives.

The method comes from what was checked, the words from a small model. A program that solved the task is generalised on
its syntax tree (`pilotage.memory.learning.sketch`); the writer is asked for a title and for when to use it, or, without
a program, for the steps too. It sees the task with telling numbers and names masked, and what it writes is validated
and linted (`pilotage.memory.text.lint`) before it may become a draft.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from pilotage.memory.concept import ConceptDraft, Provenance
from pilotage.memory.errors import InvalidConcept
from pilotage.memory.learning.sketch import Sketch, sketch
from pilotage.memory.learning.writer import Writer, WritingRequest, read_object, schema
from pilotage.memory.text.lint import faults, keywords, masked
from pilotage.memory.text.prompt_injection import is_instruction
from pilotage.memory.text.quoting import quoted_text
from pilotage.memory.text.same_text import distinct
from pilotage.memory.text.words import content_words

SYSTEM = (
    "You write short notes that help to solve other tasks of the same kind. Describe the kind of task and the "
    "method in general words. Never mention names, numbers or the answer of the task you see. Reply in JSON."
)
_ASK_WHEN = (
    "title: name the method, 3 to 8 words. when: one sentence that says which tasks it solves, "
    "so that it is found for similar tasks."
)
_ASK_STEPS = _ASK_WHEN + " steps: 2 to 4 short general steps."
_LONGEST = {"title": 100, "when": 300, "step": 200}  # a reply that no schema bound
_PROMPT_CHARS, _WORK_CHARS = 900, 900


class SolvedTrace(BaseModel):
    """A task that public evidence says was solved, as memory needs to see it."""

    model_config = ConfigDict(frozen=True)

    task_id: str
    task_prompt: str
    answer: str
    verified_by: str
    kind: str = "text"
    program: str | None = None
    reasoning: str = ""
    model: str = ""
    trace_id: str = ""

    @property
    def provenance(self) -> Provenance:
        """Where a concept distilled from it comes from."""
        return Provenance(task_id=self.task_id, trace_id=self.trace_id, model=self.model, verified_by=self.verified_by)


@dataclass(frozen=True)
class Distilled:
    """Drafts that passed every check, and why others did not."""

    drafts: tuple[ConceptDraft, ...]
    rejected: tuple[str, ...]


async def distil(trace: SolvedTrace, writer: Writer) -> Distilled:
    """One concept from a solved task, or none when nothing fit to keep is left.

    A program survives a bad writer: then it gets a plain title made from its parameters.
    """
    if is_instruction(trace.task_prompt):  # whatever it taught, the text may have steered
        return Distilled((), ("task: its text reads as an instruction to the agent, so nothing is learnt from it",))
    rejected: list[str] = []
    program = _sketch(trace, rejected)
    if program is None and is_instruction(trace.reasoning):
        return Distilled((), (*rejected, "reasoning: carries text that reads as an instruction"))
    if program is None and not trace.reasoning.strip():
        return Distilled((), (*rejected, "nothing to learn from: neither program nor reasoning"))
    written = _checked(await writer(_request(trace, program)), trace, program, rejected)
    draft = _draft(trace, program, written, rejected)
    return Distilled((draft,) if draft is not None else (), tuple(rejected))


def _sketch(trace: SolvedTrace, rejected: list[str]) -> Sketch | None:
    if not trace.program:
        return None
    if is_instruction(trace.program):  # in a comment or a text: its writer may have obeyed it elsewhere too
        rejected.append("program: carries text that reads as an instruction")
        return None
    made = sketch(trace.program, trace.task_prompt, trace.answer)
    if made is None:
        rejected.append("program: cannot be read, reaches outside, is too long, or keeps nothing without its task")
    elif is_instruction("\n".join(made.lines)) or is_instruction(" ".join(made.lines)):
        rejected.append("program: carries text that reads as an instruction")
        return None
    return made


def _request(trace: SolvedTrace, program: Sketch | None) -> WritingRequest:
    task = quoted_text(masked(trace.task_prompt)[:_PROMPT_CHARS])[:_PROMPT_CHARS]
    if program is not None:
        work, ask = quoted_text("\n".join(program.lines)[:_WORK_CHARS])[:_WORK_CHARS], _ASK_WHEN
    else:
        work, ask = quoted_text(masked(trace.reasoning)[-_WORK_CHARS:])[-_WORK_CHARS:], _ASK_STEPS
    return WritingRequest(
        system=SYSTEM,
        prompt=f"{ask}\n\n<task>\n{task}\n</task>\n<solution>\n{work}\n</solution>",
        json_schema=_schema(steps=program is None),
        max_tokens=96 if program is not None else 220,
    )


def _schema(*, steps: bool) -> dict[str, Any]:
    title = {"type": "string", "maxLength": 80}
    when = {"type": "string", "maxLength": 200}
    if not steps:
        return schema(title=title, when=when)
    step = {"type": "string", "maxLength": 140}
    return schema(title=title, when=when, steps={"type": "array", "items": step, "minItems": 1, "maxItems": 4})


def _checked(reply: str, trace: SolvedTrace, program: Sketch | None, rejected: list[str]) -> dict[str, Any]:
    """The writer's fields that passed the lint; `steps` only if all of them did."""
    data = read_object(reply)
    if data is None:
        rejected.append("writer: did not reply with a JSON object")
        return {}
    good: dict[str, Any] = {}
    solution = "\n".join(program.lines) if program is not None else trace.reasoning
    for field in ("title", "when"):
        if _passes(field, data.get(field), trace, solution, rejected):
            good[field] = " ".join(data[field].split())
    if good and not _on_topic(" ".join(good.values()), trace.task_prompt):
        rejected.append("title: so general that it would come up for any task")
        good.clear()
    steps = data.get("steps") or []
    if isinstance(steps, list) and steps and all(_passes("step", step, trace, solution, rejected) for step in steps):
        good["steps"] = [" ".join(step.split()) for step in steps]
    return good


def _on_topic(text: str, prompt: str) -> bool:
    """Whether the text shares a content word with the task, endings aside."""
    stems = {word[:5] for word in content_words(prompt)}
    return any(word[:5] in stems for word in content_words(text) if len(word) > 3)


def _passes(field: str, text: Any, trace: SolvedTrace, solution: str, rejected: list[str]) -> bool:
    if not isinstance(text, str):
        rejected.append(f"{field}: is missing or not text")
        return False
    reasons = faults(text, trace.task_prompt, trace.answer, solution=solution)
    if len(text) > _LONGEST[field]:
        reasons.append("is too long")
    rejected.extend(f"{field}: {reason}" for reason in reasons)
    return not reasons


def _draft(
    trace: SolvedTrace, program: Sketch | None, written: dict[str, Any], rejected: list[str]
) -> ConceptDraft | None:
    if program is None and not {"title", "when", "steps"} <= written.keys():
        return None
    words = keywords(trace.task_prompt, trace.answer)
    title = written.get("title") or _plain_title(program, words)
    try:
        return ConceptDraft.parse(
            {
                "kind": "lesson" if program is None else "routine",
                "title": title,
                "cues": [written["when"]] if "when" in written else [],
                "implementation": distinct(written["steps"]) if program is None else program.lines,
                "parameters": program.parameters if program is not None else (),
                "output_typing": trace.kind,
                "keywords": words,
            }
        )
    except InvalidConcept as error:
        rejected.append(str(error))
        return None


def _plain_title(program: Sketch | None, words: list[str]) -> str:
    given = [parameter.name for parameter in program.parameters] if program is not None else []
    about = ", ".join(given[:3] or words[:3]) or "the values given"
    return f"Program that works with {about}"[:120]
