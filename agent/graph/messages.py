"""Messages of a graph around this one: which of them is a model's reply, and which came after its task."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple


class ReplyListener(BaseCallbackHandler):
    """Notes the replies of the chat models that are called under it."""

    run_inline = True

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """Notes one reply."""
        for generation in response.generations[0] if response.generations else ():
            if isinstance(generation, ChatGeneration) and generation.message.id:
                self._ids[generation.message.text.strip()] = generation.message.id

    def id_of(self, text: str | None) -> str | None:
        """The id of the reply that said exactly this; None where none did."""
        return self._ids.get(text.strip()) if text is not None else None


def listen_for_replies() -> ReplyListener:
    """Listens to the models that the running node calls from here on."""
    listener = ReplyListener()
    callbacks = get_config().get("callbacks")
    if isinstance(callbacks, BaseCallbackManager):
        callbacks.add_handler(listener)
    return listener


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
