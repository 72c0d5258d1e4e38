"""Records of an import file: each concept with its place, from JSON Lines as a stream or from an ArcMemo document."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

from pilotage.memory.concept import CONCEPT_FORMAT, MOST_COUNTED, Concept, ConceptDraft
from pilotage.memory.errors import InvalidConcept, MalformedImport
from pilotage.memory.formats.arcmemo import ArcMemoReader, Defect
from pilotage.memory.formats.documents import LONG_NUMBER, MAX_BYTES, load_document, refuse_packed, unique
from pilotage.memory.formats.exporting import EXPORT_FORMAT, HEADER

_MAX_LINE = 1024 * 1024  # a concept at all its bounds has about 40 kB
SourceFormat = Literal["auto", "jsonl", "arcmemo"]


@dataclass(frozen=True)
class Record:
    """A concept to be imported, and where it stood."""

    where: str
    concept: Concept


@dataclass
class Records:
    """The concepts of a stream of bytes, read as they are asked for; `name` is its file's, for messages."""

    stream: IO[bytes]
    name: str
    form: SourceFormat = "auto"
    skip_bad: bool = False
    total: int | None = None
    defects: list[Defect] = field(default_factory=list)

    def __iter__(self) -> Iterator[Record]:
        """Each record.

        Raises:
            MalformedImport: a line is no concept, or lines are missing at the end, and `skip_bad` is not set; or, with
                it too, the file is compressed, its header is wrong or newer, or the document cannot be read at all.
        """
        first = self.stream.readline(_MAX_LINE + 1)
        refuse_packed(first, self.name)
        if self._is_lines(first):
            yield from self._lines(first)
            return
        data = first + self.stream.read(MAX_BYTES + 1)
        reader = ArcMemoReader()
        for entry in reader.read(load_document(data, self.name, self._repeated)):
            yield Record(entry.where, _with_new_id(entry.draft, provenance=entry.provenance))
        self.defects += reader.defects

    def _is_lines(self, first: bytes) -> bool:
        if self.form != "auto":
            return self.form == "jsonl"
        if Path(self.name).suffix.lower() in (".jsonl", ".ndjson"):
            return True
        try:
            data = json.loads(first)
        except (ValueError, RecursionError):
            return False
        return isinstance(data, dict) and (
            HEADER in data or ("title" in data and data.keys() <= set(Concept.model_fields))
        )

    def _lines(self, line: bytes) -> Iterator[Record]:
        number = read = 0
        while line:
            number += 1
            try:
                record = self._line(line, number)
                if record is not None:
                    read += 1
                    yield record
            except InvalidConcept as error:
                self._bad(number, error.fault)
            line = self.stream.readline(_MAX_LINE + 1)
        if self.total is not None and read + len(self.defects) < self.total:
            self._bad(number, f"the file ends after {read} concepts where its header says {self.total}: it was cut")

    def _line(self, line: bytes, number: int) -> Record | None:
        if len(line) > _MAX_LINE:
            while line and not line.endswith(b"\n"):
                line = self.stream.readline(_MAX_LINE)
            raise InvalidConcept("is longer than 1 MB: no concept is")
        if not line.strip():
            return None
        data = _object(line)
        if number == 1 and HEADER in data:
            self._header(data)
            return None
        where = f"line {number}"
        if "id" in data:
            return Record(where, _unvouched(Concept.parse(data)))
        return Record(where, _with_new_id(ConceptDraft.parse(data)))

    def _header(self, data: dict[str, Any]) -> None:
        version, inner = data[HEADER], data.get("concept_format", CONCEPT_FORMAT)
        if not isinstance(version, int) or not isinstance(inner, int) or version < 1 or inner < 1:
            raise MalformedImport(f"{self.name} line 1: '{HEADER}' and 'concept_format' must be version numbers")
        if version > EXPORT_FORMAT or inner > CONCEPT_FORMAT:
            raise MalformedImport(
                f"{self.name} was written by a newer pilotage (export format {version}, concept format {inner}; this "
                f"one reads {EXPORT_FORMAT} and {CONCEPT_FORMAT}): upgrade pilotage to import it"
            )
        total = data.get("concepts")
        self.total = total if isinstance(total, int) else None

    def _repeated(self, key: str) -> None:
        self.defects.append(Defect(key[:80], "stands twice in one object: the last is read, the others are left out"))

    def _bad(self, number: int, what: str) -> None:
        if not self.skip_bad:
            raise MalformedImport(
                f"{self.name} line {number}: {what}; nothing was imported (mend the line, or skip such lines with "
                "--skip-bad)"
            )
        self.defects.append(Defect(f"line {number}", what))


def _object(line: bytes) -> dict[str, Any]:
    try:
        pairs = partial(unique, repeated=_refuse_repeated)
        data = json.loads(line, parse_constant=_refuse_constant, object_pairs_hook=pairs)
    except UnicodeDecodeError:
        raise InvalidConcept("is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise InvalidConcept(f"is not valid JSON (column {error.colno}: {error.msg})") from None
    except RecursionError:
        raise InvalidConcept("is nested too deeply") from None
    except InvalidConcept:
        raise
    except ValueError:
        raise InvalidConcept(LONG_NUMBER) from None
    if not isinstance(data, dict):
        raise InvalidConcept("is not a JSON object")
    return data


def _with_new_id(draft: ConceptDraft, **known: Any) -> Concept:
    return Concept(**dict(draft), id=secrets.token_hex(8), namespace="", **known)


def _refuse_repeated(key: str) -> None:
    raise InvalidConcept(f"has the field '{key[:60]}' twice in one object")


def _refuse_constant(name: str) -> float:
    raise InvalidConcept(f"has the number {name}, which JSON does not know")


def _unvouched(concept: Concept) -> Concept:
    """A concept of a file, which anybody may have written, with its id and counts checked and vouched for by nobody.

    Raises:
        InvalidConcept: the id could not be typed or printed as one word, or a count is beyond what can be counted.
    """
    for name in ("id", "replaced_by"):
        if not _is_word(getattr(concept, name)):
            raise InvalidConcept(
                f"the concept's field '{name}' is not valid: an id is one word of printable characters without slashes"
            )
    counts = {f"outcomes.{name}": count for name, count in concept.outcomes.model_dump().items()}
    for name, count in {**counts, "seen": concept.seen, "version": concept.version}.items():
        if count > MOST_COUNTED:
            raise InvalidConcept(f"the concept's field '{name}' is not valid: it counts beyond {MOST_COUNTED:,}")
    return concept.model_copy(update={"vouched": False})


def _is_word(id: str) -> bool:
    return not id or (id.isprintable() and not any(c.isspace() or c in "/\\" for c in id) and id[0] not in ".-")
