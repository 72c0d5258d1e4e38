"""A memory of somebody else's: one asynchronous function that the graph recalls through (`Recall` in agent/kit.py)."""

from __future__ import annotations

from collections.abc import Collection
from inspect import isawaitable

from pilotage.agent.errors import UsageError
from pilotage.agent.kit import Kit, Recall
from pilotage.agent.trace import Recalled
from pilotage.common.plugins import accepts, described


class OwnMemory:
    """Recalls through somebody's function, and checks what it gives. Nothing is learnt into it.

    Raises:
        UsageError: it cannot be called as a `Recall`.
    """

    def __init__(self, recall: Recall) -> None:
        if not accepts(recall, "query", 100, None, exclude=(), tried=""):
            raise UsageError(
                f"memory is {described(recall)}: give a ConceptStore, or an asynchronous function "
                '`(query, max_tokens, kit=None, *, exclude=(), tried="")` that returns a Recalled'
            )
        self._recall = recall

    async def __call__(
        self, query: str, max_tokens: int, kit: Kit | None = None, *, exclude: Collection[str] = (), tried: str = ""
    ) -> Recalled:
        """What the function has for a task."""
        recalling = self._recall(query, max_tokens, kit, exclude=exclude, tried=tried)
        given = await recalling if isawaitable(recalling) else recalling
        if not isinstance(given, Recalled):
            raise UsageError(
                f"memory is {described(self._recall)}, which gave {described(given)}: it has to return a "
                "pilotage.agent.trace.Recalled"
            )
        return given
