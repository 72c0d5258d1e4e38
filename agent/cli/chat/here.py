"""Here: the partner is an agent in this process."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from pilotage.agent import events
from pilotage.agent.chat.conversation import conversation_task
from pilotage.agent.cli.assembly import agent_of
from pilotage.agent.cli.chat.reply import Begun, Ended, Event, Reply
from pilotage.agent.errors import UsageError
from pilotage.agent.experience.undoing import undo_run
from pilotage.agent.learning.credit import ACTOR, learn_correction, record_feedback, take_back
from pilotage.agent.messages import Message, ReplyOptions
from pilotage.memory.errors import AlreadyUndone, UnknownEvent

if TYPE_CHECKING:
    from pilotage.agent.run import Run
    from pilotage.agent.runner import ReasoningAgent
    from pilotage.agent.settings import Settings
    from pilotage.memory import ConceptStore


class Here:
    """A partner over an agent; model and memory are released by whoever assembled it."""

    def __init__(self, agent: ReasoningAgent, settings: Settings) -> None:
        self._agent = agent
        self._settings = settings

    @property
    def name(self) -> str:
        """The model's name."""
        return self._agent.components.model.name

    async def reply(self, messages: Sequence[Message], sample: int) -> AsyncGenerator[Event, None]:
        """Has the agent reply."""
        task, id = conversation_task(messages, ReplyOptions(sample=sample)), secrets.token_hex(8)
        yield Begun({"id": id, "task_id": task.id})
        async with aclosing(self._agent.astream(task, run_id=id)) as happening:
            async for event in happening:
                if isinstance(event, events.Finished):
                    yield Ended(_facts(event.run))
                else:
                    yield event

    async def feedback(self, reply: Reply, helped: bool, correction: str) -> str:
        """Credits what the reply followed and taught, as `POST /v1/feedback` does."""
        return await asyncio.to_thread(self._feedback, self._memory(), reply, helped, correction)

    def _feedback(self, store: ConceptStore, reply: Reply, helped: bool, correction: str) -> str:
        take_back(store, reply)
        record_feedback(store, reply, helped)
        return feedback_sentence(reply, helped, *self._lesson(store, reply, correction))

    def _lesson(self, store: ConceptStore, reply: Reply, correction: str) -> tuple[str | None, str]:
        if not correction:
            return None, ""
        if not self._settings.learn:
            return None, "--no-learn leaves memory as it is"
        return learn_correction(store, reply, correction)

    async def take_back(self, reply: Reply) -> str:
        """Undoes what feedback on the reply and the reply itself changed in memory."""
        store = self._agent.memory
        return "" if store is None or not reply.id else await asyncio.to_thread(_undone, store, reply)

    async def models(self) -> list[str]:
        """None but the one that it was started with."""
        return [self.name]

    async def choose(self, name: str) -> None:
        """Refuses: another model is another process's."""
        raise UsageError("this chat has one model: start another with --model NAME, and --continue to go on")

    async def set_effort(self, effort: str) -> None:
        """Puts an agent in its place that differs in its effort."""
        self._settings = self._settings.model_copy(update={"effort": effort})
        before, model, store = self._agent, self._agent.components.model, self._agent.memory
        self._agent = agent_of(self._settings, model, store)
        await before.aclose()

    async def aclose(self) -> None:
        """Ends the agent's own thread."""
        await self._agent.aclose()

    def _memory(self) -> ConceptStore:
        if self._agent.memory is None:
            raise UsageError("this chat has no memory that feedback could reach: start it with --memory FOLDER")
        return self._agent.memory


def feedback_sentence(reply: Reply, helped: bool, lesson: str | None, why: str) -> str:
    """What feedback came to."""
    touched = len({*reply.followed, *reply.learned})
    told = (
        f"{touched} concept{'s' * (touched != 1)} of this reply" if touched else "no concept had a part in this reply"
    )
    said = f"{'credited' if helped else 'held against'}: {told}" if touched else f"noted: {told}"
    if lesson is not None:
        return f"{said}; the correction is kept as a provisional lesson"
    return f"{said}; the correction is not kept: {why}" if why else said


def taken_back_sentence(changes: int) -> str:
    """What taking back came to in memory; empty for nothing."""
    return f"{changes} change{'s' * (changes != 1)} of memory taken back" if changes else ""


def _undone(store: ConceptStore, reply: Reply) -> str:
    take_back(store, reply)
    undone = 0
    with suppress(UnknownEvent, AlreadyUndone):
        undone = len(undo_run(store, reply.id, actor=ACTOR, cause=reply.task_id))
    return taken_back_sentence(undone)


def _facts(run: Run) -> dict[str, object]:
    text = {"text": run.answer} if run.answer is not None else {}
    same = ("id", "task_id", "followed", "learned", "verified", "cut", "stopped_by", "usage", "seconds")
    steps = tuple(step.model_copy(update={"turns": ()}) for step in run.trace.steps)
    return {**text, "steps": steps, **{name: getattr(run, name) for name in same}}
