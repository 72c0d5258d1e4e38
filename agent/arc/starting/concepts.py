"""Starting concepts: what a memory for puzzles may begin with, written for this project and learned from no puzzle."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilotage.memory.concept import ConceptDraft, Provenance

if TYPE_CHECKING:
    from pilotage.memory import ConceptStore

FILE = Path(__file__).with_name("concepts.toml")
RUN = "starting-concepts-1"
"""Run of the history by which they came in, and can be taken back as a whole: the number is the file's version."""
CAUSE = "shipped with pilotage, learned from no puzzle"
SUBTYPE = "grid"


@cache
def shipped() -> tuple[ConceptDraft, ...]:
    """The concepts of the file, in its order. Notes stand above a helper as remarks, so that both are one program."""
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))["concept"]
    return tuple(map(_draft, tables))


def _draft(table: dict[str, Any]) -> ConceptDraft:
    notes, helper = table.pop("notes", []), table.pop("helper", "").strip()
    lines = [*(f"# {note}" for note in notes), *helper.splitlines()] if helper else notes
    found_by = sorted(table.pop("found_by"))
    return ConceptDraft.parse({"subtype": SUBTYPE, **table, "implementation": lines, "keywords": found_by})


def begin_with(store: ConceptStore) -> int:
    """Gives a memory in which nothing ever happened the shipped concepts; how many it got.

    One that holds or held anything is left as it is: what somebody has taken out does not come back by itself.
    """
    return 0 if store.events(1) else give(store)


def give(store: ConceptStore) -> int:
    """Adds the shipped concepts in one transaction, on trial as all that no evidence backs; how many were new.

    None where this was done before, even if it was taken back since.
    """
    if store.events(1, run=RUN):
        return 0
    origin = Provenance(model=CAUSE)
    made = store.propose(shipped(), provenance=origin, actor="pilotage", cause=CAUSE, run=RUN)
    return sum(one.outcome == "added" for one in made)
