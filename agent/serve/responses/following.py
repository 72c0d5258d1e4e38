"""Following: what was erased of the memory, by any process on it, is erased of this host's responses too."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

from pilotage.memory.errors import ConceptStoreError

if TYPE_CHECKING:
    from pilotage.agent.serve.responses.store import ResponseStore
    from pilotage.agent.serve.service import Service

log = logging.getLogger("pilotage.serve")


class Following:
    """Compares the memory's tombstones with the responses, each once: when a server starts and before any is used.

    The memory is shared by hosts, and the file of responses by the processes of one. Where the memory cannot be asked
    now, the next use tries again.
    """

    def __init__(self, service: Service, store: ResponseStore) -> None:
        self._service, self._store = service, store
        self._seen = 0
        self._lock = Lock()

    def __call__(self) -> None:
        """Deletes what is to be deleted. Raises ResponseStoreUnusable."""
        with self._lock:
            try:
                erased = self._service.erased_after(self._seen)
            except ConceptStoreError as error:
                log.error("what was erased of the memory elsewhere is not known now: %s", error)
                return
            self._store.follow(erased)
            self._seen = max((one.number for one in erased), default=self._seen)
