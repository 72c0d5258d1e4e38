"""Run: the result of one task, and the JSON object that the command line prints for it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from agent.trace import TRACE_FORMAT, Trace, Usage


class Run(BaseModel):
    """What came of one task.

    Attributes:
        answer: the answer's text; None where the run reached none.
        score: grade in [0, 1]; None where the task has no gold answer.
        learned: ids of the concepts that this run wrote to memory.
        stopped_by: `answer` if the navigator chose to end, else the limit that ended it (`max_tokens`, ...).
        seconds: wall-clock time of the whole run.
    """

    model_config = ConfigDict(frozen=True)

    task_id: str
    answer: str | None
    score: float | None
    trace: Trace
    learned: tuple[str, ...] = ()
    model: str
    policy: str
    seed: int = 0
    stopped_by: str
    seconds: float

    @property
    def route(self) -> tuple[str, ...]:
        """Names of the blocks run, in order."""
        return self.trace.route

    @property
    def usage(self) -> Usage:
        """All that the run cost, self-assessment and writing to memory included."""
        return self.trace.usage

    @property
    def recalled(self) -> tuple[str, ...]:
        """Ids of the concepts that memory gave."""
        return tuple(hint.concept_id for hint in self.trace.hints)

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints, one a task."""
        return {
            "format": TRACE_FORMAT,
            "task_id": self.task_id,
            "answer": self.answer,
            "score": self.score,
            "route": list(self.route),
            "steps": [
                step.model_dump(mode="json", exclude={"turns"})
                | {"evidence": step.evidence.model_dump(exclude_none=True)}
                for step in self.trace.steps
            ],
            "charges": [charge.model_dump(mode="json") for charge in self.trace.charges],
            "usage": self.usage.model_dump(mode="json"),
            "recalled": list(self.recalled),
            "learned": list(self.learned),
            "model": self.model,
            "policy": self.policy,
            "seed": self.seed,
            "stopped_by": self.stopped_by,
            "seconds": round(self.seconds, 3),
        }
