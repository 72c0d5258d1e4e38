"""StoreUpkeep: the part of `ConceptStore` that lists, carries over, measures and checks a memory as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

from pilotage.memory.ledger.ledger import By, Ledger
from pilotage.memory.search.vectors import VectorStore

if TYPE_CHECKING:
    from pilotage.memory.concept import Concept, ConceptKind, Status
    from pilotage.memory.doctor import Finding
    from pilotage.memory.edits.editor import Editor
    from pilotage.memory.formats.importing import ImportReport, OnProgress
    from pilotage.memory.formats.jsonl import Format as ExportFormat
    from pilotage.memory.formats.records import SourceFormat
    from pilotage.memory.ledger.listing import Sort
    from pilotage.memory.ledger.stats import StoreStats
    from pilotage.memory.search.keywords import KeywordIndex


class StoreUpkeep:
    """What `ConceptStore` inherits; its rooms are imported when they are used."""

    namespace: str
    _ledger: Ledger
    _vectors: VectorStore
    _words: KeywordIndex | None
    _folder: Path | None
    _editor: Editor

    def browse(
        self,
        *,
        kind: ConceptKind | None = None,
        status: Status | None = None,
        sort: Sort = "added",
        limit: int | None = 50,
        offset: int = 0,
    ) -> list[Concept]:
        """A page of the concepts.

        Args:
            kind: only this kind.
            status: only this status; without it, all but the retired ones.
            sort: `added` (oldest first), `changed` (latest first), `title`, or a count (highest first).
            limit: how many at most, None for all.
            offset: how many to pass over.
        """
        from pilotage.memory.ledger.listing import browse

        return browse(self._ledger, self.namespace, kind=kind, status=status, sort=sort, limit=limit, offset=offset)

    def find_id(self, text: str) -> str:
        """The id that `text` is, or is the start of. Raises UnknownConcept when it is none, or several."""
        from pilotage.memory.ledger.listing import find_id

        return find_id(self._ledger, self.namespace, text)

    def export(self, target: str | Path | IO[str], *, form: ExportFormat = "jsonl") -> int:
        """Write all concepts to a file or a text stream; returns how many.

        Args:
            target: a file appears only when it is complete.
            form: `jsonl`, from which `import_` makes an equal store, or `arcmemo`, without retired concepts.
        """
        from pilotage.memory.formats.jsonl import export

        return export(self._ledger, self.namespace, target, form)

    def import_(
        self,
        source: str | Path | IO[bytes],
        *,
        form: SourceFormat = "auto",
        skip_bad: bool = False,
        actor: str = "user",
        cause: str = "",
        run: str = "",
        on_progress: OnProgress | None = None,
    ) -> ImportReport:
        """Add the concepts of an export or of an ArcMemo file in one transaction. Nothing that is stored is changed.

        Args:
            source: a file, or a binary stream.
            form: `jsonl`, `arcmemo` (JSON or YAML), or `auto`.
            skip_bad: leave out the lines that cannot be read, and name them in the report.
            actor: who imports.
            cause: why.
            run: id of the run, for `undo_run`.
            on_progress: called with how many were prepared, and how many there are if the file says so.

        Raises:
            MalformedImport: a line cannot be read, or there is no concept in the file; nothing was imported.
        """
        from pilotage.memory.formats.importing import Importer

        importer = Importer(self._ledger, self._vectors, self._editor, self._words, self.namespace)
        by = By(actor, cause, run)
        return importer.run(source, form=form, skip_bad=skip_bad, by=by, on_progress=on_progress)

    def stats(self) -> StoreStats:
        """How much there is, of what, and what it is stored with."""
        from pilotage.memory.ledger.stats import stats

        return stats(self._ledger, self.namespace, self._folder)

    def namespaces(self) -> dict[str, int]:
        """Active concepts of every namespace of the ledger: for whoever runs it, never for one tenant."""
        from pilotage.memory.ledger.stats import namespaces

        return namespaces(self._ledger)

    def doctor(self, *, repair: bool = False) -> list[Finding]:
        """Check the ledger, and whether the indexes agree with it; `repair` rebuilds those that do not."""
        from pilotage.memory.doctor import Doctor

        return Doctor(self._ledger, self._vectors, self._words, self.namespace).examine(repair=repair)
