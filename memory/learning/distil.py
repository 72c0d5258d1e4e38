"""Distil: a solved task becomes a reusable concept, through a writer that the caller gives.

The method comes from what was checked, the words from a small model. A program that solved the task is generalised on
its syntax tree (`pilotage.memory.learning.sketch`); the writer is asked for a title and for when to use it, or, without
a program, for the steps too. It sees the task with telling numbers and names masked, and what it writes is validated
and linted (`pilotage.memory.text.lint`) before it may become a draft.
"""

from __future__ import annotations

import re
from typing import Any

from pilotage.memory.learning.review import Distilled, Review, VerifiedTask, excerpt, task_excerpt
from pilotage.memory.learning.sketch import Sketch, sketch
from pilotage.memory.learning.writer import Writer
from pilotage.memory.text.lint import keywords, masked
from pilotage.memory.text.prompt_injection import is_instruction
from pilotage.memory.text.same_text import distinct

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
_PLACEHOLDER = re.compile(r"(?:value|text|item|[a-z])(?:_?\d+)?")  # a parameter whose name says nothing
_PROMPT_CHARS, _WORK_CHARS = 900, 900


class SolvedTrace(VerifiedTask):
    """A task that public evidence says was solved: by a program, or by reasoning."""

    program: str | None = None
    reasoning: str = ""


async def distil(trace: SolvedTrace, writer: Writer) -> Distilled:
    """One concept from a solved task, or none when nothing fit to keep is left.

    A program survives a bad writer: then it gets a plain title made from its parameters.
    """
    review = Review(trace)
    if is_instruction(trace.task_prompt):  # whatever it taught, the text may have steered
        return review.reject("task: its text reads as an instruction to the agent, so nothing is learnt from it")
    program = _sketch(trace, review.rejected)
    if program is None and is_instruction(trace.reasoning):
        return review.reject("reasoning: carries text that reads as an instruction")
    if program is None and not trace.reasoning.strip():
        return review.reject("nothing to learn from: neither program nor reasoning")
    review.solution = "\n".join(program.lines) if program is not None else trace.reasoning
    written = _checked(await _written(trace, program, writer, review), review)
    return _drafted(trace, program, written, review)


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


async def _written(trace: SolvedTrace, program: Sketch | None, writer: Writer, review: Review) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "title": {"type": "string", "maxLength": 80},
        "when": {"type": "string", "maxLength": 200},
    }
    if program is not None:
        request, work, max_tokens = _ASK_WHEN, excerpt("\n".join(program.lines), _WORK_CHARS), 96
    else:
        request, work, max_tokens = _ASK_STEPS, excerpt(masked(trace.reasoning), _WORK_CHARS, last=True), 220
        step = {"type": "string", "maxLength": 140}
        fields["steps"] = {"type": "array", "items": step, "minItems": 1, "maxItems": 4}
    texts = {"task": task_excerpt(trace, _PROMPT_CHARS), "solution": work}
    return await review.ask(writer, SYSTEM, request, max_tokens, texts, **fields)


def _checked(data: dict[str, Any], review: Review) -> dict[str, Any]:
    """The writer's fields that passed; `steps` only if all of them did."""
    if not data:
        return {}
    accepted = {name: review.accept(name, data.get(name), _LONGEST[name]) for name in ("title", "when")}
    written: dict[str, Any] = {name: text for name, text in accepted.items() if text}
    if written and not review.is_on_topic("title", written.values()):
        written.clear()
    steps = data.get("steps")
    if isinstance(steps, list) and steps:
        lines = []
        for step in steps:
            lines.append(review.accept("step", step, _LONGEST["step"]))
            if not lines[-1]:
                return written
        written["steps"] = lines
    return written


def _drafted(trace: SolvedTrace, program: Sketch | None, written: dict[str, Any], review: Review) -> Distilled:
    if program is None and not {"title", "when", "steps"} <= written.keys():
        return review.reject()
    words = keywords(trace.task_prompt, trace.answer)
    return review.draft(
        kind="lesson" if program is None else "routine",
        title=written.get("title") or _plain_title(program, words),
        cues=[written["when"]] if "when" in written else [],
        implementation=distinct(written["steps"]) if program is None else program.lines,
        parameters=program.parameters if program is not None else (),
        output_typing=trace.kind,
        keywords=words,
    )


def _plain_title(program: Sketch | None, words: list[str]) -> str:
    names = [parameter.name for parameter in program.parameters] if program is not None else []
    telling = [name for name in names if not _PLACEHOLDER.fullmatch(name)]
    about = ", ".join(telling[:3] or words[:3]) or "the values given"
    return f"Program that works with {about}"[:120]
