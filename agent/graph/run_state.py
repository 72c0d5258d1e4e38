"""RunState: what the graph carries from node to node, and the part of it that a parent graph or a caller sees."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from langchain_core.messages import AIMessage, AnyMessage
from langgraph.channels import EphemeralValue
from pydantic import BaseModel
from typing_extensions import TypedDict  # of `typing` pydantic makes no JSON schema before Python 3.12

from pilotage.agent.trace import CostEntry, DecisionRecord, Recalled, Step, Trace

M = TypeVar("M", bound=BaseModel)


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
    straight: str
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


BEFORE: RunState = {
    "answer": None,
    "straight": "",
    "pilotage": {},
    "recalled": {},
    "steps": [],
    "charges": [],
    "decisions": [],
    "observation": [],
    "decision": {},
    "stopped_by": "",
    "reply": None,
    "learned": [],
    "followed": [],
}
"""What a run that has not begun has of all that an earlier one may have left."""

_ENTRIES: Mapping[str, type[BaseModel]] = {"steps": Step, "charges": CostEntry, "decisions": DecisionRecord}
"""The lists of a trace, as the state keeps them under the same names."""


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
    entries: dict[str, Any] = {
        name: tuple(read(kind, entry) for entry in run.get(name, ())) for name, kind in _ENTRIES.items()
    }
    return Trace(recalled=read(Recalled, run.get("recalled") or {}), **entries)


def added(before: Trace, after: Trace, state: Mapping[str, Any]) -> dict[str, Any]:
    """What a node that took a run from one trace to another changes in its state: the entries that are new."""
    update: dict[str, Any] = {} if after.recalled is before.recalled else {"recalled": Dumped(after.recalled)}
    for name in _ENTRIES:
        if new := getattr(after, name)[len(getattr(before, name)) :]:
            update[name] = [*state.get(name, ()), *map(Dumped, new)]
    return update


PROCESS = secrets.token_hex(8)
"""Tells this process from those that a run was in before."""
_RESUMING = "__pregel_resuming"
"""What LangGraph sets in `configurable` for the first node of an invocation that goes on with an unfinished run.

Later nodes of that invocation are not told, so from the first one on the clock goes on.
"""


@dataclass(frozen=True)
class Clock:
    """Seconds that a run had taken at a moment of this process's monotonic clock, carried from node to node.

    The limit on seconds is one on the time since the run began, whatever passes between two blocks. What lies between
    a kill, or an interrupt, and the resumption does not count: nobody was at work.
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
