"""What all `pilotage memory` commands share: their options and opening the store."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.memory import ConceptStore

CAUSE = typer.Option("", help="Why; kept in the history.")
ID = typer.Argument(..., metavar="ID", help="Id of a concept, or the start of it.")

# Names of the embedders whose identity says more than the name that opens them.
_SPECS = {"all-minilm-l6-v2": "minilm"}


@dataclass(frozen=True)
class StoreOptions:
    """Which memory is meant, for commands that embed nothing."""

    panel = "Which memory"

    memory: str | None = typer.Option(
        None, metavar="DIR|URL", help="Memory folder or database URL. (default: as for solve)"
    )
    namespace: str = typer.Option("default", help="Whose concepts.")

    def open(self, *, creates: bool = False) -> ConceptStore:
        """The store. Without `creates` it must be there already."""
        return self._open(creates)

    def _open(self, creates: bool, embedder: str | None = None, index: str | None = None) -> ConceptStore:
        from pilotage.agent.cli.assembly import memory_place
        from pilotage.agent.settings import settings_from
        from pilotage.memory import ConceptStore
        from pilotage.memory.location import LEDGER

        settings = settings_from({"memory": self.memory})
        if settings.memory == "none":
            raise UsageError("the memory is set to 'none': name a folder with --memory DIR")
        location = memory_place(settings)
        if not creates and "://" not in location and not (Path(location) / LEDGER).is_file():
            raise UsageError(f"there is no memory in {location}: `pilotage solve` and `pilotage memory add` make one")
        return ConceptStore.open(location, embedder=embedder, namespace=self.namespace, index=index)

    def undo_command(self, run: str) -> str:
        """The command that takes a run back, as it has to be typed."""
        where = f" --memory {shlex.quote(self.memory)}" if self.memory is not None else ""
        where += f" --namespace {shlex.quote(self.namespace)}" if self.namespace != "default" else ""
        return f"pilotage memory undo --run {run}{where}"


@dataclass(frozen=True)
class IndexedStoreOptions(StoreOptions):
    """The same for commands that embed text."""

    embedder: str | None = typer.Option(
        None,
        help="minilm, hash, sentence-transformers:FOLDER or openai:MODEL@URL. "
        "(default: the memory's own, minilm for a new one)",
    )
    index: str | None = typer.Option(None, metavar="URL", help="Chroma server to use in place of the embedded index.")

    def open(self, *, creates: bool = False, embeds: bool = True) -> ConceptStore:
        """The store with the embedder that is named, or else its own; without one unless it `embeds`."""
        embedder = self.embedder
        if embeds and embedder is None:
            with self._open(creates) as store:
                embedder = _own_embedder(store.stats().embedder)
        return self._open(creates, embedder if embeds else None, self.index)


@contextmanager
def named(file: str) -> Iterator[None]:
    """Turns a file that is not there, or is none, into a sentence."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise UsageError(f"{file}: {(error.strerror or str(error)).lower()}") from None


def new_run(action: str) -> str:
    """An id for what one command does, so that it can be undone as a whole."""
    return f"{action}-{secrets.token_hex(4)}"


def _own_embedder(key: str) -> str:
    """The name that opens the embedder of a key 'model/dimensions/weights'."""
    model = key.rpartition("/")[0].rpartition("/")[0]
    if not model or model in _SPECS:
        return _SPECS.get(model, "minilm")
    if model == "hash":
        return model
    raise UsageError(f"this memory was embedded with '{model}': name how to open that with --embedder")
