"""ConceptMemoryMiddleware: a memory for agents of LangChain's `create_agent`, which recalls before the model is called.

    agent = create_agent(model, tools, middleware=[ConceptMemoryMiddleware(store)])

What memory has for the newest human message stands before that message's text in every call of its turn, quoted as
data, and in no message that the agent keeps. Nothing is distilled here, since a conversation with tools shows no
evidence of its own: that its tools answered says nothing of the reply. A run of `ReasoningAgent.as_tool` that has a
memory teaches that itself. What is recorded is what was shown and followed, and what `feedback` says came of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, NotRequired, TypeVar

from langchain.agents.middleware.types import AgentMiddleware, AgentState, PrivateStateAttr
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from pilotage.agent.answers import conveys
from pilotage.agent.errors import UsageError
from pilotage.agent.kit import HINT_TOKENS
from pilotage.agent.learning.credit import CreditedTurn, follows, record_feedback, still_there
from pilotage.agent.learning.recalling import Recaller
from pilotage.agent.trace import Step

if TYPE_CHECKING:
    from pilotage.memory import ConceptStore
    from pilotage.memory.edits.credit import Outcome

log = logging.getLogger("pilotage.memory")
KEY: Final = "pilotage_recalled"
T = TypeVar("T")


class RecalledState(AgentState[Any]):
    """The agent's state, with what memory gave for the turn: private, plain JSON, and gone with the next turn's."""

    pilotage_recalled: NotRequired[Annotated[dict[str, Any], PrivateStateAttr]]


class ConceptMemoryMiddleware(AgentMiddleware[RecalledState, Any, Any]):
    """Shows an agent what a concept memory has for the message that it answers, and records what came of it.

    A memory that fails makes a warning in the log, once, and the agent goes on without it.

    Args:
        store: the memory; whoever opened it closes it.
        max_tokens: what the hints of a turn may cost.
        record: whether it is recorded in the memory which concepts were shown and followed.
        evidence_from: names of tools that `ReasoningAgent.as_tool` made. Where a verified run of theirs stands in a
            turn, and the last reply says its answer, the concepts of the turn count as recalled for a solved task, and
            those followed as having helped. No other tool's artifact is believed.
    """

    state_schema = RecalledState

    def __init__(
        self,
        store: ConceptStore,
        *,
        max_tokens: int = HINT_TOKENS,
        record: bool = True,
        evidence_from: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.tools = []
        self._store = store
        self._recaller = Recaller(store)
        self._max_tokens = max_tokens
        self._record = record
        self._evidence_from = frozenset((evidence_from,) if isinstance(evidence_from, str) else evidence_from)
        self._warned = False

    def before_model(self, state: RecalledState, runtime: Any) -> dict[str, Any] | None:
        """Asks memory about the newest human message, once a turn."""
        asked = newest_question(state["messages"])
        kept = state.get(KEY)
        if asked is None or _is_of(kept, asked):
            return None
        recalled = self._safely(lambda: self._recaller.at_once(asked.text, self._max_tokens))
        text, hints = (recalled.text, recalled.hints) if recalled is not None else ("", ())
        return {KEY: {"turn": turn_name(asked), "text": text, "concepts": [hint.concept_id for hint in hints]}}

    async def abefore_model(self, state: RecalledState, runtime: Any) -> dict[str, Any] | None:
        """As `before_model`, off the event loop."""
        return await asyncio.to_thread(self.before_model, state, runtime)

    def wrap_model_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Lets the model read what memory gave for this turn."""
        return handler(_with_hints(request))

    async def awrap_model_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """As `wrap_model_call`."""
        return await handler(_with_hints(request))

    def after_agent(self, state: RecalledState, runtime: Any) -> dict[str, Any] | None:
        """Records what came of the concepts that the turn was shown."""
        asked, kept = newest_question(state["messages"]), state.get(KEY)
        if self._record and asked is not None and kept is not None and _is_of(kept, asked) and kept["concepts"]:
            self._safely(lambda: self._credit(state["messages"], asked, kept))
        return None

    async def aafter_agent(self, state: RecalledState, runtime: Any) -> dict[str, Any] | None:
        """As `after_agent`, off the event loop."""
        return await asyncio.to_thread(self.after_agent, state, runtime)

    def feedback(self, messages: Sequence[BaseMessage] | Mapping[str, Any], *, helped: bool) -> tuple[str, ...]:
        """Records whether a turn's reply was good, as credit for the concepts that it followed; returns their ids.

        Saying it again changes nothing, the opposite takes the first back; so does
        `store.undo_run("feedback:" + turn_name(message))`.

        Args:
            messages: of the conversation up to that turn's end, or what the agent returned.
            helped: whether it was good.

        Raises:
            UsageError: there is no human message in them.
        """
        given = messages["messages"] if isinstance(messages, Mapping) else messages
        asked = newest_question(given)
        if asked is None:
            raise UsageError("the messages hold no question: give those that the agent returned")
        turn = turn_name(asked)
        recorded = self._store.events(None, run=turn)
        followed = tuple(event.concept_id for event in recorded if "followed" in event.body.get("outcomes", ()))
        record_feedback(self._store, CreditedTurn(turn, turn, followed), helped)
        return tuple(still_there(self._store, followed))

    async def afeedback(self, messages: Sequence[BaseMessage] | Mapping[str, Any], *, helped: bool) -> tuple[str, ...]:
        """As `feedback`, off the event loop."""
        return await asyncio.to_thread(lambda: self.feedback(messages, helped=helped))

    def _credit(self, messages: Sequence[BaseMessage], asked: HumanMessage, kept: Mapping[str, Any]) -> None:
        turn = [*_turn(messages)]
        steps = [*_steps(turn)]
        solved = any(_says(turn, run) for run in self._verified(turn))
        outcomes: dict[str, list[Outcome]] = {}
        for id, concept in still_there(self._store, kept["concepts"]).items():
            outcomes[id] = ["recalled", "recalled_solved"] if solved else ["recalled"]
            if any(follows(step, concept, asked.text) for step in steps):
                outcomes[id] += ["followed", "helped"] if solved else ["followed"]
        if outcomes:
            self._store.record_outcomes(outcomes, actor="agent", cause=kept["turn"], run=kept["turn"])

    def _verified(self, turn: Sequence[BaseMessage]) -> Iterator[Mapping[str, Any]]:
        """The verified runs of the tools that are believed."""
        for message in turn:
            if isinstance(message, ToolMessage) and message.name in self._evidence_from:
                run = message.artifact
                if isinstance(run, Mapping) and run.get("verified") is True and isinstance(run.get("answer"), str):
                    yield run

    def _safely(self, do: Callable[[], T]) -> T | None:
        """What memory gives; None where it fails, whatever the reason: the agent is somebody else's."""
        try:
            done = do()
        except Exception as error:
            if not self._warned:
                log.warning("the memory failed, and the agent goes on without it: %s: %s", type(error).__name__, error)
            self._warned = True
            return None
        self._warned = False
        return done


def newest_question(messages: Sequence[BaseMessage]) -> HumanMessage | None:
    """The newest human message with text; None where there is none."""
    asked = (message for message in reversed(messages) if isinstance(message, HumanMessage) and message.text.strip())
    return next(asked, None)


def turn_name(asked: HumanMessage) -> str:
    """What the memory's history calls the turn that a human message begins."""
    named = asked.id or asked.text
    return f"turn:{hashlib.sha256(named.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _is_of(kept: Mapping[str, Any] | None, asked: HumanMessage) -> bool:
    return kept is not None and kept["turn"] == turn_name(asked)


def _with_hints(request: Any) -> Any:
    """A request with the hints before the text of the newest human message; as it is where they are another turn's."""
    kept, messages = request.state.get(KEY), list(request.messages)
    asked = newest_question(messages)
    if asked is None or not _is_of(kept, asked) or not kept["text"]:
        return request
    content: Any = (
        f"{kept['text']}\n\n{asked.content}"
        if isinstance(asked.content, str)
        else [{"type": "text", "text": kept["text"]}, *asked.content]
    )
    place = next(place for place, message in enumerate(messages) if message is asked)
    messages[place] = asked.model_copy(update={"content": content})
    return request.override(messages=messages)


def _turn(messages: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
    """What came after the newest question."""
    asked = newest_question(messages)
    place = next(place for place, message in enumerate(messages) if message is asked)
    return messages[place + 1 :]


def _steps(turn: Sequence[BaseMessage]) -> Iterator[Step]:
    """What the model wrote in a turn, as steps that may show the use of a concept; a text argument may be a program."""
    for message in turn:
        if isinstance(message, AIMessage):
            yield Step(block="model", text=message.text)
            for call in message.tool_calls:
                texts = [value for value in call["args"].values() if isinstance(value, str)]
                yield from (Step(block="tool", text=text, program=text) for text in texts)


def _says(turn: Sequence[BaseMessage], run: Mapping[str, Any]) -> bool:
    """Whether the last reply says the answer of a run."""
    reply = next((message.text for message in reversed(turn) if isinstance(message, AIMessage)), "")
    return conveys(reply, "numeric", run["answer"])
