"""What all `pilotage memory` commands share: their options and opening the store."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pilotage.memory import ConceptStore

Memory = Annotated[
    str | None,
    typer.Option("--memory", metavar="DIR|URL", help="Memory folder or database URL. (default: as for solve)"),
]
Namespace = Annotated[str, typer.Option(help="Whose concepts.")]
Embedder = Annotated[
    str | None,
    typer.Option(
        help="minilm, hash, sentence-transformers:FOLDER or openai:MODEL@URL. "
        "(default: the memory's own, minilm for a new one)"
    ),
]
Index = Annotated[
    str | None, typer.Option("--index", metavar="URL", help="Chroma server to use in place of the embedded index.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Cause = Annotated[str, typer.Option(help="Why; kept in the history.")]

# Names of the embedders whose identity says more than the name that opens them.
_SPECS = {"all-minilm-l6-v2": "minilm"}


def open_store(
    memory: str | None,
    namespace: str,
    embedder: str | None = None,
    *,
    index: str | None = None,
    embeds: bool = False,
    creates: bool = False,
) -> ConceptStore:
    """The store that the options name.

    Args:
        memory: folder or URL; None for what the settings say.
        namespace: whose concepts.
        embedder: its name; None for the one that the memory was made with.
        index: URL of a Chroma server.
        embeds: whether the command embeds text; if not, no embedder is loaded unless one is named.
        creates: whether a memory that is not there is made.
    """
    from pilotage.memory import ConceptStore

    place = locate(memory)
    if not creates and "://" not in place and not (Path(place) / "ledger.sqlite").is_file():
        from pilotage.agent.errors import UsageError

        raise UsageError(f"there is no memory in {place}: `pilotage solve` and `pilotage memory add` make one")
    if embeds and embedder is None:
        with ConceptStore.open(place, embedder=None, namespace=namespace) as store:
            embedder = _own_embedder(store.stats().embedder)
    return ConceptStore.open(place, embedder=embedder, namespace=namespace, index=index)


def locate(memory: str | None) -> str:
    """Folder or URL of the memory, from the flag, a variable, `pilotage.toml` or the default."""
    from pilotage.agent.cli.assembly import memory_place
    from pilotage.agent.errors import UsageError
    from pilotage.agent.settings import settings_from

    settings = settings_from({"memory": memory})
    if settings.memory == "none":
        raise UsageError("the memory is set to 'none': name a folder with --memory DIR")
    return memory_place(settings)


@contextmanager
def named(file: str) -> Iterator[None]:
    """Turns a file that is not there, or is none, into a sentence."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        from pilotage.agent.errors import UsageError

        raise UsageError(f"{file}: {(error.strerror or str(error)).lower()}") from None


def new_run(action: str) -> str:
    """An id for what one command does, so that it can be undone as a whole."""
    return f"{action}-{secrets.token_hex(4)}"


def undo_command(run: str, memory: str | None, namespace: str) -> str:
    """The command that takes a run back, as it has to be typed."""
    where = f" --memory {shlex.quote(memory)}" if memory is not None else ""
    where += f" --namespace {shlex.quote(namespace)}" if namespace != "default" else ""
    return f"pilotage memory undo --run {run}{where}"


def _own_embedder(key: str) -> str:
    """The name that opens the embedder of a key 'model/dimensions/weights'."""
    model = key.rpartition("/")[0].rpartition("/")[0]
    if not model or model in _SPECS:
        return _SPECS.get(model, "minilm")
    if model == "hash":
        return model
    from pilotage.agent.errors import UsageError

    raise UsageError(f"this memory was embedded with '{model}': name how to open that with --embedder")
