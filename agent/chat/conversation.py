"""Conversations as tasks: what their newest message asks, and whether it is worked on or replied to straight away."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pilotage.agent.chat.first_decision import first_decision
from pilotage.agent.chat.housekeeping import WHY, is_housekeeping
from pilotage.agent.errors import UsageError
from pilotage.agent.messages import Message, ReplyOptions, ToolOffer, last_user
from pilotage.agent.task import Task
from pilotage.common.faults import first_fault

MOST_MESSAGES = 10_000
"""Of a conversation. No model has room for more, and to read them takes time in which nothing else is done."""


def read_messages(given: Sequence[Any]) -> tuple[Message, ...]:
    """Messages as callers have them: of this package, of LangChain, or dictionaries in OpenAI's form.

    Raises:
        UsageError: one of them is no message, none is the user's, or there are more than anybody reads.
    """
    if len(given) > MOST_MESSAGES:
        raise UsageError(f"`messages` are {len(given):,}; at most {MOST_MESSAGES:,} are read: send the latest of them")
    messages = tuple(_read(place, message) for place, message in enumerate(given))
    if last_user(messages) is None:
        raise UsageError("the conversation has no message of the user: give at least one with the role `user`")
    return messages


def _read(place: int, given: Any) -> Message:
    if isinstance(given, Message):
        return given
    if not isinstance(given, Mapping):
        given = _of_langchain(place, given)
    try:
        return Message.model_validate(given)
    except ValidationError as error:
        fault = first_fault(error)
        where = ".".join(filter(None, ["messages", str(place), fault.place]))
        raise UsageError(f"`{where}` is not as a message has it: {fault.reason}") from None


def _of_langchain(place: int, given: Any) -> dict[str, Any]:
    from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages

    if not isinstance(given, BaseMessage):
        raise UsageError(f"`messages.{place}` is a {type(given).__name__} and no message: give a role and content")
    converted = convert_to_openai_messages(given)
    assert isinstance(converted, dict)
    if isinstance(given, AIMessage):  # its content blocks hold thinking and calls too, which no server takes there
        calls = [*converted.get("tool_calls", ()), *given.invalid_tool_calls]
        return {**converted, "content": given.text, "tool_calls": calls}
    return converted


def reply_options(given: Mapping[str, Any]) -> ReplyOptions:
    """Options of a reply as callers name them: `tools` as a list, `tool_choice` and `parallel_tool_calls` beside it.

    Raises:
        UsageError: one of them has a value that it cannot have.
    """
    options = dict(given)
    choice, parallel = options.pop("tool_choice", None), options.pop("parallel_tool_calls", None)
    if tools := options.pop("tools", None):
        options["tools"] = (
            tools if isinstance(tools, ToolOffer) else {"tools": tools, "choice": choice, "parallel": parallel}
        )
    if isinstance(options.get("stop"), str):
        options["stop"] = (options["stop"],)
    known = {name: options.pop(name) for name in [*options] if name in ReplyOptions.model_fields}
    try:
        return ReplyOptions(**known, **({"more": {**known.pop("more", {}), **options}} if options else {}))
    except ValidationError as error:
        fault = first_fault(error)
        raise UsageError(f"`{fault.place}`: {fault.reason}") from None


def conversation_task(messages: Sequence[Message], options: ReplyOptions = ReplyOptions()) -> Task:  # noqa: B008 (frozen)
    """The task that a conversation sets: to reply to its last message of the user.

    Its kind is what the first decision would have the blocks look for; `open` where they are to look for nothing.
    """
    place = last_user(messages)
    assert place is not None
    asked = messages[place]
    kind = first_decision(asked.text, _before(messages, place)).kind
    content = json.dumps([message.model_dump() for message in messages]).encode("utf-8", "surrogatepass")
    return Task(
        id=f"chat-{hashlib.sha256(content).hexdigest()[:8]}",
        prompt=asked.shown,
        kind=kind,
        inferred=True,
        messages=tuple(messages),
        reply=options,
    )


@dataclass(frozen=True)
class Opening:
    """How the reply to a conversation is begun.

    Attributes:
        straight: why nothing is worked out first; empty where something is.
        thinks: why the first decision has something worked out; empty where it has not, or was not asked.
    """

    straight: str = ""
    thinks: str = ""


def opening(task: Task, *, decides: bool = True) -> Opening:
    """How the reply to a task is begun, if that is a conversation.

    `decides` lets the first decision say so; without it whatever a block can read is worked on.
    """
    why = _not_to_be_worked_on(task)
    place = last_user(task.messages)
    if why or place is None or not decides:
        return Opening(straight=why)
    if is_housekeeping(task.messages):
        return Opening(straight=WHY)
    decision = first_decision(task.prompt, _before(task.messages, place))
    return Opening(thinks=decision.why) if decision.think else Opening(straight=decision.why)


def _not_to_be_worked_on(task: Task) -> str:
    """Why no block may work on a conversation, whatever is asked; empty where one may."""
    place = last_user(task.messages)
    if place is None:
        return ""
    if behind := task.messages[place + 1 :]:
        by_tools = any(message.role == "tool" for message in behind)
        return "goes on with what the tools returned" if by_tools else "goes on with words of the assistant's own"
    if task.messages[place].others:
        return "holds more than text, which no block can read"
    return ""


def turn_key(task: Task) -> str:
    """Names the turn of a conversation: the same for its first call and for those that bring the tools' results."""
    place = last_user(task.messages)
    turn = [message.model_dump() for message in task.messages[: place + 1 if place is not None else 0]]
    return hashlib.sha256(json.dumps(turn).encode("utf-8", "surrogatepass")).hexdigest()


def _before(messages: Sequence[Message], place: int) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in messages[:place]]
