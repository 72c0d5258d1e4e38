"""Every error that `memory` raises on purpose; each message says what to do next."""


class ConceptStoreError(Exception):
    """Base of all errors of the concept store; its text is one sentence fit to show to a user."""


class InvalidConcept(ConceptStoreError, ValueError):
    """A proposed concept is malformed or too large; the text names the field and the reason.

    Attributes:
        fault: the same without what became of the concept.
    """

    def __init__(self, fault: str, outcome: str = "") -> None:
        super().__init__(f"{fault}; {outcome}" if outcome else fault)
        self.fault = fault

    @classmethod
    def unstored(cls, fault: str) -> "InvalidConcept":
        """The error that says that nothing was stored."""
        return cls(fault, "nothing was stored")


class InvalidItem(ConceptStoreError, ValueError):
    """An item, its place or a filter cannot be used; nothing was changed."""


class InvalidArgument(ConceptStoreError, ValueError):
    """What a method was called with cannot be used; nothing was changed."""


class MalformedImport(ConceptStoreError, ValueError):
    """A file to be imported cannot be read; the text names the line or the place, and nothing was written."""


class UnknownConcept(ConceptStoreError, KeyError):
    """No concept has this id in this namespace."""

    @classmethod
    def called(cls, id: str, namespace: str) -> "UnknownConcept":
        """The error that says so."""
        return cls(f"no concept '{id}' in namespace '{namespace}': list or search for the ids that there are")

    def __str__(self) -> str:
        return str(self.args[0])


class UnknownEvent(ConceptStoreError, KeyError):
    """No event has this number, or this run, in this namespace."""

    def __str__(self) -> str:
        return str(self.args[0])


class StaleConcept(ConceptStoreError):
    """Someone else changed the concept first, or something depends on it; nothing was changed."""


class AlreadyUndone(StaleConcept):
    """What was to be undone does not count any more; nothing was changed."""


class LedgerError(ConceptStoreError):
    """The ledger could not be opened, read or written; what was acknowledged before is still there."""


class LedgerReadOnly(LedgerError):
    """The ledger or its folder cannot be written."""


class LedgerLocked(LedgerError):
    """Another process held the ledger for longer than the time-out."""


class UnreadableRow(LedgerError):
    """A row of the ledger holds no concept: its text is damaged."""


class NamespaceErased(LedgerError):
    """The namespace was erased after the store was opened; nothing was written."""


class StoreClosed(LedgerError):
    """The store was closed before it was asked."""


class WriteUnknown(LedgerError):
    """The connection was lost while a write was committed, and the server cannot be asked what became of it."""


class NewerSchema(LedgerError):
    """The ledger was written by a newer version; this one would misread it."""


class EmbedderError(ConceptStoreError):
    """The embedding model is unknown, missing, or did not return what an embedder must."""


class EmbedderMismatch(EmbedderError):
    """The store was embedded by another model; similarities between the two would mean nothing."""


class IndexCorrupt(ConceptStoreError):
    """The vector index cannot be read. It is only a view of the ledger, so nothing is lost."""


class IndexFull(ConceptStoreError):
    """The vector index cannot be written, for want of space. Searches scan the ledger's vectors instead."""


class IndexUnreachable(ConceptStoreError):
    """The Chroma server does not answer as it must. Nothing is lost; the memory can be opened without it."""
