"""Keeping: the record of a completion is written before the last of its reply is sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from pilotage.memory.errors import ConceptStoreError

if TYPE_CHECKING:
    from pilotage.agent.run import Run
    from pilotage.agent.serve.memory.records import Records
    from pilotage.agent.serve.service import Caller
    from pilotage.memory import ConceptStore

log = logging.getLogger("pilotage.serve")


def keeper(
    records: Records, store: ConceptStore | None, caller: Caller, completion: str
) -> Callable[[Sequence[Run]], Awaitable[None]]:
    """What keeps the runs of a completion or a response; nothing where there is no memory.

    A reply is not withheld because its record cannot be written: the log tells, and feedback on it finds nothing.
    """

    async def keep(runs: Sequence[Run]) -> None:
        if store is None or not runs:
            return
        try:
            await asyncio.to_thread(records.put, store, completion, caller.key, runs)
        except ConceptStoreError as error:
            log.error("there will be no feedback on %s, which could not be recorded: %s", completion, error)

    return keep
