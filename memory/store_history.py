"""The part of `ConceptStore` that looks back and takes back: history, events, an earlier moment, undo."""

from __future__ import annotations

from datetime import datetime

from pilotage.memory.concept import Concept
from pilotage.memory.edits.editor import Editor
from pilotage.memory.edits.undo import Undo
from pilotage.memory.ledger import timeline
from pilotage.memory.ledger.ledger import By, Event, Ledger


class StoreHistory:
    """Base of `ConceptStore`, which sets these attributes."""

    namespace: str
    _ledger: Ledger
    _editor: Editor
    _undo: Undo

    def history(self, id: str) -> list[Event]:
        """Everything that happened to a concept, oldest first. Raises UnknownConcept."""
        with self._ledger.read() as connection:
            self._editor.get(connection, id)
            return self._ledger.history(connection, self.namespace, id)

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

    def undo(self, seq: int, *, actor: str = "user", cause: str = "", run: str = "") -> list[Event]:
        """Take one event back by a new event, which can be undone in its turn; returns the new events.

        A concept whose adding is undone is retired and counts as never added. Its `version` never goes back.

        Args:
            seq: number of the event.
            actor: who undoes it.
            cause: why.
            run: id of the run that does it.

        Raises:
            UnknownEvent: there is no such event in this namespace.
            StaleConcept: it was undone already, or a later event depends on it; the text names that event.
            EmbedderError: a text changes back and the store was opened without an embedder.
        """
        return self._undo.event(seq, By(actor, cause, run))

    def undo_run(self, run: str, *, actor: str = "user", cause: str = "") -> list[Event]:
        """Take back every event of a run that still counts, all or none; returns the new events.

        They form a run of their own, `undo:RUN`: undoing that one brings RUN back. Raises as `undo` does.
        """
        return self._undo.run(run, By(actor, cause))
