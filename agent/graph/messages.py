"""Messages: the question in them, the answer as one, and whether the question is newer than the parent's task."""

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

from pilotage.agent.chat.conversation import read_messages
from pilotage.agent.errors import UsageError
from pilotage.agent.messages import Message
from pilotage.agent.trace import Usage

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple


NO_ANSWER = "No answer was reached."
"""What the message says whose run has none: many models refuse a conversation with an empty one in it."""


def messages_in(state: Mapping[str, Any]) -> list[BaseMessage]:
    """The messages of a state, in every form in which LangGraph's own states take them; a single one makes a list.

    Raises:
        UsageError: something in there is no message.
    """
    given: Any = state.get("messages") or []
    of_a_role = isinstance(given, tuple) and all(isinstance(part, str) for part in given)
    try:
        alone = of_a_role or isinstance(given, str | Mapping | BaseMessage)
        return convert_to_messages([given] if alone else given)
    except KeyError as error:  # of a tool call or its result, both of which need an id
        raise UsageError(f"`messages` holds a message without its {error}: give LangChain messages, or text") from error
    except (ValueError, TypeError, AttributeError, NotImplementedError) as error:
        why = str(error).splitlines()[0]
        raise UsageError(f"`messages` holds what is no message ({why}): give LangChain messages, or text") from error


def conversation_in(messages: Sequence[BaseMessage]) -> tuple[Message, ...]:
    """The conversation up to the last human message, or to the results of the tools that were called behind it.

    Raises:
        UsageError: there is neither a task nor a question.
    """
    asked = [place for place, message in enumerate(messages) if message.type == "human" and message.text.strip()]
    if not asked:
        raise UsageError(
            "the graph was given nothing to solve: set `task` (a question, or a Task), or `messages` with a human one"
        )
    has_results = any(message.type == "tool" for message in messages[asked[-1] :])
    return read_messages(messages if has_results else messages[: asked[-1] + 1])


def as_message(answer: str | None, usage: Usage, stopped_by: str, *, cut: bool, id: str | None) -> AIMessage:
    """The answer, or `NO_ANSWER`, as the message that ends a turn, with the tokens of the whole run."""
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
    """Keeps the ids of the replies that chat models give to the running node, from now on."""

    run_inline = True

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        callbacks = get_config().get("callbacks")
        if isinstance(callbacks, BaseCallbackManager):
            callbacks.add_handler(self)

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """Keeps one reply's id."""
        for generation in response.generations[0] if response.generations else ():
            if isinstance(generation, ChatGeneration) and generation.message.id:
                self._ids[generation.message.text.strip()] = generation.message.id

    def id_of(self, text: str | None) -> str | None:
        """The id of the last reply with this text, blanks at its ends aside; None where there is none."""
        return self._ids.get(text.strip()) if text is not None else None


_CHECKPOINTER = "__pregel_checkpointer"
"""Key of `configurable` under which LangGraph hands its checkpointer to the nodes of a graph that has one."""


async def is_newer_than_task(task: Any, messages: Sequence[BaseMessage], config: RunnableConfig) -> bool:
    """Whether the last message is a human one and newer than the task, which then is left over from an earlier turn.

    A parent graph with a checkpointer keeps its state and hands over all of it at every turn. Its checkpoint has the
    version of each channel, and the newer one was written last. In order:

    - Without a checkpointer nothing is left over from an earlier turn: false.
    - A parent without a checkpoint of this turn cannot tell; the message has no answer yet, so it counts as newer.
    - A parent whose task is another does not hand over this one: false.
    - A parent that was handed both at once has one version for both: the graph around it is asked.
    """
    if not messages or messages[-1].type != "human":
        return False
    configurable = config.get("configurable", {})
    saver = configurable.get(_CHECKPOINTER)
    if saver is None:
        return False
    for parent in _parent_checkpoints(configurable):
        stored = await _checkpoint(saver, configurable["thread_id"], *parent)
        if stored is None:
            return True
        values: dict[str, Any] = stored.checkpoint["channel_values"]
        versions: dict[str, Any] = {**stored.checkpoint["channel_versions"]}
        if "task" not in versions or "messages" not in versions or values.get("task") != task:
            return False  # the task does not come from the parent's state
        if versions["messages"] != versions["task"]:
            return bool(versions["messages"] > versions["task"])
    return False


def _parent_checkpoints(configurable: dict[str, Any]) -> list[tuple[str, str]]:
    """Namespace and id of the checkpoint of each graph around the running node's own, the innermost first."""
    own = str(configurable.get("checkpoint_ns", "")).rpartition("|")[0]
    return [place for place in (configurable.get("checkpoint_map") or {}).items() if own and place[0] != own][::-1]


async def _checkpoint(saver: BaseCheckpointSaver[Any], thread: str, ns: str, id: str) -> CheckpointTuple | None:
    place = RunnableConfig(configurable={"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": id})
    try:
        return await saver.aget_tuple(place)
    except NotImplementedError:  # a synchronous one
        return await asyncio.to_thread(saver.get_tuple, place)
