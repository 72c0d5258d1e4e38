"""Which vector index a URL names: Chroma's server, or by its scheme one that somebody else wrote.

An index is a `VectorView`: it answers `nearest`, and brings itself up to date from the ledger, as `VectorScan` does.
To add one, write the function that opens it, and name it as an entry point in `pilotage.indexes`, or put it into
`INDEXES`.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from pilotage.common.plugins import accepts, described, label, loaded, plugins
from pilotage.memory.embedders.embedder import EmbedderIdentity
from pilotage.memory.errors import ConceptStoreError, IndexCorrupt, IndexUnreachable
from pilotage.memory.ledger.ledger import Ledger
from pilotage.memory.search.chroma_server import check_url, open_on_server
from pilotage.memory.search.exact_scan import Neighbour, VectorView

GROUP = "pilotage.indexes"
"""Entry points by which third parties add indexes, each under the scheme of its URLs."""

OpenIndex = Callable[[str, Ledger, str, EmbedderIdentity], VectorView]
"""From the URL, the ledger, the namespace and the embedder's identity; called anew when the embedder changes."""

INDEXES: dict[str, OpenIndex] = {}
"""Indexes that this process adds, by scheme: they are found before those that are installed."""


def opener_of(url: str) -> OpenIndex:
    """What opens the index that a URL names.

    Raises:
        IndexUnreachable: it names none, or what has its scheme opens none.
    """
    scheme, separator, _ = url.partition("://")
    if scheme in INDEXES and separator:
        return _checked(INDEXES[scheme], f"the index {scheme!r}")
    entry = plugins(GROUP).get(scheme) if separator else None
    if entry is not None and scheme not in ("http", "https"):
        return _checked(loaded(entry, IndexUnreachable), label(entry))
    check_url(url)
    return open_on_server


def is_chroma(url: str) -> bool:
    """Whether Chroma's server is what answers there."""
    return urlsplit(url).scheme in ("http", "https") and urlsplit(url).scheme not in INDEXES


def _checked(opens: OpenIndex, what: str) -> OpenIndex:
    if not accepts(opens, "url", "ledger", "namespace", "identity"):
        raise IndexUnreachable(
            f"{what} is {described(opens)}, which opens no index: write a function `(url, ledger, namespace, "
            "identity)` that returns an object with `nearest(query, limit, last)` and `close()`"
        )

    query = np.zeros(1, dtype=np.float32)

    def open_(url: str, ledger: Ledger, namespace: str, identity: EmbedderIdentity) -> VectorView:
        try:
            view = opens(url, ledger, namespace, identity)
        except ConceptStoreError:
            raise
        except Exception as error:  # code of somebody else may raise anything
            raise _failed(what, error) from error
        if not accepts(getattr(view, "nearest", None), query, 1, 0) or not accepts(getattr(view, "close", None)):
            raise IndexUnreachable(
                f"{what} opened {described(view)}, which is no index: it needs `nearest(query, limit, last)` and "
                "`close()`"
            )
        return OwnIndex(view, what)

    return open_


class OwnIndex:
    """Somebody's index, whose failures are sentences."""

    def __init__(self, view: VectorView, what: str) -> None:
        self._view = view
        self._what = what
        self.close = view.close

    def nearest(self, query: NDArray[np.float32], limit: int, last: int) -> list[Neighbour]:
        """What it finds.

        Raises:
            IndexUnreachable: it failed, or gave something else than neighbours.
        """
        try:
            found = self._view.nearest(query, limit, last)
        except Exception as error:
            # What is called corrupt is built anew, which is for the index in the memory's own folder.
            if isinstance(error, ConceptStoreError) and not isinstance(error, IndexCorrupt):
                raise
            raise _failed(self._what, error) from error
        if not isinstance(found, list) or not all(isinstance(one, Neighbour) for one in found):
            raise IndexUnreachable(
                f"{self._what} found {described(found)}: `nearest` has to return a list of Neighbours"
            )
        return found


def _failed(what: str, error: Exception) -> IndexUnreachable:
    why = f"{type(error).__name__}: {error}"
    return IndexUnreachable(f"{what} failed ({why}): mend it, or open the memory without `index`; nothing is lost")
