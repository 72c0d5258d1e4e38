"""RunState: what the graph carries from node to node, and the part of it that a parent graph or a caller sees."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, convert_to_messages
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langgraph.channels import EphemeralValue
from pydantic import BaseModel
from typing_extensions import TypedDict  # of `typing` pydantic makes no JSON schema before Python 3.12

from pilotage.agent.errors import UsageError
from pilotage.agent.trace import CostEntry, DecisionRecord, Recalled, Step, Trace, Usage

M = TypeVar("M", bound=BaseModel)

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
    keeps the state between them. `working` holds the task as the run works on it,
    `worker` tells the agent (`Components.identity`).
    """

    working: dict[str, Any]
    worker: str
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


class Dumped(dict[str, Any]):
    """A model's JSON that still knows the model, so that the next node of this process need not read it again.

    Whatever stores a state takes it for the plain dictionary that it is, and gives one back.
    """

    def __init__(self, model: BaseModel) -> None:
        super().__init__(model.model_dump())
        self.model = model

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)


def read(kind: type[M], kept: Any) -> M:
    """The model that a state holds as JSON."""
    return kept.model if isinstance(kept, Dumped) and isinstance(kept.model, kind) else kind.model_validate(kept)


def trace_of(run: Mapping[str, Any]) -> Trace:
    """The trace that a graph's state holds, or what it wrote as `pilotage`."""
    return Trace(
        recalled=read(Recalled, run.get("recalled") or {}),
        steps=tuple(read(Step, step) for step in run.get("steps", ())),
        charges=tuple(read(CostEntry, entry) for entry in run.get("charges", ())),
        decisions=tuple(read(DecisionRecord, decision) for decision in run.get("decisions", ())),
    )


def added(before: Trace, after: Trace, state: RunState) -> dict[str, Any]:
    """What a node that took a run from one trace to another changes in its state: the entries that are new."""
    update: dict[str, Any] = {}
    if after.recalled is not before.recalled:
        update["recalled"] = Dumped(after.recalled)
    news = {
        "steps": after.steps[len(before.steps) :],
        "charges": after.charges[len(before.charges) :],
        "decisions": after.decisions[len(before.decisions) :],
    }
    kept: Mapping[str, Any] = state
    return update | {key: [*kept.get(key, ()), *map(Dumped, new)] for key, new in news.items() if new}


def messages_in(state: RunState) -> list[BaseMessage]:
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


PROCESS = secrets.token_hex(8)
"""Tells this process from those that a run was in before."""
_RESUMING = "__pregel_resuming"
"""What LangGraph sets in `configurable` throughout an invocation that goes on with an unfinished run."""


@dataclass(frozen=True)
class Clock:
    """Seconds that a run had taken at a moment of this process's monotonic clock, carried from node to node.

    The limit on seconds is one on the time since the run began, whatever passes between two blocks; a process that was
    stopped and goes on has lost that time. What lies between a kill, or an interrupt, and the resumption does not
    count: nobody was at work.
    """

    seconds: float
    at: float

    @classmethod
    def start(cls) -> Clock:
        """The clock of a run that begins now."""
        return cls(0.0, time.monotonic())

    @classmethod
    def read(cls, kept: dict[str, Any] | None, configurable: dict[str, Any]) -> Clock:
        """The clock that a state keeps, counting on from here where the run was interrupted since."""
        if kept is None:
            return cls.start()
        went_on = kept["process"] == PROCESS and not configurable.get(_RESUMING, False)
        return cls(kept["seconds"], kept["at"] if went_on else time.monotonic())

    @property
    def elapsed(self) -> float:
        """Seconds that the run has taken by now."""
        return self.seconds + (time.monotonic() - self.at)

    def keep(self) -> dict[str, Any]:
        """The clock as it is now, as plain JSON."""
        return {"seconds": self.elapsed, "at": time.monotonic(), "process": PROCESS}
