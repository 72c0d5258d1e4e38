"""Decide: what a draft is beside the concepts that are stored already: new, wider, the same, or opposed.

ArcMemo lets a writer reuse, extend or create (arXiv 2509.04439, section 3). Here the decision is typed. Most are made
on the text, without asking anybody. Only where a stored concept is near and that leaves doubt, a writer chooses, from a
numbered shortlist; what it replies is checked, and what cannot be read means `new`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pilotage.memory.concept import Concept, ConceptDraft
from pilotage.memory.learning.writer import Writer, WritingRequest, read_object, schema
from pilotage.memory.search.recall import Hit
from pilotage.memory.text.programs import is_program, same_method
from pilotage.memory.text.quoting import quoted
from pilotage.memory.text.same_text import distinct, says_the_same

Verdict = Literal["new", "extends", "duplicate", "contradicts"]

DOUBT = 0.7
"""Cosine from which on a writer is asked. A judgement: with MiniLM, tasks of other families lie below 0.5 three times
in four, so above 0.7 two concepts are about the same kind of task."""
_RELATED = 0.5  # cosine from which on the same program means the same method, not a common line of arithmetic
_SHOWN = 3
_NOTE_CHARS = 300
_MOST_CUES, _MOST_PARAMETERS, _MOST_KEYWORDS, _MOST_STEPS = 8, 12, 32, 8

_SYSTEM = "You keep a notebook of methods without repeats. Compare the new note with the numbered ones. Reply in JSON."
_ASK = (
    "verdict: 'duplicate' if a numbered note says the same, 'extends' if it is the same method for more tasks, "
    "'contradicts' if it advises the opposite for the same tasks, else 'new'. note: its number, 0 for 'new'."
)


@dataclass(frozen=True)
class Decision:
    """What a draft is, which stored concept that refers to (None for `new`), and why."""

    verdict: Verdict
    target: str | None = None
    why: str = ""


async def decide(
    draft: ConceptDraft, near: Sequence[Hit], writer: Writer | None = None, *, doubt: float = DOUBT
) -> Decision:
    """What to do with a draft.

    Args:
        draft: what is proposed.
        near: the nearest stored concepts.
        writer: asked in doubt; None takes what is in doubt for new.
        doubt: cosine from which on there is doubt.
    """
    settled = decide_by_text(draft, near)
    if settled is not None:
        return settled
    doubtful = [hit.concept for hit in _by_similarity(near) if hit.similarity >= doubt][:_SHOWN]
    if not doubtful:
        return Decision("new", why="nothing stored is near")
    if writer is None:
        return Decision("new", why="nothing stored says the same")
    return _read(await writer(_request(draft, doubtful)), doubtful)


def decide_by_text(draft: ConceptDraft, near: Sequence[Hit]) -> Decision | None:
    """What can be told without judgement: the same words, or the same program under other names; else None."""
    for hit in _by_similarity(near):
        concept = hit.concept
        if says_the_same(draft, concept):
            return Decision("duplicate", concept.id, "the same text")
        if hit.similarity >= _RELATED and same_method(draft, concept):
            changes = extension(concept, draft)
            verdict: Verdict = "extends" if set(changes) - {"keywords"} else "duplicate"
            return Decision(verdict, concept.id, "the same program under other names")
    return None


def extension(concept: Concept, draft: ConceptDraft) -> dict[str, Any]:
    """Changes by which a concept takes up what a draft adds; empty where it adds nothing.

    Cues, keywords and parameters are joined. Notes that have shown themselves stay: a program is replaced by a shorter
    one, and steps are joined, only while outcomes do not speak for them. The title stays, since runs refer to it.
    """
    alike = same_method(draft, concept)
    known = {parameter.name for parameter in concept.parameters}
    fresh = tuple(parameter for parameter in draft.parameters if parameter.name not in known)
    room = max(0, _MOST_PARAMETERS - len(concept.parameters))
    # The same program under other names needs no second set of them.
    parameters = concept.parameters if alike else (*concept.parameters, *fresh[:room])
    after: dict[str, Any] = {
        "cues": distinct((*concept.cues, *draft.cues))[: max(_MOST_CUES, len(concept.cues))],
        "implementation": concept.implementation if alike else _notes(concept, draft),
        "description": concept.description or draft.description,
        "output_typing": concept.output_typing or draft.output_typing,
        "parameters": parameters,
        "keywords": tuple(sorted({*concept.keywords, *draft.keywords})[:_MOST_KEYWORDS]),
    }
    return {field: value for field, value in after.items() if value != getattr(concept, field)}


def _notes(concept: Concept, draft: ConceptDraft) -> tuple[str, ...]:
    mine, theirs = concept.implementation, draft.implementation
    if not mine or not theirs:
        return mine or theirs
    proven = concept.outcomes.helped > concept.outcomes.harmed
    if is_program(mine):
        shorter = is_program(theirs) and sum(map(len, theirs)) < sum(map(len, mine))
        return theirs if shorter and not proven and concept.status != "trusted" else mine
    return mine if proven or is_program(theirs) else distinct((*mine, *theirs))[: max(_MOST_STEPS, len(mine))]


def _request(draft: ConceptDraft, concepts: Sequence[Concept]) -> WritingRequest:
    notes = "\n".join(f"{number}. {_shown(concept)}" for number, concept in enumerate(concepts, start=1))
    return WritingRequest(
        system=_SYSTEM,
        prompt=f"{_ASK}\n\n<notes>\n{notes}\n</notes>\n<new>\n{_shown(draft)}\n</new>",
        json_schema=schema(
            verdict={"type": "string", "enum": list(get_args(Verdict))},
            note={"type": "integer", "enum": list(range(len(concepts) + 1))},
        ),
        max_tokens=24,
    )


def _read(reply: str, concepts: Sequence[Concept]) -> Decision:
    data = read_object(reply)
    if data is None:
        return Decision("new", why="the writer's decision could not be read")
    verdict: Any = data.get("verdict")
    note: Any = data.get("note")
    if verdict == "new":
        return Decision("new", why="the writer says so")
    if verdict not in get_args(Verdict) or type(note) is not int or not 1 <= note <= len(concepts):
        return Decision("new", why="the writer decided on something that was not on the list")
    return Decision(verdict, concepts[note - 1].id, "the writer says so")


def _shown(draft: ConceptDraft) -> str:
    """Title, cues and steps in one line, as far as there is room: enough to compare, too little to follow."""
    text = "; ".join((draft.title, *draft.cues, *(line.strip() for line in draft.implementation)))
    return " ".join(quoted(text).split())[:_NOTE_CHARS]


def _by_similarity(near: Sequence[Hit]) -> list[Hit]:
    return sorted(near, key=lambda hit: -hit.similarity)
