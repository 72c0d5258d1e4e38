"""Importing: records into a ledger, all in one transaction or none.

What is slow, reading and embedding, happens first and into a scratch file, so memory stays constant and other writers
wait only while rows are written. Concepts keep their ids. What is stored already is never changed by an import.
"""

from __future__ import annotations

import base64
import json
import secrets
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, or_, select

from pilotage.common.paths import expanded
from pilotage.memory.concept import Concept
from pilotage.memory.edits.events import NewConcept, Step, append_all, fields_of, insert_new
from pilotage.memory.errors import MalformedImport
from pilotage.memory.formats.arcmemo import Defect
from pilotage.memory.formats.records import Record, Records, SourceFormat
from pilotage.memory.ledger.changes import flatten
from pilotage.memory.ledger.ledger import By
from pilotage.memory.ledger.schema import concepts, withdrawn_hash
from pilotage.memory.search.namespace import Namespace
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


@dataclass
class _Tally:
    added: int = 0
    unchanged: int = 0
    duplicates: int = 0
    renamed: int = 0
    conflicts: list[Conflict] = field(default_factory=list)


class Importer:
    """Imports into one namespace; `ConceptStore.import_` documents what it means to a caller."""

    def __init__(self, space: Namespace) -> None:
        self._space = space

    def run(
        self,
        source: str | Path | IO[bytes],
        *,
        form: SourceFormat,
        skip_bad: bool,
        by: By,
        on_progress: OnProgress | None,
    ) -> ImportReport:
        """Read, embed, then write."""
        with ExitStack() as stack:
            if isinstance(source, (str, Path)):
                records = Records(stack.enter_context(expanded(source).open("rb")), str(source), form, skip_bad)
            else:
                records = Records(source, str(getattr(source, "name", "the input")), form, skip_bad)
            scratch = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
            held: list[Defect] = []
            prepared = self._prepare(records, scratch, held, on_progress)
            if not prepared and records.total != 0:
                raise MalformedImport(_nothing(records))
            scratch.seek(0)
            tally = self._write(scratch, by) if prepared else _Tally()
        return ImportReport(
            tally.added,
            tally.unchanged,
            tally.duplicates,
            tally.renamed,
            tuple(tally.conflicts),
            tuple(records.defects),
            tuple(held),
        )

    def _prepare(self, records: Records, scratch: IO[str], held: list[Defect], on_progress: OnProgress | None) -> int:
        """Every record with its vector into the scratch file; those that are here already need none."""
        done = 0
        stream = iter(records)
        while batch := list(islice(stream, _BATCH)):
            mine = [_Prepared.of(record, self._space.name) for record in batch]
            held += [Defect(record.where, str(part)) for record in batch for part in held_back(record.concept)]
            with self._space.ledger.read() as connection:
                known = _Known(connection, self._space.name, mine)
            new = [one for one in mine if not known.has(one.content)]
            made = self._space.vectors.embed([one.concept.search_text for one in new])
            vectors = {one.concept.id: vector.tobytes() for one, vector in zip(new, made, strict=True)}
            for one in mine:
                scratch.write(one.line(vectors.get(one.concept.id)))
            done += len(batch)
            if on_progress is not None:
                on_progress(done, records.total)
        return done

    def _write(self, scratch: IO[str], by: By) -> _Tally:
        tally = _Tally()
        with self._space.ledger.write() as connection:
            self._space.vectors.claim(connection)
            prepared = map(_Prepared.read, scratch)
            while batch := list(islice(prepared, _BATCH)):
                known = _Known(connection, self._space.name, batch)
                placed = [new for one in batch if (new := self._place(one, known, tally)) is not None]
                added = [new for new in placed if new.concept.id not in known.withdrawn]
                insert_new(self._space, connection, added, by)
                self._bring_back(connection, [new for new in placed if new.concept.id in known.withdrawn], by)
        return tally

    def _bring_back(self, connection: Connection, withdrawn: Sequence[NewConcept], by: By) -> None:
        """Concepts whose adding was undone, as the file has them."""
        before = fields_of(connection, [one.concept.id for one in withdrawn])
        after = {one.concept.id: flatten(one.concept, withdrawn=False) for one in withdrawn}
        steps = [
            Step.between("restored", before[one.concept.id], after[one.concept.id], one.concept.model_dump(mode="json"))
            for one in withdrawn
        ]
        append_all(self._space, connection, steps, by)
        made = {one.concept.id: one.vector for one in withdrawn}
        self._space.ledger.put_vectors(connection, self._space.vectors.identity.key, made)

    def _place(self, one: _Prepared, known: _Known, tally: _Tally) -> NewConcept | None:
        """What has to be written for one record: nothing if it is here already."""
        concept = one.concept
        withdrawn = known.is_withdrawn(concept.id)
        there = None if withdrawn else known.content_of(concept.id)
        if there == one.content:
            tally.unchanged += 1
        elif there is not None:
            tally.conflicts.append(Conflict(one.where, concept.id, concept.title))
        elif known.has(one.content):
            tally.duplicates += 1
        else:
            if known.is_taken(concept.id):
                concept = concept.model_copy(update={"id": secrets.token_hex(8)})
                tally.renamed += 1
            vector = one.vector
            if vector is None:  # it was here when it was read, and has been revised since
                vector = self._space.vectors.embed([concept.search_text])[0].tobytes()
            known.note(concept.id, one.content)
            tally.added += 1
            return NewConcept(concept, one.content, vector)
        return None


def _nothing(records: Records) -> str:
    why = f" (the last of {len(records.defects)} defects: {records.defects[-1]})" if records.defects else ""
    return f"{records.name} holds no concept that can be read{why}: nothing was imported"


@dataclass(frozen=True)
class _Prepared:
    """A record ready to be written: a line of the scratch file."""

    where: str
    concept: Concept
    content: str
    vector: bytes | None = None

    @classmethod
    def of(cls, record: Record, namespace: str) -> _Prepared:
        concept = record.concept.model_copy(update={"namespace": namespace})
        return cls(record.where, concept, concept.content_hash)

    def line(self, vector: bytes | None) -> str:
        coded = None if vector is None else base64.b64encode(vector).decode()
        return json.dumps([self.where, self.concept.model_dump_json(), self.content, coded]) + "\n"

    @classmethod
    def read(cls, line: str) -> _Prepared:
        where, concept, content, coded = json.loads(line)
        vector = None if coded is None else base64.b64decode(coded)
        return cls(where, Concept.model_validate_json(concept), content, vector)


class _Known:
    """Which ids and contents of some concepts the ledger has; `withdrawn` are those that it had withdrawn at first."""

    def __init__(self, connection: Connection, namespace: str, asked: Sequence[_Prepared]) -> None:
        mine = concepts.c.namespace == namespace
        ids, hashes = [one.concept.id for one in asked], [one.content for one in asked]
        rows = connection.execute(
            select(concepts.c.id, concepts.c.namespace, concepts.c.content_hash).where(
                or_(concepts.c.id.in_(ids), mine & concepts.c.content_hash.in_(hashes))
            )
        ).all()
        self._mine = {row.id: row.content_hash for row in rows if row.namespace == namespace}
        self._contents = set(self._mine.values())
        self.withdrawn = frozenset(id for id, content in self._mine.items() if content == withdrawn_hash(id))
        self._foreign = {row.id for row in rows if row.namespace != namespace}

    def content_of(self, id: str) -> str | None:
        return self._mine.get(id)

    def has(self, content: str) -> bool:
        return content in self._contents

    def is_withdrawn(self, id: str) -> bool:
        return self._mine.get(id) == withdrawn_hash(id)

    def is_taken(self, id: str) -> bool:
        return id in self._foreign

    def note(self, id: str, content: str) -> None:
        self._mine[id] = content
        self._contents.add(content)
