"""Recalling: what memory gives a run, from a search alone or with a model that chooses (ArcMemo, section 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal

from pilotage.agent.budget import estimate_tokens
from pilotage.agent.errors import BadReply, BudgetExceeded
from pilotage.agent.kit import Kit
from pilotage.agent.models.reply import Message
from pilotage.agent.trace import Hint, Recalled

if TYPE_CHECKING:
    from pilotage.memory import ConceptStore, Recollection
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
        """What memory has for a task; see `agent.kit.Recall`. A model's reply that cannot be used changes nothing."""
        if await asyncio.to_thread(self._store.is_empty):
            return Recalled()
        words = await self._captioned(query, kit) if kit is not None and self._caption else ""
        asked = "\n".join(part for part in (words, query, tried) if part)
        found = await asyncio.to_thread(self._store.recall, asked, CONCEPTS_PER_RECALL, exclude=frozenset(exclude))
        hits: Sequence[Hit] = found.hits
        if kit is not None and self._selection == "llm" and hits:
            hits = await self._selected(query, found, kit, tried)
        related = [hit for hit in (*found.hits, *found.related) if hit not in hits]
        return await asyncio.to_thread(self._shown, hits, related, max_tokens)

    async def _captioned(self, task: str, kit: Kit) -> str:
        from pilotage.memory.learning.select import caption

        try:
            return await caption(task, writer_from(kit)) or ""
        except BadReply:
            return ""

    async def _selected(self, task: str, found: Recollection, kit: Kit, tried: str) -> Sequence[Hit]:
        from pilotage.memory.learning.select import select

        shortlist = (*found.hits, *found.related)
        try:
            chosen = await select(task, shortlist, writer_from(kit), CONCEPTS_PER_RECALL, tried=tried)
        except BadReply:
            return found.hits
        return found.hits if chosen.hits is None else chosen.hits

    def _shown(self, hits: Sequence[Hit], related: Sequence[Hit], max_tokens: int) -> Recalled:
        from pilotage.memory.render import render

        concepts = [hit.concept for hit in hits]
        rendered = render(
            concepts,
            max_tokens,
            estimate_tokens,
            related=[hit.concept for hit in related[: self._related]],
            types=self._store.types_of(concepts),
        )
        return Recalled(text=rendered.text, hints=tuple(map(_hint, (h for h in hits if h.concept.id in rendered.ids))))


def _hint(hit: Hit) -> Hint:
    return Hint(
        concept_id=hit.concept.id,
        title=hit.concept.title,
        similarity=hit.similarity,
        posterior=hit.concept.outcomes.posterior,
    )


def writer_from(kit: Kit) -> Writer:
    """The kit's model as a writer. Where the budget allows no call it writes nothing, which memory takes as a miss."""

    async def write(request: WritingRequest) -> str:
        messages = (Message(role="system", content=request.system), Message(role="user", content=request.prompt))
        try:
            reply = await kit.send(
                messages, max_tokens=request.max_tokens, json_schema=request.json_schema, silent=True
            )
        except BudgetExceeded:
            return ""  # what can be kept without a writer is kept
        return reply.text

    return write
