"""Distil: a solved task becomes a reusable concept, through a writer that the caller gives.

The method comes from what was checked, the words from a small model. A program that solved the task is
generalised on its syntax tree (`memory.sketch`); the writer is asked for a title and for when to use it, or,
without a program, for the steps too. It sees the task with telling numbers and names masked, and what it
writes is validated and linted (`memory.lint`) before it may become a draft.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from memory.concept import ConceptDraft, Provenance
from memory.errors import InvalidConcept
from memory.lint import constants, faults, is_instruction, masked, names
from memory.sketch import Sketch, sketch
from memory.words import content_words

SYSTEM = (
    "You write short notes that help to solve other tasks of the same kind. Describe the kind of task and the "
    "method in general words. Never mention names, numbers or the answer of the task you see. Reply in JSON."
)
_ASK_WHEN = (
    "title: name the method, 3 to 8 words. when: one sentence that says which tasks it solves, "
    "so that it is found for similar tasks."
)
_ASK_STEPS = _ASK_WHEN + " steps: 2 to 4 short general steps."
_PROMPT_CHARS, _WORK_CHARS = 900, 900
_KEYWORDS = 16


@dataclass(frozen=True)
class WritingRequest:
    """What a writer is asked: stable text first, then the task; the reply should match the JSON schema."""

    system: str
    prompt: str
    json_schema: dict[str, Any]
    max_tokens: int


class Writer(Protocol):
    """Text in, text out: usually one call of a language model. What it raises goes through to the caller."""

    async def __call__(self, request: WritingRequest) -> str:
        """The reply, as text."""
        ...


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
    if program is None and not trace.reasoning.strip():
        return Distilled((), (*rejected, "nothing to learn from: neither program nor reasoning"))
    written = _checked(await writer(_request(trace, program)), trace, rejected)
    draft = _draft(trace, program, written, rejected)
    return Distilled((draft,) if draft is not None else (), tuple(rejected))


def _sketch(trace: SolvedTrace, rejected: list[str]) -> Sketch | None:
    if not trace.program:
        return None
    made = sketch(trace.program, trace.task_prompt, trace.answer)
    if made is None:
        rejected.append("program: cannot be read, is too long, or keeps nothing once its task is taken out")
    elif any(map(is_instruction, made.lines)):
        rejected.append("program: carries text that reads as an instruction")
        return None
    return made


def _request(trace: SolvedTrace, program: Sketch | None) -> WritingRequest:
    task = masked(trace.task_prompt)[:_PROMPT_CHARS]
    if program is not None:
        work, ask = "\n".join(program.lines)[:_WORK_CHARS], _ASK_WHEN
    else:
        work, ask = masked(trace.reasoning)[-_WORK_CHARS:], _ASK_STEPS
    return WritingRequest(
        system=SYSTEM,
        prompt=f"{ask}\n\n<task>\n{task}\n</task>\n<solution>\n{work}\n</solution>",
        json_schema=_schema(steps=program is None),
        max_tokens=96 if program is not None else 220,
    )


def _schema(*, steps: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "title": {"type": "string", "maxLength": 80},
        "when": {"type": "string", "maxLength": 200},
    }
    if steps:
        step = {"type": "string", "maxLength": 140}
        properties["steps"] = {"type": "array", "items": step, "minItems": 1, "maxItems": 4}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _checked(reply: str, trace: SolvedTrace, rejected: list[str]) -> dict[str, Any]:
    """The writer's fields that passed the lint; `steps` only if all of them did."""
    found = re.search(r"\{.*\}", reply, re.DOTALL)
    try:
        data = json.loads(found.group()) if found else None
    except ValueError:
        data = None
    if not isinstance(data, dict):
        rejected.append("writer: did not reply with a JSON object")
        return {}
    good: dict[str, Any] = {}
    for field in ("title", "when"):
        if _passes(field, data.get(field), trace, rejected):
            good[field] = " ".join(data[field].split())
    if good and not _on_topic(" ".join(good.values()), trace.task_prompt):
        rejected.append("title: so general that it would come up for any task")
        good.clear()
    steps = data.get("steps") or []
    if isinstance(steps, list) and steps and all(_passes("step", step, trace, rejected) for step in steps):
        good["steps"] = [" ".join(step.split()) for step in steps]
    return good


def _on_topic(text: str, prompt: str) -> bool:
    """Whether the text shares a content word with the task, endings aside."""
    stems = {word[:5] for word in content_words(prompt)}
    return any(word[:5] in stems for word in content_words(text) if len(word) > 3)


def _passes(field: str, text: Any, trace: SolvedTrace, rejected: list[str]) -> bool:
    if not isinstance(text, str):
        rejected.append(f"{field}: is missing or not text")
        return False
    reasons = faults(text, trace.task_prompt, trace.answer)
    rejected.extend(f"{field}: {reason}" for reason in reasons)
    return not reasons


def _draft(
    trace: SolvedTrace, program: Sketch | None, written: dict[str, Any], rejected: list[str]
) -> ConceptDraft | None:
    if program is None and not {"title", "when", "steps"} <= written.keys():
        return None
    keywords = _keywords(trace)
    title = written.get("title") or _plain_title(program, keywords)
    try:
        return ConceptDraft.parse(
            {
                "kind": "lesson" if program is None else "routine",
                "title": title,
                "cues": [written["when"]] if "when" in written else [],
                "implementation": written["steps"] if program is None else program.lines,
                "parameters": program.parameters if program is not None else (),
                "output_typing": trace.kind,
                "keywords": keywords,
            }
        )
    except InvalidConcept as error:
        rejected.append(str(error))
        return None


def _plain_title(program: Sketch | None, keywords: list[str]) -> str:
    given = [parameter.name for parameter in program.parameters] if program is not None else []
    about = ", ".join(given[:3] or keywords[:3]) or "the values given"
    return f"Program that works with {about}"[:120]


def _keywords(trace: SolvedTrace) -> list[str]:
    """The task's most used content words, sorted: enough to find its kind again, too little to carry a sentence."""
    private = names(trace.task_prompt) | set(trace.answer.lower().split()) | constants(trace.task_prompt)
    words = [word for word in content_words(trace.task_prompt) if word.isalpha() and 3 <= len(word) <= 30]
    counted = Counter(word for word in words if word not in private)
    return sorted(word for word, _ in counted.most_common(_KEYWORDS))
