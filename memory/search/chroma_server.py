"""The vector index on a Chroma server (`chroma run`), for several processes or machines at once.

A collection is named after ledger, namespace and embedder, so that ledgers can share a server, and so that a reindex
builds the new collection while searches still use the old one. Every process brings the collection up to date from the
ledger before it searches. Doing so twice changes nothing, so they need no lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from pilotage.common.addresses import checked_address
from pilotage.memory.embedders.embedder import EmbedderIdentity
from pilotage.memory.errors import ConceptStoreError, IndexUnreachable
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.ledger.schema import concepts
from pilotage.memory.search.chroma import ChromaIndex, collection_name

_LONGEST = 120.0  # seconds for one answer of the server, for which chromadb itself waits for ever


def open_on_server(url: str, ledger: Ledger, namespace: str, identity: EmbedderIdentity) -> ChromaIndex:
    """The index of a namespace on the server at `url`, made if it is not there.

    Raises:
        IndexUnreachable: no Chroma server answers there, or not within two minutes.
    """
    guard = partial(_reachable, url)
    with guard():
        client = _connect(url)
    name = collection_name(ledger.id, namespace, identity.key)
    return ChromaIndex(client, name, guard, ledger, namespace, identity, shared=True)


def check_url(url: str) -> None:
    """Raise IndexUnreachable when `url` cannot be the address of a server."""
    try:
        checked_address(url, "a Chroma server")
    except ValueError as error:
        raise IndexUnreachable(str(error)) from None
    if path := urlsplit(url).path.strip("/"):
        raise IndexUnreachable(f"'{url}' is not the address of a Chroma server: leave out its path '{path}'")


def drop_collections(url: str, ledger: Ledger, identity: EmbedderIdentity) -> None:
    """Remove what the server holds of this ledger by an embedder that the ledger has left."""
    with ledger.read() as connection:
        namespaces = list(connection.scalars(select(concepts.c.namespace).distinct()))
    erase_collections(url, ledger, namespaces, [identity.key])


def erase_collections(url: str, ledger: Ledger, namespaces: Sequence[str], embedders: Sequence[str]) -> None:
    """Remove what the server holds of these namespaces, by these embedders' keys."""
    from chromadb.errors import NotFoundError

    with _reachable(url):
        client = _connect(url)
        try:
            for name in (collection_name(ledger.id, one, key) for one in namespaces for key in embedders):
                try:
                    client.delete_collection(name)
                except NotFoundError:
                    continue
        finally:
            client.close()


def _connect(url: str) -> Any:
    import chromadb
    import httpx
    from chromadb.config import Settings

    check_url(url)
    httpx.get(f"{url.rstrip('/')}/api/v2/heartbeat", timeout=_LONGEST)  # chromadb asks before its limit can be set
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    client: Any = chromadb.HttpClient(
        parts.hostname or "",
        port=parts.port or (443 if secure else 80),
        ssl=secure,
        settings=Settings(anonymized_telemetry=False),
    )
    sessions = [part._server._session for part in (client, client._admin_client)]
    for session in sessions:
        session.timeout = _LONGEST
    close = client.close

    def close_all() -> None:  # chromadb 1.5 leaves its connections open
        close()
        for session in sessions:
            session.close()

    client.close = close_all
    return client


@contextmanager
def _reachable(url: str) -> Iterator[None]:
    import httpx
    from chromadb.errors import ChromaError

    try:
        yield
    except ConceptStoreError:
        raise
    except (httpx.HTTPError, ChromaError, ValueError) as error:  # chromadb says ValueError where nobody listens
        raise IndexUnreachable(
            f"the Chroma server at {url} does not answer as it must ({type(error).__name__}: {error}): see that "
            "`chroma run` serves there, or open the memory without `index`; nothing is lost"
        ) from error
