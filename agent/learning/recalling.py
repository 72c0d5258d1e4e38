"""Recalling: what memory gives a run, from a search alone or with a model that chooses (ArcMemo, section 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal

from pilotage.agent.errors import BadReply, BudgetExceeded
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message
from pilotage.agent.trace import Hint, Recalled
from pilotage.memory.learning.select import caption, select

if TYPE_CHECKING:
    from pilotage.memory import ConceptStore
    from pilotage.memory.learning.writer import Writer, WritingRequest
    from pilotage.memory.search.recall import Hit

CONCEPTS_PER_RECALL = 2

Selection = Literal["embedding", "llm"]
"""Who picks the concepts of a shortlist: its order by the indexes, or the model."""


class Recaller:
    """A store as the function that a run recalls through. A store's work is done in a thread, off the event loop.

    Args:
        store: where concepts come from.
        selection: `llm` lets the model choose among the nearest; it may choose none. One call.
        caption: search with a sentence of the model on what kind of task this is, beside the task. One call.
        related: how many concepts to name beside those that are shown. A large model may profit; names of other kinds
            of tasks led the 1.5B model astray (`benchmarks/hints.py`).
    """

    def __init__(
        self, store: ConceptStore, *, selection: Selection = "embedding", caption: bool = False, related: int = 0
    ) -> None:
        self._store = store
        self._selection = selection
        self._caption = caption
        self._related = related

    async def __call__(
        self, query: str, max_tokens: int, kit: Kit | None = None, *, exclude: Collection[str] = (), tried: str = ""
    ) -> Recalled:
        """What memory has for a task; see `pilotage.agent.kit.Recall`. A reply that cannot be used changes nothing."""
        if await asyncio.to_thread(self._store.is_empty):
            return Recalled()
        words = ""
        if kit is not None and self._caption:
            try:
                words = await caption(query, writer_from(kit)) or ""
            except BadReply:
                pass
        asked = "\n".join(part for part in (words, query, tried) if part)
        nearest = await asyncio.to_thread(self._store.recall, asked, CONCEPTS_PER_RECALL, exclude=frozenset(exclude))
        hits: Sequence[Hit] = nearest.hits
        shortlist = (*nearest.hits, *nearest.related)
        if kit is not None and self._selection == "llm" and hits:
            try:
                chosen = await select(query, shortlist, writer_from(kit), CONCEPTS_PER_RECALL, tried=tried)
                hits = hits if chosen.hits is None else chosen.hits
            except BadReply:
                pass
        related = [hit for hit in shortlist if hit not in hits]
        return await asyncio.to_thread(self._shown, hits, related[: self._related], max_tokens)

    def at_once(self, query: str, max_tokens: int) -> Recalled:
        """What memory has for a text by a search alone, for callers without an event loop."""
        if self._store.is_empty():
            return Recalled()
        nearest = self._store.recall(query, CONCEPTS_PER_RECALL)
        return self._shown(nearest.hits, nearest.related[: self._related], max_tokens)

    def _shown(self, hits: Sequence[Hit], related: Sequence[Hit], max_tokens: int) -> Recalled:
        rendered = self._store.render(hits, max_tokens, related=related)
        hints = tuple(
            Hint(
                concept_id=hit.concept.id,
                title=hit.concept.title,
                similarity=hit.similarity,
                posterior=hit.concept.outcomes.posterior,
            )
            for hit in hits
            if hit.concept.id in rendered.ids
        )
        return Recalled(text=rendered.text, hints=hints)


def writer_from(kit: Kit) -> Writer:
    """The kit's model as a writer. Where the budget allows no call it writes nothing, which memory takes as a miss."""

    async def write(request: WritingRequest) -> str:
        messages = (Message(role="system", content=request.system), Message(role="user", content=request.prompt))
        schema = request.json_schema
        try:
            return (await kit.send(messages, max_tokens=request.max_tokens, json_schema=schema, silent=True)).text
        except BudgetExceeded:
            return ""  # what can be kept without a writer is kept

    return write
