"""ConceptStore: the one door to the memory.

    with ConceptStore.open("memory", embedder="minilm") as store:
        id = store.add(ConceptDraft(title="Total cost", cues=("prices and quantities are given",)))
        store.search("what do they pay in all?")

The folder holds `ledger.sqlite` (the truth) and `index/` (a view that may be deleted at any time).
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from pilotage.memory.concept import Concept, ConceptDraft, Status
from pilotage.memory.edits.credit import Credit, CreditReport, Outcome, check_outcomes
from pilotage.memory.edits.editor import Editor
from pilotage.memory.edits.merge import Merger
from pilotage.memory.edits.proposal import Adding
from pilotage.memory.edits.prune import PruneRule, prune
from pilotage.memory.edits.undo import Undo
from pilotage.memory.embedders.embedder import Embedder, resolve_embedder
from pilotage.memory.ledger.database import Database
from pilotage.memory.ledger.ledger import By, Ledger
from pilotage.memory.location import locate
from pilotage.memory.search.finder import SHORTLIST, Finder
from pilotage.memory.search.keywords import open_keyword_index
from pilotage.memory.search.recall import Hit, Recollection, choose
from pilotage.memory.search.reindex import OnProgress
from pilotage.memory.search.vectors import VectorStore
from pilotage.memory.store_history import StoreHistory
from pilotage.memory.store_merging import StoreMerging
from pilotage.memory.store_upkeep import StoreUpkeep


class ConceptStore(StoreHistory, StoreMerging, StoreUpkeep):
    """Concepts of one namespace in one ledger. Safe to use from several threads, and from several processes.

    Open it with `ConceptStore.open` or `ConceptStore.temporary`. Neither Chroma nor the embedding model is
    loaded before the first search or write that needs them.
    """

    def __init__(
        self, ledger: Ledger, folder: Path | None, embedder: Embedder | None, namespace: str, index: str | None = None
    ) -> None:
        self.namespace = namespace
        self._folder = folder
        self._ledger = ledger
        self._vectors = VectorStore(ledger, folder, embedder, namespace, index)
        self._words = open_keyword_index(ledger)
        self._finder = Finder(ledger, self._vectors, self._words, namespace)
        self._editor = Editor(ledger, self._vectors, self._words, namespace)
        self._undo = Undo(ledger, self._vectors, self._words, namespace)
        self._merger = Merger(ledger, self._vectors, self._editor)
        self._credit = Credit(ledger, namespace)
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

        Raises:
            LedgerError: the ledger cannot be opened, or a newer version wrote it.
            EmbedderError: the embedder is unknown, missing, or not the one the store was embedded with.
        """
        resolved = resolve_embedder(embedder) if embedder is not None else None
        url, folder = locate(path_or_url)
        database = Database(url, busy_seconds=busy_seconds)
        try:
            ledger = Ledger(database)
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
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
            return self._editor.get(connection, id)

    def all(self, *, retired: bool = False) -> list[Concept]:
        """Every concept, oldest first."""
        with self._ledger.read() as connection:
            return list(self._ledger.every(connection, self.namespace, retired=retired))

    def search(self, text: str, limit: int = 5) -> list[Hit]:
        """The concepts nearest to `text` in meaning and words, best first; fewer only when there are fewer."""
        return self._finder.shortlist(text, limit)[0]

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
        if limit < 1:
            self.is_empty()  # to be told of a store that was closed
            return Recollection((), query, abstained=True)
        hits, vectors = self._finder.shortlist(query, max(limit + len(exclude), SHORTLIST))
        if not hits:
            return Recollection((), query, abstained=True)
        floor = self._vectors.embedder.similarity_floor if floor is None else floor
        return choose(query, [hit for hit in hits if hit.concept.id not in exclude], vectors, limit, floor)

    def add(self, draft: ConceptDraft | Concept, **how: Unpack[Adding]) -> str:
        """Store a concept durably and return its id; what is stored already gives the id that it has.

        What is stored already, but for the few marks that `pilotage.memory.text.same_text` names, raises that concept's
        `seen` count instead; exactly the same also brings it back if it was retired. `propose` tells which it was, and
        documents what may be said besides. A `Concept` keeps its own provenance and status, and gets a new id.
        """
        return self.add_many([draft], **how)[0]

    def add_many(self, drafts: Iterable[ConceptDraft | Concept], **how: Unpack[Adding]) -> list[str]:
        """`add` for many, in one transaction: all of them or, when it raises, none. Returns their ids in order."""
        return [one.id for one in self.propose(drafts, **how)]

    def revise(
        self,
        id: str,
        changes: Mapping[str, Any],
        *,
        actor: str = "user",
        cause: str = "",
        run: str = "",
        expected_version: int | None = None,
        status: Status | None = None,
    ) -> Concept:
        """Change some fields of a concept's content; outcomes and provenance stay. Returns it as it is now.

        With a `status` that changes too: a writer nobody vouches for leaves `provisional` behind.

        Raises:
            UnknownConcept: there is no such concept.
            InvalidConcept: the changed content is not valid; nothing was changed.
            StaleConcept: the concept is not at `expected_version` any more, or another says exactly this.
        """
        by = By(actor, cause, run)
        return self._editor.revise(id, changes, by=by, expected_version=expected_version, status=status)

    def vouch(self, id: str, *, actor: str = "user", cause: str = "", run: str = "") -> Concept:
        """Record that a person has read a concept, so that nothing of it is held back. Raises UnknownConcept.

        It holds for the content as it is: a revision or a merge needs it anew, and so does an import.
        """
        return self._editor.vouch(id, By(actor, cause, run))

    def forget(self, id: str, *, actor: str = "user", cause: str = "", run: str = "") -> None:
        """Retire a concept: searches skip it, history keeps it, `restore` brings it back. Raises UnknownConcept."""
        self._editor.set_status(id, "retired", "retired", By(actor, cause, run))

    def restore(self, id: str, *, actor: str = "user", cause: str = "", run: str = "") -> None:
        """Bring a retired concept back, as provisional. Raises UnknownConcept."""
        if self.get(id).status == "retired":
            self._editor.set_status(id, "provisional", "restored", By(actor, cause, run))

    def record_outcome(
        self, ids: Iterable[str], outcome: Outcome, *, actor: str = "agent", cause: str = "", run: str = ""
    ) -> None:
        """Count one outcome of some concepts, see `Outcomes`. Helping makes a provisional concept trusted.

        Raises:
            UnknownConcept: one of them does not exist; then none is counted.
            InvalidConcept: there is no such outcome.
        """
        check_outcomes([outcome])  # also where there is nobody to count it for
        self._credit.record({id: [outcome] for id in ids}, by=By(actor, cause, run), once=False)

    def record_outcomes(
        self, counts: Mapping[str, Collection[Outcome]], *, actor: str = "agent", cause: str = "", run: str = ""
    ) -> bool:
        """Count all that came of a run, by concept id; false where that run was counted before. Raises as above."""
        return self._credit.record(counts, by=By(actor, cause, run), once=True)

    def credit(self) -> CreditReport:
        """What public evidence says each concept, and the memory as a whole, is worth."""
        return self._credit.report()

    def prune(
        self,
        rule: PruneRule | None = None,
        *,
        dry_run: bool = False,
        actor: str = "user",
        cause: str = "",
        run: str = "",
    ) -> list[Concept]:
        """Retire what harms or never helps, as one run that `undo_run` takes back; returns it as it was.

        Args:
            rule: what has to go; `PruneRule.reason` says why a concept has.
            dry_run: change nothing.
            actor: who prunes.
            cause: why; by default each concept's own reason.
            run: id of the run; by default a new one, which the concepts' history shows.
        """
        by = By(actor, cause, run)
        return prune(self._ledger, self._words, self.namespace, rule or PruneRule(), by=by, dry_run=dry_run)

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
        if self._words is not None:
            self._words.rebuild()
        return done
