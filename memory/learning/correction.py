"""Corrections: a lesson from what somebody says of an answer that was wrong.

Their word is no evidence: the lesson goes through the checks of every other, and its draft is stored as provisional.
"""

from __future__ import annotations

import re

from pilotage.memory.learning.review import Distilled, Review, VerifiedTask
from pilotage.memory.text.lint import keywords
from pilotage.memory.text.prompt_injection import is_instruction

LONGEST = 4000
"""Characters of a correction."""
_STEP, _STEPS = 300, 12
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")


def correction_lesson(text: str) -> Distilled:
    """A lesson with the sentences of a correction as its steps; none where it reads as a command to a model."""
    review = Review(VerifiedTask(task_id="", task_prompt="", answer="", verified_by=""))
    if len(text) > LONGEST:
        return review.reject(f"correction: is longer than {LONGEST} characters")
    if is_instruction(text):
        return review.reject("correction: reads as an instruction to the agent, so nothing is learnt from it")
    sentences = [one for one in map(str.strip, _SENTENCES.split(text)) if one][:_STEPS]
    steps = [step for one in sentences if (step := review.accept("correction", one, _STEP))]
    if not steps:
        return review.reject("correction: has no sentence that a lesson may hold")
    return review.draft(
        kind="lesson",
        title=steps[0][:120].rstrip(". "),
        cues=[steps[0]],
        implementation=steps,
        keywords=keywords(text, ""),
        pitfall=True,
    )
