"""Recall and learning: the one place where the agent and its concept memory meet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agent.budget import estimate_tokens
from agent.errors import BudgetExceeded
from agent.kit import Kit, Recall
from agent.models.reply import Message
from agent.state import State
from agent.trace import Hint, Recalled

if TYPE_CHECKING:
    from memory import ConceptDraft, ConceptStore, Provenance
    from memory.distil import WritingRequest

CONCEPTS_PER_RECALL = 2


def recall_from(store: ConceptStore) -> Recall:
    """A store as the function that blocks recall through. A store's work runs in a thread, off the event loop."""

    async def recall(query: str, max_tokens: int) -> Recalled:
        return await asyncio.to_thread(_recall, store, query, max_tokens)

    return recall


def _recall(store: ConceptStore, query: str, max_tokens: int) -> Recalled:
    from memory.render import render

    recollection = store.recall(query, limit=CONCEPTS_PER_RECALL)
    rendered = render([hit.concept for hit in recollection.hits], max_tokens, estimate_tokens)
    hints = tuple(
        Hint(
            concept_id=hit.concept.id,
            title=hit.concept.title,
            similarity=hit.similarity,
            posterior=hit.concept.outcomes.posterior,
        )
        for hit in recollection.hits
        if hit.concept.id in rendered.ids
    )
    return Recalled(text=rendered.text, hints=hints)


class Learner:
    """Distils a run into concepts, where public evidence says that its answer is right.

    The gate is `Candidate.verified`: a second independent route, or all of the task's own worked examples. A grade
    never opens it, because no grade is ever in a `State`.

    Args:
        store: where concepts go.
        model: name of the model that solved and writes, for provenance.
    """

    def __init__(self, store: ConceptStore, model: str) -> None:
        self._store = store
        self._model = model

    async def learn(self, state: State, kit: Kit) -> dict[str, str]:
        """Titles of the concepts written, by id; empty where nothing was verified or worth keeping."""
        from memory.distil import SolvedTrace, distil

        leader = state.leader
        if leader is None or not leader.verified:
            return {}
        programs = [step.program for step in leader.steps if step.program]
        solved = SolvedTrace(
            task_id=state.task.id,
            task_prompt=state.task.prompt,
            kind=state.task.kind,
            program=programs[-1] if programs else None,
            reasoning="\n".join(step.text for step in leader.steps if not step.program),
            answer=leader.text,
            verified_by="worked examples" if leader.examples_passed == 1.0 else f"{leader.routes} independent routes",
            model=self._model,
        )

        async def write(request: WritingRequest) -> str:
            messages = (
                Message(role="system", content=request.system),
                Message(role="user", content=request.prompt),
            )
            try:
                reply = await kit.send(
                    messages, max_tokens=request.max_tokens, json_schema=request.json_schema, silent=True
                )
            except BudgetExceeded:
                return ""  # what can be kept without a writer is kept
            return reply.text

        distilled = await distil(solved, write)
        kept = [await asyncio.to_thread(self._keep, draft, solved.provenance) for draft in distilled.drafts]
        return {concept_id: draft.title for concept_id, draft in zip(kept, distilled.drafts, strict=True)}

    def _keep(self, draft: ConceptDraft, provenance: Provenance) -> str:
        return self._store.add(draft, actor="distil", cause=provenance.task_id, provenance=provenance, status="trusted")
