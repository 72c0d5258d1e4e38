"""Run: the result of one task, and the JSON object that the command line prints for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict

from pilotage.agent.errors import BadReply, ModelUnavailable, TaskError
from pilotage.agent.messages import Message, ToolCall
from pilotage.agent.trace import TRACE_FORMAT, DecisionRecord, Step, Trace, Usage

if TYPE_CHECKING:
    from pilotage.agent.routing.observation import Observer


class Navigation(BaseModel):
    """The decisions of a run, and by which actions and features they are to be read.

    Attributes:
        preset: of the observation.
        actions: hash of the action list (`ActionSpec.schema_hash`).
        features: hash of the features (`ObservationSpec.schema_hash`).
        decisions: in order. A step that a used-up budget forced is none.
    """

    model_config = ConfigDict(frozen=True)

    preset: str
    actions: str
    features: str
    decisions: tuple[DecisionRecord, ...]

    @classmethod
    def of(cls, observer: Observer, trace: Trace) -> Self | None:
        """The decisions of a trace; None where it has none."""
        if not trace.decisions:
            return None
        actions, features = observer.registry.actions.schema_hash, observer.spec.schema_hash
        return cls(preset=observer.preset, actions=actions, features=features, decisions=trace.decisions)


class UnusableRun(BadReply):
    """The model's reply stayed unusable, so the run has no answer; `trace` holds what it cost until then."""

    trace: Trace

    def __init__(self, message: str, trace: Trace) -> None:
        super().__init__(message)
        self.trace = trace


class RefusedRun(UnusableRun, ModelUnavailable):
    """The endpoint would not answer a request of this run; other runs it may well answer."""


class UngradedRun(TaskError):
    """The run's answer could not be graded; `trace` holds what it cost."""

    def __init__(self, message: str, trace: Trace) -> None:
        super().__init__(message)
        self.trace = trace


class Escalation(BaseModel):
    """What a first model came to before a second one solved the task anew.

    Attributes:
        model: the second one, whose steps the run's trace holds.
        confidence: of the first one's answer; None where it had none.
        answer: the first one's.
        steps: the first one's.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    confidence: float | None
    answer: str | None
    steps: tuple[Step, ...]

    @property
    def printed(self) -> dict[str, Any]:
        """As JSON shows it to a reader."""
        return {**self.model_dump(mode="json", exclude={"steps"}), "steps": [step.printed for step in self.steps]}


class Run(BaseModel):
    """What came of one task.

    Attributes:
        id: names the run in the history of what it wrote to memory.
        answer: the answer's text; None where the run reached none.
        score: grade in [0, 1]; None where the task has no gold answer.
        verified: whether public evidence backs the answer (`Candidate.verified`); no grade has a part in it.
        confidence: probability in [0, 1] that the answer is right, by what was seen where the run stopped; None where
            nothing says (`pilotage.agent.routing.confidence`). No grade has a part in it.
        abstained: whether the answer was withheld because its confidence is too low; the trace tells what it was.
        escalated: what a first model came to, where a second one solved the task; `usage` is of both.
        learned: ids of the concepts that this run wrote to memory.
        followed: ids of the recalled concepts that its steps show the use of.
        error: why the run has no answer, where the model's reply stayed unusable.
        stopped_by: `answer` if the navigator chose to end, else the limit that ended it (`max_tokens`, ...).
        seconds: wall-clock time of the whole run.
        navigation: what the navigator saw and chose; None where it took no decision, or decided for two models.
    """

    model_config = ConfigDict(frozen=True)

    id: str = ""
    task_id: str
    answer: str | None
    score: float | None
    trace: Trace
    verified: bool = False
    confidence: float | None = None
    abstained: bool = False
    escalated: Escalation | None = None
    learned: tuple[str, ...] = ()
    followed: tuple[str, ...] = ()
    model: str
    policy: str
    seed: int = 0
    stopped_by: str
    seconds: float
    error: str | None = None
    navigation: Navigation | None = None

    @property
    def route(self) -> tuple[str, ...]:
        """Names of the blocks run, in order."""
        return self.trace.route

    @property
    def cut(self) -> bool:
        """Whether the answer is a reply that a limit of tokens cut short: give the run a greater budget."""
        return (
            bool(self.trace.steps) and self.trace.steps[-1].cut and (self.answer is not None or bool(self.tool_calls))
        )

    @property
    def message(self) -> Message:
        """The answer as the assistant's next message, with the calls of the caller's tools that it makes."""
        return Message(role="assistant", content=self.answer or "", tool_calls=self.tool_calls)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Calls of the caller's tools that end a conversation's turn."""
        return self.trace.steps[-1].tool_calls if self.trace.steps else ()

    @property
    def thinking(self) -> str:
        """What the model thought before the reply of a conversation."""
        return self.trace.steps[-1].thinking if self.trace.steps else ""

    @property
    def usage(self) -> Usage:
        """All that the run cost, self-assessment and writing to memory included."""
        return self.trace.usage

    @property
    def recalled(self) -> tuple[str, ...]:
        """Ids of the concepts that memory gave."""
        return tuple(hint.concept_id for hint in self.trace.hints)

    @property
    def withheld(self) -> tuple[str, ...]:
        """Ids of the concepts that memory had for it, where the run was held out."""
        return tuple(hint.concept_id for hint in self.trace.recalled.withheld)

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints, one a task."""
        navigation = self.navigation and self.navigation.model_dump(mode="json", exclude_none=True)
        return {
            "format": TRACE_FORMAT,
            "run": self.id,
            "task_id": self.task_id,
            "answer": self.answer,
            "cut": self.cut,
            "score": self.score,
            "verified": self.verified,
            "confidence": None if self.confidence is None else round(self.confidence, 4),
            **({"abstained": True} if self.abstained else {}),
            "route": list(self.route),
            "steps": [step.printed for step in self.trace.steps],
            "charges": [charge.model_dump(mode="json") for charge in self.trace.charges],
            "usage": self.usage.model_dump(mode="json"),
            "recalled": list(self.recalled),
            "followed": list(self.followed),
            "withheld": list(self.withheld),
            "learned": list(self.learned),
            "model": self.model,
            "policy": self.policy,
            "seed": self.seed,
            "stopped_by": self.stopped_by,
            "seconds": round(self.seconds, 3),
            **({"escalated": self.escalated.printed} if self.escalated is not None else {}),
            **({"error": self.error} if self.error is not None else {}),
            **({"navigation": navigation} if navigation is not None else {}),
        }
