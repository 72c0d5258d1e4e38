"""ConceptStore: the one door to the memory.

    with ConceptStore.open("memory", embedder="minilm") as store:
        id = store.add(ConceptDraft(title="Total cost", cues=("prices and quantities are given",)))
        store.search("what do they pay in all?")

The folder holds `ledger.sqlite` (the truth) and `index/` (a view that may be deleted at any time).
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, TypedDict, Unpack

from pilotage.memory.concept import Concept, ConceptDraft, ConceptKind, Provenance, Status
from pilotage.memory.edits import credit, editor, undo
from pilotage.memory.edits.credit import CreditReport, Outcome, check_outcomes
from pilotage.memory.edits.editor import Adding, Proposed
from pilotage.memory.edits.events import record
from pilotage.memory.edits.prune import PruneRule, prune
from pilotage.memory.embedders.embedder import Embedder, resolve_embedder
from pilotage.memory.errors import UnreadableRow
from pilotage.memory.ledger import timeline
from pilotage.memory.ledger.database import Database, shared_database
from pilotage.memory.ledger.ledger import Attribution, By, Event, Ledger
from pilotage.memory.location import locate
from pilotage.memory.namespace import Namespace
from pilotage.memory.search.finder import SHORTLIST, Finder
from pilotage.memory.search.keywords import open_keyword_index
from pilotage.memory.search.recall import Hit, Recollection, choose
from pilotage.memory.search.reindex import OnProgress
from pilotage.memory.search.vectors import LONGEST_QUERY, VectorStore

if TYPE_CHECKING:  # rooms that are imported when they are used
    from pilotage.memory.doctor import CheckResult
    from pilotage.memory.edits.erase import Erasure
    from pilotage.memory.formats.exporting import Format as ExportFormat
    from pilotage.memory.formats.importing import ImportReport
    from pilotage.memory.formats.importing import OnProgress as ImportProgress
    from pilotage.memory.formats.records import SourceFormat
    from pilotage.memory.ledger.erasures import Tombstone
    from pilotage.memory.ledger.listing import Sort
    from pilotage.memory.ledger.stats import StoreStats
    from pilotage.memory.render import Rendered


class Opening(TypedDict, total=False):
    """How a store is opened; `ConceptStore.open` documents it."""

    embedder: str | Embedder | None
    namespace: str
    index: str | None
    busy_seconds: float
    share_connections: bool


class ConceptStore:
    """Concepts of one namespace in one ledger. Safe to use from several threads, and from several processes.

    Open it with `ConceptStore.open` or `ConceptStore.temporary`. Neither Chroma nor the embedding model is
    loaded before the first search or write that needs them.

    Every method that writes takes `actor` (who does it), `cause` (why, for example a task id) and `run` (the id of the
    run that does it, which `undo_run` takes back as a whole) as keywords; the history keeps them. Only the run of
    `undo_run` is named by itself.

    Attributes:
        namespace: whose concepts.
        ledger: transactions, for those who keep tables of their own beside the concepts. A table with a column
            `namespace` is the tenants': what it holds goes with them when they are erased.
        vectors: the embedder that the memory is bound to, for those who keep vectors in such tables.
    """

    def __init__(
        self, ledger: Ledger, folder: Path | None, embedder: Embedder | None, namespace: str, index: str | None = None
    ) -> None:
        self.namespace = namespace
        self._folder = folder
        self._ledger = self.ledger = ledger
        self._vectors = self.vectors = VectorStore(ledger, folder, embedder, namespace, index)
        self._space = Namespace(namespace, ledger, self._vectors, open_keyword_index(ledger))
        self._finder = Finder(self._space)
        self._warming: Future[None] | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    @classmethod
    def open(
        cls,
        path_or_url: str | Path,
        *,
        embedder: str | Embedder | None = "minilm",
        namespace: str = "default",
        index: str | None = None,
        busy_seconds: float = 30.0,
        share_connections: bool = False,
    ) -> Self:
        """Open a store, creating it when it is not there.

        Args:
            path_or_url: a folder, or an SQLAlchemy URL.
            embedder: a name that `resolve_embedder` knows, an `Embedder`, or None for a store that can be read,
                edited and reindexed but not searched.
            namespace: whose concepts; namespaces never see each other.
            index: URL of a Chroma server. None: an index in the folder, for one process at a time; the others, and
                stores by URL, compare every vector.
            busy_seconds: how long to wait for another process's write.
            share_connections: with the stores of this process that were opened so on the same database: for a server
                with many namespaces, each of which would keep its own otherwise.

        Raises:
            LedgerError: the ledger cannot be opened, or a newer version wrote it.
            EmbedderError: the embedder is unknown, missing, or not the one the store was embedded with.
        """
        resolved = resolve_embedder(embedder) if embedder is not None else None
        url, folder = locate(path_or_url)
        opened = shared_database if share_connections else Database
        database = opened(url, busy_seconds=busy_seconds)
        try:
            ledger = Ledger(database)
            ledger.guard(namespace)
            store = cls(ledger, folder, resolved, namespace, index)
            with ledger.read() as connection:
                store._vectors.check(connection)
        except BaseException:
            database.close()
            raise
        return store

    @classmethod
    def temporary(cls, *, embedder: str | Embedder = "hash") -> Self:
        """A store that is gone when it is closed, for tests and trials; it works as any other does."""
        scratch = tempfile.TemporaryDirectory(prefix="pilotage-memory-")
        store = cls.open(scratch.name, embedder=embedder)
        store._scratch = scratch
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the index and the ledger. Everything acknowledged is on disk already.

        In a fork of the process that opened it, nothing is released but what the fork itself holds.
        """
        if self._ledger.database.inherited:
            self._ledger.close()
            return
        if self._warming is not None:
            self._warming.exception()  # waits; a fault shows again, to whoever needs what could not be loaded
        self._finder.close()
        self._vectors.close()
        self._ledger.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    def warm(self) -> None:
        """Start loading what the first search needs in the background; returns at once. Nothing for an empty store."""
        if self._warming is None and not self.is_empty():
            pool = ThreadPoolExecutor(1, thread_name_prefix="memory-warm")
            self._warming = pool.submit(self._vectors.warm)
            pool.shutdown(wait=False)

    def count(self) -> int:
        """How many concepts there are, retired ones left out."""
        with self._ledger.read() as connection:
            return self._ledger.count(connection, self.namespace)

    def is_empty(self) -> bool:
        """Whether there is nothing to recall."""
        with self._ledger.read() as connection:
            return self._ledger.is_empty(connection, self.namespace)

    def get(self, id: str) -> Concept:
        """The concept with this id, also when it is retired. Raises UnknownConcept."""
        with self._ledger.read() as connection:
            return self._space.get(connection, id)

    def all(self, *, retired: bool = False) -> list[Concept]:
        """Every concept, oldest first."""
        with self._ledger.read() as connection:
            return list(self._ledger.every(connection, self.namespace, retired=retired))

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

        return browse(self._ledger, self.namespace, kind, status, sort, limit, offset)

    def find_id(self, text: str) -> str:
        """The id that `text` is, or is the start of. Raises UnknownConcept when it is none, or several."""
        from pilotage.memory.ledger.listing import find_id

        return find_id(self._ledger, self.namespace, text)

    def history(self, id: str) -> list[Event]:
        """Everything that happened to a concept, oldest first. Raises UnknownConcept."""
        with self._ledger.read() as connection:
            try:
                self._space.get(connection, id)
            except UnreadableRow:
                pass  # its events can be read all the same
            return self._ledger.histories(connection, self.namespace, [id])[id]

    def titles(self, ids: Iterable[str]) -> dict[str, str]:
        """Titles of some concepts by id, retired ones too; without those that are not there or cannot be read."""
        with self._ledger.read() as connection:
            return self._ledger.titles(connection, self.namespace, ids)

    def events(self, limit: int | None = 100, *, run: str | None = None, since: int | None = None) -> list[Event]:
        """Events of the namespace, oldest first: the last `limit` of them.

        Args:
            limit: how many at most; None for all.
            run: only those of this run.
            since: number of an event: then the first `limit` that came after it.
        """
        with self._ledger.read() as connection:
            return timeline.list_events(connection, self.namespace, limit=limit, run=run, since=since)

    def at(self, moment: datetime | int, *, retired: bool = False) -> list[Concept]:
        """The concepts as they were, oldest first; `all` of an earlier moment.

        Args:
            moment: a time, local when it has no zone, or the number of the last event to count.
            retired: also those that were retired then.
        """
        with self._ledger.read() as connection:
            return timeline.at(connection, self.namespace, moment, retired=retired)

    def search(self, text: str, limit: int = 5) -> list[Hit]:
        """The concepts nearest to `text` in meaning and words, best first; fewer only when there are fewer."""
        return self._finder.shortlist(text[:LONGEST_QUERY], limit)[0]

    def recall(
        self, query: str, limit: int = 3, *, floor: float | None = None, exclude: Collection[str] = ()
    ) -> Recollection:
        """A few concepts that may help with `query`: relevant, tried, and different from each other; or none.

        Args:
            query: the task, or what is known of it by now.
            limit: how many at most.
            floor: cosine below which a concept is about something else; the embedder knows its own.
            exclude: ids of concepts that were shown already.
        """
        query = query[:LONGEST_QUERY]
        if limit < 1:
            self.is_empty()  # raises for a store that was closed
            return Recollection((), query, abstained=True)
        hits, vectors = self._finder.shortlist(query, max(limit + len(exclude), SHORTLIST))
        if not hits:
            return Recollection((), query, abstained=True)
        floor = self._vectors.embedder.similarity_floor if floor is None else floor
        return choose(query, [hit for hit in hits if hit.concept.id not in exclude], vectors, limit, floor)

    def render(self, hits: Iterable[Hit], max_tokens: int, *, related: Iterable[Hit] = ()) -> Rendered:
        """What a prompt shows of some hits: the concepts, the types that they refer to, and related ones by name.

        Args:
            hits: most useful first.
            max_tokens: what the whole text may cost, as `pilotage.common.tokens` estimates it.
            related: hits to show by name, where there is room.
        """
        from pilotage.memory.render import render

        shown = [hit.concept for hit in hits]
        return render(shown, max_tokens, related=[hit.concept for hit in related], types=self.types_of(shown))

    def types_of(self, concepts: Iterable[ConceptDraft]) -> list[Concept]:
        """The definitions of the named types that these concepts take or give."""
        from pilotage.memory.ledger.listing import definitions, named_types

        names = named_types(concepts)
        if not names:
            return []
        with self._ledger.read() as connection:
            return definitions(connection, self.namespace, names)

    def add(self, draft: ConceptDraft | Concept, **how: Unpack[Adding]) -> str:
        """Store a concept durably and return its id; what is stored already gives the id that it has.

        What is stored already, but for the few marks that `pilotage.memory.text.same_text` names, raises that concept's
        `seen` count instead; exactly the same also brings it back if it was retired. `propose` tells which it was, and
        documents what else it takes. A `Concept` keeps its own provenance and status, and gets a new id.
        """
        return self.add_many([draft], **how)[0]

    def add_many(self, drafts: Iterable[ConceptDraft | Concept], **how: Unpack[Adding]) -> list[str]:
        """`add` for many, in one transaction: all of them or, when it raises, none. Returns their ids in order."""
        return [one.id for one in self.propose(drafts, **how)]

    def propose(
        self,
        drafts: Iterable[ConceptDraft | Concept],
        *,
        provenance: Provenance | None = None,
        status: Status = "provisional",
        allow_duplicate: bool = False,
        **by: Unpack[Attribution],
    ) -> list[Proposed]:
        """`add_many` that tells what became of each draft, in order: added, known, or dropped as the same text.

        Args:
            drafts: what to store.
            provenance: where it came from; the caller vouches for it.
            status: `trusted` only for what public evidence supports.
            allow_duplicate: store it also where another concept says the same already.
            by: who stores it and why; `undo_run` takes a run back as a whole.

        Raises:
            InvalidConcept: a draft has what no store can keep; then none was stored.
        """
        who = By.named(by)
        return editor.propose(self._space, drafts, provenance, status, who, allow_duplicate=allow_duplicate)

    def revise(
        self,
        id: str,
        changes: Mapping[str, Any],
        *,
        expected_version: int | None = None,
        status: Status | None = None,
        **by: Unpack[Attribution],
    ) -> Concept:
        """Change some fields of a concept's content; outcomes and provenance stay. Returns it as it is now.

        With a `status` that changes too: a writer nobody vouches for leaves `provisional` behind.

        Raises:
            UnknownConcept: there is no such concept.
            InvalidConcept: the changed content is not valid; nothing was changed.
            StaleConcept: the concept is not at `expected_version` any more, or another says exactly this.
        """
        who = By.named(by)
        return editor.revise(self._space, id, changes, who, expected_version=expected_version, status=status)

    def merge(
        self,
        keep: str,
        others: Sequence[str],
        changes: Mapping[str, Any] | None = None,
        **by: Unpack[Attribution],
    ) -> Concept:
        """Make one concept of several: the others are retired and point to it, their outcomes are added to its own.

        Args:
            keep: the one that stays.
            others: those that go. One that was merged into `keep` before is passed over.
            changes: its new content; without any it takes over the others' cues and keywords.

        Raises:
            UnknownConcept: one of them does not exist.
            InvalidConcept: the changed content is not valid, or `keep` is among the others.
            StaleConcept: `keep` is retired or was changed meanwhile, or another one was merged elsewhere.
        """
        return editor.merge(self._space, keep, others, changes, By.named(by))

    def repeat(
        self,
        id: str,
        draft: ConceptDraft,
        *,
        provenance: Provenance | None = None,
        status: Status = "provisional",
        **by: Unpack[Attribution],
    ) -> str:
        """Count that a stored concept was proposed again in other words; returns the id of what holds it now."""
        return editor.repeat(self._space, id, draft, provenance, status, By.named(by))

    def dispute(self, id: str, other: str, **by: Unpack[Attribution]) -> None:
        """Mark in the history of both that two concepts advise opposite things. Raises UnknownConcept."""
        with self._ledger.write() as connection:
            for one, another in ((id, other), (other, id)):
                concept = self._space.get(connection, one)
                record(self._space, connection, "disputed", [concept], By.named(by), {concept.id: {"with": another}})

    def promote(self, ids: Iterable[str], **by: Unpack[Attribution]) -> None:
        """Make provisional concepts trusted; all or, when one does not exist, none. Raises UnknownConcept."""
        with self._ledger.write() as connection:
            concepts = [self._space.get(connection, id) for id in dict.fromkeys(ids)]
            fresh = [one.model_copy(update={"status": "trusted"}) for one in concepts if one.status == "provisional"]
            record(self._space, connection, "promoted", fresh, By.named(by))

    def vouch(self, id: str, **by: Unpack[Attribution]) -> Concept:
        """Record that a person has read a concept, so that nothing of it is held back. Raises UnknownConcept.

        It holds for the content as it is: a revision or a merge needs it anew, and so does an import.
        """
        with self._ledger.write() as connection:
            concept = self._space.get(connection, id)
            if not concept.vouched:
                concept = concept.model_copy(update={"vouched": True})
                record(self._space, connection, "vouched", [concept], By.named(by))
            return concept

    def forget(self, id: str, **by: Unpack[Attribution]) -> None:
        """Retire a concept: searches skip it, history keeps it, `restore` brings it back. Raises UnknownConcept."""
        with self._ledger.write() as connection:
            editor.change_status(self._space, connection, id, "retired", "retired", By.named(by))

    def restore(self, id: str, **by: Unpack[Attribution]) -> None:
        """Bring a retired concept back, as provisional. Raises UnknownConcept."""
        if self.get(id).status == "retired":
            with self._ledger.write() as connection:
                editor.change_status(self._space, connection, id, "provisional", "restored", By.named(by))

    def undo(self, seq: int, **by: Unpack[Attribution]) -> list[Event]:
        """Take one event back by a new event, which can be undone in its turn; returns the new events.

        A concept whose adding is undone is retired and counts as never added. Its `version` never goes back.

        Raises:
            UnknownEvent: there is no such event in this namespace.
            StaleConcept: it was undone already, or a later event depends on it; the text names that event.
            EmbedderError: a text changes back and the store was opened without an embedder.
        """
        return undo.undo_event(self._space, seq, By.named(by))

    def undo_run(self, run: str, *, actor: str = "user", cause: str = "") -> list[Event]:
        """Take back every event of a run that still counts, all or none; returns the new events.

        They form a run of their own, `undo:RUN`: undoing that one brings RUN back. Raises as `undo` does.
        """
        return undo.undo_run(self._space, run, By(actor, cause))

    def record_outcome(self, ids: Iterable[str], outcome: Outcome, **by: Unpack[Attribution]) -> None:
        """Count one outcome of some concepts, see `Outcomes`. Helping makes a provisional concept trusted.

        Raises:
            UnknownConcept: one of them does not exist; then none is counted.
            InvalidConcept: there is no such outcome.
        """
        check_outcomes([outcome])  # also where there is nobody to count it for
        credit.record_outcomes(self._space, {id: [outcome] for id in ids}, By.named(by, actor="agent"), once=False)

    def record_outcomes(self, counts: Mapping[str, Collection[Outcome]], **by: Unpack[Attribution]) -> bool:
        """Count all that came of a run, by concept id; false where that run was counted before. Raises as above."""
        return credit.record_outcomes(self._space, counts, By.named(by, actor="agent"), once=True)

    def credit(self) -> CreditReport:
        """What public evidence says each concept, and the memory as a whole, is worth."""
        return credit.report(self._space)

    def prune(
        self, rule: PruneRule | None = None, *, dry_run: bool = False, **by: Unpack[Attribution]
    ) -> list[Concept]:
        """Retire what harms or never helps, as one run that `undo_run` takes back; returns it as it was.

        Args:
            rule: what has to go; `PruneRule.reason` says why a concept has.
            dry_run: change nothing.
            by: who prunes; without a `cause` each concept's own reason is recorded, without a `run` a new one.
        """
        return prune(self._space, rule or PruneRule(), by=By.named(by), dry_run=dry_run)

    def export(self, target: str | Path | IO[str], *, form: ExportFormat = "jsonl") -> int:
        """Write all concepts to a file or a text stream; returns how many.

        Args:
            target: a file appears only when it is complete.
            form: `jsonl`, from which `import_` makes an equal store, or `arcmemo`, without retired concepts.
        """
        from pilotage.memory.formats.exporting import export

        return export(self._ledger, self.namespace, target, form)

    def import_(
        self,
        source: str | Path | IO[bytes],
        *,
        form: SourceFormat = "auto",
        skip_bad: bool = False,
        on_progress: ImportProgress | None = None,
        **by: Unpack[Attribution],
    ) -> ImportReport:
        """Add the concepts of an export or of an ArcMemo file in one transaction. Nothing that is stored is changed.

        Args:
            source: a file, or a binary stream.
            form: `jsonl`, `arcmemo` (JSON or YAML), or `auto`.
            skip_bad: leave out the lines that cannot be read, and name them in the report.
            on_progress: called with how many were prepared, and how many there are if the file says so.

        Raises:
            MalformedImport: a line cannot be read, or there is no concept in the file; nothing was imported.
        """
        from pilotage.memory.formats.importing import import_concepts

        who = By.named(by)
        return import_concepts(self._space, source, who, form=form, skip_bad=skip_bad, on_progress=on_progress)

    def reindex(self, embedder: str | Embedder | None = None, *, on_progress: OnProgress | None = None) -> int:
        """Rebuild both indexes from the ledger, and move it to another embedder if one is given.

        Searches go on with the old embedder until the end. Stopped half way, it goes on from there when called again.

        Args:
            embedder: what to move to.
            on_progress: called with how many concepts are embedded and how many there are.

        Returns:
            how many concepts had to be embedded: none when only the indexes are rebuilt.
        """
        target = self._vectors.embedder if embedder is None else resolve_embedder(embedder)
        done = self._vectors.reindex(target, on_progress)
        self._space.keywords.rebuild()
        return done

    def erase(self, *, below: bool = False) -> Erasure:
        """Remove everything of the namespace for good: concepts, history, vectors, items, and what others keep there.

        A tombstone stays (`tombstones`). Whoever has the namespace open, this store too, can write to it no more, so
        that nothing under way brings it back; opened again it begins anew. Doing it again finishes what was cut short.

        Args:
            below: also every namespace `NAME/...`, those that are only being written for the first time too.

        Raises:
            IndexUnreachable: the rows are gone, but the Chroma server does not answer: erase again when it does.
        """
        from pilotage.memory.edits.erase import erase

        return erase(self._space, below=below)

    def is_known(self, *, below: bool = False) -> bool:
        """Whether anything was ever kept of the namespace, with `below` also of any `NAME/...`."""
        from pilotage.memory.edits.erase import is_known

        return is_known(self._space, below=below)

    def tombstones(self) -> list[Tombstone]:
        """Every time that this namespace was erased by its own name, oldest first."""
        from pilotage.memory.ledger.erasures import tombstones

        with self._ledger.read() as connection:
            return tombstones(connection, self.namespace)

    def is_erased(self) -> bool:
        """Whether the namespace was erased after this store was opened: then it has to be opened again to write."""
        with self._ledger.read() as connection:
            return self._ledger.is_erased(connection)

    def finish_erasures(self) -> bool:
        """Remove what was erased elsewhere from the vector index, where this store holds it; false if another does."""
        return self._vectors.finish_erasures()

    def stats(self) -> StoreStats:
        """How much there is, of what, and what it is stored with."""
        from pilotage.memory.ledger.stats import stats

        return stats(self._ledger, self.namespace, self._folder)

    def namespaces(self) -> dict[str, int]:
        """Active concepts of every namespace of the ledger: for whoever runs it, never for one tenant."""
        from pilotage.memory.ledger.stats import namespaces

        return namespaces(self._ledger)

    def doctor(self, *, repair: bool = False) -> list[CheckResult]:
        """Check the ledger, and whether the indexes agree with it; `repair` rebuilds those that do not."""
        from pilotage.memory.doctor import examine

        return examine(self._space, repair=repair)
