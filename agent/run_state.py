"""RunState: what the graph carries from node to node, and the part of it that a parent graph or a caller sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, convert_to_messages
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langgraph.channels import EphemeralValue

from agent.errors import UsageError
from agent.task import Task
from agent.trace import Trace, Usage

NO_ANSWER = "No answer was reached."
"""What the message says whose run has none: many models refuse a conversation with an empty one in it."""


class RunInput(TypedDict, total=False):
    """What the graph reads: `task`, a `Task` (also as a dictionary) or just a question; else the last human message."""

    task: Annotated[dict[str, Any] | str, EphemeralValue]
    messages: Annotated[list[AnyMessage], EphemeralValue]


class RunOutput(TypedDict, total=False):
    """What the graph writes.

    `answer`; one more message where the task came as one; and the whole account of the run, under a name that no
    other graph uses for something else (`trace_of` reads it).
    """

    answer: str | None
    messages: Annotated[list[AnyMessage], EphemeralValue]
    pilotage: dict[str, Any]


class RunState(RunInput, RunOutput, total=False):
    """The graph's own state. What is neither read nor written above is private: no parent's key of that name meets it.

    It is set anew when a run begins, so that nothing of an earlier run decides a later one, also where a checkpointer
    keeps the state between them. `working` holds the task as the run works on it.
    """

    working: dict[str, Any]
    conversing: bool
    run: str
    clock: dict[str, Any]
    budget: dict[str, Any]
    recalled: dict[str, Any]
    steps: list[dict[str, Any]]
    charges: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    observation: list[float]
    decision: dict[str, str]
    stopped_by: str
    reply: AIMessage | None
    learned: list[str]
    followed: list[str]


def anew() -> RunState:
    """The private state of a run that has not begun: everything that an earlier one may have left, emptied."""
    return RunState(
        answer=None,
        pilotage={},
        recalled={},
        steps=[],
        charges=[],
        decisions=[],
        observation=[],
        decision={},
        stopped_by="",
        reply=None,
        learned=[],
        followed=[],
    )


def trace_of(run: Mapping[str, Any]) -> Trace:
    """The trace that a graph's state holds, or what it wrote as `pilotage`."""
    kept = {key: run[key] for key in ("recalled", "steps", "charges", "decisions") if key in run}
    return Trace.model_validate(kept)


def question_in(state: RunState) -> str:
    """The last human message's text.

    Raises:
        UsageError: there is neither a task nor a question.
    """
    for message in reversed(convert_to_messages(state.get("messages") or [])):
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


def as_task(given: Any) -> Task:
    """The public view of a task as a caller gives it.

    Raises:
        UsageError: it is none.
    """
    from pydantic import ValidationError

    if isinstance(given, Task):
        return given.public()
    try:
        return Task.model_validate(given).public()
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"])) or "task"
        raise UsageError(
            f"`task` is no task ({place}: {error.errors()[0]['msg']}): give a question as text, or a Task"
        ) from None
