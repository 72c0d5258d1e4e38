"""Failure cases: a lesson from an approach that misled, kept as a pitfall.

Only what public evidence settled teaches something: a program failed on the task's worked examples, or with an error,
and a repaired one passed; or two routes disagreed and a third one settled it. The writer sees what misled and what was
right, both with the task's values masked, and says when that happens and what to do instead.
"""

from __future__ import annotations

from typing import Any

from pilotage.memory.learning.review import Distilled, Review, VerifiedTask, excerpt, task_excerpt
from pilotage.memory.learning.sketch import sketch
from pilotage.memory.learning.writer import Writer
from pilotage.memory.text.lint import keywords, masked
from pilotage.memory.text.prompt_injection import is_instruction

_SYSTEM = (
    "You write short warnings that help with other tasks of the same kind. Use general words. Never mention names, "
    "numbers or the answer of the task you see. Reply in JSON."
)
_ASK = (
    "One way to solve the task misled, another was right. when: the kind of task in which this happens, one sentence. "
    "wrong: what was wrong with the first way, one sentence. instead: what to do instead, one sentence."
)
_TASK_CHARS, _WORK_CHARS = 500, 500


class FailureCase(VerifiedTask):
    """An attempt that public evidence says misled, beside the one that it says was right."""

    misled: str
    right: str
    complaint: str = ""
    wrong_answer: str = ""


async def distil_failure(case: FailureCase, writer: Writer) -> Distilled:
    """A pitfall from a failure case; one call of the writer, none where the texts carry commands or tell nothing."""
    review = Review(case, case.right, case.wrong_answer)
    if any(map(is_instruction, (case.task_prompt, case.misled, case.right, case.complaint))):
        return review.reject("task: its texts read as an instruction to the agent, so nothing is learnt from it")
    misled, right = _work(case.misled, case), _work(case.right, case)
    if not misled or not right or misled == right:
        return review.reject("nothing to learn from: the two ways look the same")
    evidence = excerpt(masked(case.complaint), 200)
    texts = {"task": task_excerpt(case, _TASK_CHARS), "misled": misled, "evidence": evidence, "right": right}
    line: dict[str, Any] = {"type": "string", "maxLength": 160}
    data = await review.ask(writer, _SYSTEM, _ASK, 140, texts, when=line, wrong=line, instead=line)
    fields = {name: review.accept(name, data.get(name)) for name in ("when", "wrong", "instead") if data}
    if not fields or not all(fields.values()) or not review.is_on_topic("when", fields.values()):
        return review.reject()
    return review.draft(
        kind="lesson",
        title=fields["wrong"][:120].rstrip(". "),
        cues=[fields["when"]],
        implementation=[fields["instead"]],
        output_typing=case.kind,
        keywords=keywords(case.task_prompt, case.answer),
        pitfall=True,
    )


def _work(text: str, case: FailureCase) -> str:
    """A program as its sketch, anything else masked, short enough to show."""
    made = sketch(text, case.task_prompt, case.answer)
    work = "\n".join(made.lines) if made is not None else masked(text).strip()
    return excerpt(work, _WORK_CHARS, last=True)
