"""Importing: records into a ledger, all in one transaction or none.

What is slow, reading and embedding, happens first and into a scratch file, so memory stays constant and other writers
wait only while rows are written. Concepts keep their ids. What is stored already is never changed by an import.
"""

from __future__ import annotations

import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, get_args

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, or_, select

from pilotage.common.paths import expanded
from pilotage.memory.concept import Concept
from pilotage.memory.edits.events import ConceptChange, NewConcept, append_all, fields_of, insert_new
from pilotage.memory.errors import MalformedImport
from pilotage.memory.formats.arcmemo import Defect
from pilotage.memory.formats.exporting import check_form
from pilotage.memory.formats.records import Records, SourceFormat
from pilotage.memory.ledger.changes import flatten
from pilotage.memory.ledger.ledger import By
from pilotage.memory.ledger.schema import concepts, withdrawn_hash
from pilotage.memory.namespace import Namespace
from pilotage.memory.text.prompt_injection import held_back

_BATCH = 256
OnProgress = Callable[[int, int | None], None]
"""Called with how many records were prepared, and how many there are if the file says so."""


@dataclass(frozen=True)
class Conflict:
    """A concept that was not imported because its id already stands for other content."""

    where: str
    id: str
    title: str


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        added: concepts that are new here.
        unchanged: those that were here already, under the same id.
        duplicates: those whose content was here already under another id.
        renamed: how many of the added got a new id, because another namespace uses theirs.
        conflicts: those that were left out because their id has other content here.
        defects: what could not be read as it stood.
        held_back: what reads as a command to a model: imported, and never shown to one.
    """

    added: int = 0
    unchanged: int = 0
    duplicates: int = 0
    renamed: int = 0
    conflicts: tuple[Conflict, ...] = ()
    defects: tuple[Defect, ...] = ()
    held_back: tuple[Defect, ...] = ()


def import_concepts(
    space: Namespace,
    source: str | Path | IO[bytes],
    by: By,
    *,
    form: SourceFormat,
    skip_bad: bool,
    on_progress: OnProgress | None,
) -> ImportReport:
    """Read, embed, then write; `ConceptStore.import_` documents it."""
    check_form(form, get_args(SourceFormat))
    space.ledger.require_writable()
    with ExitStack() as stack:
        if isinstance(source, (str, Path)):
            records = Records(stack.enter_context(expanded(source).open("rb")), str(source), form, skip_bad)
        else:
            records = Records(source, str(getattr(source, "name", "the input")), form, skip_bad)
        scratch = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
        held: list[Defect] = []
        prepared = _prepare(space, records, scratch, held, on_progress)
        if not prepared and records.total != 0:
            why = f" (the last of {len(records.defects)} defects: {records.defects[-1]})" if records.defects else ""
            raise MalformedImport(f"{records.name} holds no concept that can be read{why}: nothing was imported")
        scratch.seek(0)
        report = _write(space, scratch, by) if prepared else ImportReport()
    return replace(report, defects=tuple(records.defects), held_back=tuple(held))


class _Prepared(BaseModel):
    """A record ready to be written: a line of the scratch file."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    where: str
    concept: Concept
    content: str
    vector: bytes | None = None


def _prepare(
    space: Namespace, records: Records, scratch: IO[str], held: list[Defect], on_progress: OnProgress | None
) -> int:
    """Every record with its vector into the scratch file; those that are here already need none."""
    done = 0
    stream = iter(records)
    while batch := list(islice(stream, _BATCH)):
        held += [Defect(record.where, str(part)) for record in batch for part in held_back(record.concept)]
        mine = [(record.where, record.concept.model_copy(update={"namespace": space.name})) for record in batch]
        lines = [_Prepared(where=where, concept=one, content=one.content_hash) for where, one in mine]
        with space.ledger.read() as connection:
            known = _Known(connection, space.name, lines)
        new = [line for line in lines if line.content not in known.contents]
        made = space.vectors.embed([line.concept.search_text for line in new])
        for line, vector in zip(new, made, strict=True):
            line.vector = vector.tobytes()
        scratch.writelines(f"{line.model_dump_json()}\n" for line in lines)
        done += len(batch)
        if on_progress is not None:
            on_progress(done, records.total)
    return done


def _write(space: Namespace, scratch: IO[str], by: By) -> ImportReport:
    counts: Counter[str] = Counter()
    conflicts: list[Conflict] = []
    with space.ledger.write() as connection:
        space.vectors.claim(connection)
        prepared = map(_Prepared.model_validate_json, scratch)
        while batch := list(islice(prepared, _BATCH)):
            known = _Known(connection, space.name, batch)
            withdrawn = frozenset(known.withdrawn)
            new: list[NewConcept] = []
            for one in batch:
                id = one.concept.id
                there = None if id in known.withdrawn else known.content_of.get(id)
                if there == one.content:
                    counts["unchanged"] += 1
                elif there is not None:
                    conflicts.append(Conflict(one.where, id, one.concept.title))
                elif one.content in known.contents:
                    counts["duplicates"] += 1
                else:
                    new.append(_new_concept(space, one, known, counts))
            insert_new(space, connection, [one for one in new if one.concept.id not in withdrawn], by)
            _bring_back(space, connection, [one for one in new if one.concept.id in withdrawn], by)
    added, unchanged = counts["added"], counts["unchanged"]
    return ImportReport(added, unchanged, counts["duplicates"], counts["renamed"], tuple(conflicts))


def _new_concept(space: Namespace, one: _Prepared, known: _Known, counts: Counter[str]) -> NewConcept:
    concept, vector = one.concept, one.vector
    if concept.id in known.foreign:
        concept = concept.model_copy(update={"id": secrets.token_hex(8)})
        counts["renamed"] += 1
    if vector is None:  # it was here when it was read, and has been revised since
        vector = space.vectors.embed([concept.search_text])[0].tobytes()
    known.content_of[concept.id] = one.content
    known.contents.add(one.content)
    known.withdrawn.discard(concept.id)
    counts["added"] += 1
    return NewConcept(concept, one.content, vector)


def _bring_back(space: Namespace, connection: Connection, withdrawn: Sequence[NewConcept], by: By) -> None:
    """Concepts whose adding was undone, as the file has them."""
    before = fields_of(connection, [one.concept.id for one in withdrawn])
    steps = []
    for one in withdrawn:
        after = flatten(one.concept, withdrawn=False)
        steps.append(
            ConceptChange.between("restored", before[one.concept.id], after, one.concept.model_dump(mode="json"))
        )
    append_all(space, connection, steps, by)
    space.vectors.put(connection, {one.concept.id: one.vector for one in withdrawn})


class _Known:
    """What the ledger has of some concepts.

    Attributes:
        content_of: content hash by id.
        contents: all of these hashes.
        withdrawn: ids whose adding was undone.
        foreign: ids of other namespaces.
    """

    def __init__(self, connection: Connection, namespace: str, asked: Sequence[_Prepared]) -> None:
        ids, hashes = [one.concept.id for one in asked], [one.content for one in asked]
        same = (concepts.c.namespace == namespace) & concepts.c.content_hash.in_(hashes)
        query = select(concepts.c.id, concepts.c.namespace, concepts.c.content_hash)
        rows = connection.execute(query.where(or_(concepts.c.id.in_(ids), same))).all()
        self.content_of = {row.id: row.content_hash for row in rows if row.namespace == namespace}
        self.contents = set(self.content_of.values())
        self.withdrawn = {id for id, content in self.content_of.items() if content == withdrawn_hash(id)}
        self.foreign = {row.id for row in rows if row.namespace != namespace}
