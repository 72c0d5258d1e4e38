"""Reconcile: bring a draft into the store beside what is stored already, without ever overwriting in silence.

ArcMemo lets a writer reuse, extend or create (arXiv 2509.04439, section 3). Here the verdict is typed. `new` is added.
`duplicate` counts that the stored concept was proposed again. `extends` revises it, unless somebody else revised it
meanwhile. `contradicts` keeps both: the new one as provisional, with both marked in their history, and outcomes tell
which of them is right.

Most verdicts are found on the text, without asking anybody. Only where a stored concept is near and that leaves doubt,
a writer chooses, from a numbered shortlist; what it replies is checked, and what cannot be read means `new`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Unpack, get_args

from pilotage.memory.concept import Concept, ConceptDraft, Provenance, Status
from pilotage.memory.errors import ConceptStoreError, InvalidConcept, StaleConcept, UnknownConcept
from pilotage.memory.learning.writer import Writer, ask
from pilotage.memory.ledger.ledger import Attribution
from pilotage.memory.search.recall import Hit
from pilotage.memory.text.programs import is_program, same_method
from pilotage.memory.text.quoting import quoted
from pilotage.memory.text.same_text import distinct, says_the_same

if TYPE_CHECKING:
    from pilotage.memory.store import ConceptStore

Verdict = Literal["new", "extends", "duplicate", "contradicts"]

DOUBT = 0.7
"""Cosine from which on a writer is asked. A judgement: with MiniLM, tasks of other families lie below 0.5 three times
in four, so above 0.7 two concepts are about the same kind of task."""
_RELATED = 0.5  # cosine from which on the same program means the same method, not a common line of arithmetic
_NEAR, _SHOWN = 5, 3  # concepts that are compared, and of which a writer sees some
_NOTE_CHARS = 300
_MOST_CUES, _MOST_PARAMETERS, _MOST_KEYWORDS, _MOST_STEPS = 8, 12, 32, 8

_SYSTEM = "You keep a notebook of methods without repeats. Compare the new note with the numbered ones. Reply in JSON."
_ASK = (
    "verdict: 'duplicate' if a numbered note says the same, 'extends' if it is the same method for more tasks, "
    "'contradicts' if it advises the opposite for the same tasks, else 'new'. note: its number, 0 for 'new'."
)


@dataclass(frozen=True)
class Comparison:
    """What a draft is, which stored concept that refers to (None for `new`), and why."""

    verdict: Verdict
    target: str | None = None
    why: str = ""


@dataclass(frozen=True)
class Reconciled:
    """What became of a draft: the concept that holds it now, and the verdict that led there."""

    id: str
    title: str
    verdict: Verdict
    why: str


async def reconcile(
    store: ConceptStore,
    draft: ConceptDraft,
    writer: Writer | None = None,
    *,
    provenance: Provenance | None = None,
    status: Status = "provisional",
    doubt: float = DOUBT,
    **by: Unpack[Attribution],
) -> Reconciled:
    """Looks up the nearest concepts, compares, and writes; the store is used in a thread.

    See `ConceptStore.propose` for what is not said here, and `compare` for the writer and `doubt`. The actor is
    `distil` unless one is named.
    """
    near = await asyncio.to_thread(store.search, draft.search_text, _NEAR)
    comparison = await compare(draft, near, writer, doubt=doubt)
    who: Attribution = {"actor": "distil", **by}
    return await asyncio.to_thread(_carry_out, store, draft, comparison, near, provenance, status, who)


async def compare(
    draft: ConceptDraft, near: Sequence[Hit], writer: Writer | None = None, *, doubt: float = DOUBT
) -> Comparison:
    """What a draft is beside the nearest stored concepts.

    From a cosine of `doubt` on the writer is asked; without one, what is in doubt is taken for new.
    """
    certain = compare_texts(draft, near)
    if certain is not None:
        return certain
    doubtful = [hit.concept for hit in _by_similarity(near) if hit.similarity >= doubt][:_SHOWN]
    if not doubtful:
        return Comparison("new", why="nothing stored is near")
    if writer is None:
        return Comparison("new", why="nothing stored says the same")
    notes = "\n".join(f"{number}. {_shown(concept)}" for number, concept in enumerate(doubtful, start=1))
    data = await ask(
        writer,
        _SYSTEM,
        f"{_ASK}\n\n<notes>\n{notes}\n</notes>\n<new>\n{_shown(draft)}\n</new>",
        24,
        verdict={"type": "string", "enum": list(get_args(Verdict))},
        note={"type": "integer", "enum": list(range(len(doubtful) + 1))},
    )
    return _read(data, doubtful)


def compare_texts(draft: ConceptDraft, near: Sequence[Hit]) -> Comparison | None:
    """What can be told without judgement: the same words, or the same program under other names; else None."""
    for hit in _by_similarity(near):
        concept = hit.concept
        if says_the_same(draft, concept):
            return Comparison("duplicate", concept.id, "the same text")
        if hit.similarity >= _RELATED and same_method(draft, concept):
            changes = extension(concept, draft)
            verdict: Verdict = "extends" if set(changes) - {"keywords"} else "duplicate"
            return Comparison(verdict, concept.id, "the same program under other names")
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


def _read(data: dict[str, Any] | None, concepts: Sequence[Concept]) -> Comparison:
    if data is None:
        return Comparison("new", why="the writer's verdict could not be read")
    verdict: Any = data.get("verdict")
    note: Any = data.get("note")
    if verdict == "new":
        return Comparison("new", why="the writer says so")
    if verdict not in get_args(Verdict) or type(note) is not int or not 1 <= note <= len(concepts):
        return Comparison("new", why="the writer decided on something that was not on the list")
    return Comparison(verdict, concepts[note - 1].id, "the writer says so")


def _shown(draft: ConceptDraft) -> str:
    """Title, cues and steps in one line, as far as there is room: enough to compare, too little to follow."""
    text = "; ".join((draft.title, *draft.cues, *(line.strip() for line in draft.implementation)))
    return " ".join(quoted(text).split())[:_NOTE_CHARS]


def _by_similarity(near: Sequence[Hit]) -> list[Hit]:
    return sorted(near, key=lambda hit: -hit.similarity)


def _carry_out(
    store: ConceptStore,
    draft: ConceptDraft,
    comparison: Comparison,
    near: Sequence[Hit],
    provenance: Provenance | None,
    status: Status,
    by: Attribution,
) -> Reconciled:
    target, why = comparison.target, comparison.why

    def add(why: str) -> Reconciled:
        (made,) = store.propose([draft], provenance=provenance, status=status, **by)
        title = store.get(made.id).title
        if made.outcome != "added":  # stored, but not among the nearest, or stored meanwhile
            return Reconciled(made.id, title, "duplicate", "the same text")
        return Reconciled(made.id, title, "new", why)

    if target is None or comparison.verdict == "new":
        return add(why)
    if comparison.verdict == "contradicts":
        by = {**by, "cause": f"{by.get('cause', '')} contradicts {target}".strip()}
        id = store.add(draft, provenance=provenance, **by)
        if id != target:
            try:
                store.dispute(id, target, **by)
            except ConceptStoreError as error:
                why = f"{why}; could not be marked: {error}"
        return Reconciled(id, store.get(id).title, "contradicts", why)
    if comparison.verdict == "extends":
        version = next((hit.concept.version for hit in near if hit.concept.id == target), None)
        try:
            concept = store.get(target)
            if status == "provisional" and concept.status == "trusted":
                return add(f"'{target}' is trusted, and nothing supports this yet")
            if changes := extension(concept, draft):
                store.revise(target, changes, expected_version=version, **by)
        except (StaleConcept, UnknownConcept, InvalidConcept) as error:
            # Somebody else was faster, or the two do not fit into one: then the draft stands for itself.
            return add(f"could not extend '{target}': {error}")
    try:
        id = store.repeat(target, draft, provenance=provenance, status=status, **by)
    except UnknownConcept as error:
        return add(f"could not repeat '{target}': {error}")
    return Reconciled(id, store.get(id).title, comparison.verdict, why)
