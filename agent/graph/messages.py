"""Messages: the question in them, the answer as one, and what those of a graph around this one tell."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.messages import AIMessage, BaseMessage, convert_to_messages
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config

from pilotage.agent.errors import UsageError
from pilotage.agent.trace import Usage

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple


NO_ANSWER = "No answer was reached."
"""What the message says whose run has none: many models refuse a conversation with an empty one in it."""


def messages_in(state: Mapping[str, Any]) -> list[BaseMessage]:
    """The messages, in every form in which LangGraph's own states take them; one that stands alone is a list too.

    Raises:
        UsageError: they are none.
    """
    given: Any = state.get("messages") or []
    of_a_role = isinstance(given, tuple) and all(isinstance(part, str) for part in given)
    try:
        alone = of_a_role or isinstance(given, str | Mapping | BaseMessage)
        return convert_to_messages([given] if alone else given)
    except (ValueError, TypeError, NotImplementedError) as error:
        why = str(error).splitlines()[0]
        raise UsageError(f"`messages` holds what is no message ({why}): give LangChain messages, or text") from error


def question_in(messages: Sequence[BaseMessage]) -> str:
    """The last human message's text.

    Raises:
        UsageError: there is neither a task nor a question.
    """
    for message in reversed(messages):
        if message.type == "human" and message.text.strip():
            return str(message.text)
    raise UsageError(
        "the graph was given nothing to solve: set `task` (a question, or a Task), or `messages` with a human one"
    )


def as_message(answer: str | None, usage: Usage, stopped_by: str, *, cut: bool, id: str | None) -> AIMessage:
    """An answer as the message that ends a turn, with all that the run cost."""
    return AIMessage(
        content=answer if answer is not None else NO_ANSWER,
        id=id,
        usage_metadata=UsageMetadata(
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            total_tokens=usage.total_tokens,
            input_token_details=InputTokenDetails(cache_read=usage.cached_tokens),
        ),
        response_metadata={"stopped_by": stopped_by, "cut": cut, "answered": answer is not None},
    )


class ReplyListener(BaseCallbackHandler):
    """Notes the replies of the chat models that the running node calls from here on."""

    run_inline = True

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        callbacks = get_config().get("callbacks")
        if isinstance(callbacks, BaseCallbackManager):
            callbacks.add_handler(self)

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """Notes one reply."""
        for generation in response.generations[0] if response.generations else ():
            if isinstance(generation, ChatGeneration) and generation.message.id:
                self._ids[generation.message.text.strip()] = generation.message.id

    def id_of(self, text: str | None) -> str | None:
        """The id of the reply with exactly this text; None where none did."""
        return self._ids.get(text.strip()) if text is not None else None


_CHECKPOINTER = "__pregel_checkpointer"
"""Where in `configurable` LangGraph hands a checkpointer to the nodes of a graph that has one."""


async def asks_since(task: Any, messages: Sequence[BaseMessage], config: RunnableConfig) -> bool:
    """Whether the last message is a human one that came after the task, which then is one of an earlier turn.

    A parent that keeps its state hands over all of it at every turn; its checkpoint tells which of the two came last.
    Without checkpoints nothing is of an earlier turn. Where the parent has not stored this turn yet, which came last
    cannot be known, and the message that nobody has answered is taken. A graph that was itself handed both at once
    does not know either: the one around it is asked.
    """
    if not messages or messages[-1].type != "human":
        return False
    configurable = config.get("configurable", {})
    saver = configurable.get(_CHECKPOINTER)
    if saver is None:
        return False
    for parent in _around(configurable):
        stored = await _stored(saver, configurable["thread_id"], *parent)
        if stored is None:
            return True
        values: dict[str, Any] = stored.checkpoint["channel_values"]
        versions: dict[str, Any] = {**stored.checkpoint["channel_versions"]}
        if "task" not in versions or "messages" not in versions or values.get("task") != task:
            return False  # the task does not come from the parent's state
        if versions["messages"] != versions["task"]:
            return bool(versions["messages"] > versions["task"])
    return False


def _around(configurable: dict[str, Any]) -> list[tuple[str, str]]:
    """Namespaces and ids of the checkpoints of the graphs around the one whose node is given, the innermost first."""
    own = str(configurable.get("checkpoint_ns", "")).rpartition("|")[0]
    return [place for place in (configurable.get("checkpoint_map") or {}).items() if own and place[0] != own][::-1]


async def _stored(saver: BaseCheckpointSaver[Any], thread: str, ns: str, id: str) -> CheckpointTuple | None:
    place = RunnableConfig(configurable={"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": id})
    try:
        return await saver.aget_tuple(place)
    except NotImplementedError:  # a synchronous one
        return await asyncio.to_thread(saver.get_tuple, place)
