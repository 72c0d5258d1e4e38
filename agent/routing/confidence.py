"""Confidence: how likely the answer of a run is right, by a model that was fitted to recorded stops.

It reads what the navigator could see where the run stopped, and asks nobody; no grade has a part in it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pilotage.agent.errors import UsageError
from pilotage.agent.numbers import is_bare_number
from pilotage.agent.routing.observation import Observer
from pilotage.agent.state import State
from pilotage.common.paths import expanded
from pilotage.common.plugins import described
from pilotage.navigator.confidence.file import SHIPPED, read_model
from pilotage.navigator.confidence.model import ConfidenceModel, ConfidenceReader
from pilotage.navigator.errors import NavigatorError, SpecMismatch

if TYPE_CHECKING:
    from pilotage.agent.trace import Trace

DEFAULT = "default"
"""Name of the model that is shipped."""


@dataclass(frozen=True)
class AnswerConfidence:
    """Says how likely an answer is right: of the observations of one agent."""

    reader: ConfidenceReader
    observer: Observer

    @classmethod
    def of(cls, model: str | Path | ConfidenceModel, observer: Observer) -> Self | None:
        """By a model, by a file, or by the shipped model; None where the preset lacks what that one reads.

        Raises:
            UsageError: the model is none, cannot be read, or reads what this preset leaves out.
        """
        try:
            if isinstance(model, ConfidenceModel):
                given = model
            elif isinstance(model, str | os.PathLike):
                given = _read(SHIPPED if model == DEFAULT else expanded(model))
            else:
                raise UsageError(f"confidence is {described(model)}: give `default`, a file, or a ConfidenceModel")
            return cls(given.among(observer.spec), observer)
        except SpecMismatch as error:
            if model == DEFAULT:
                return None
            raise UsageError(str(error)) from error
        except NavigatorError as error:
            raise UsageError(str(error)) from error

    def __call__(self, ended: State, answer: str | None) -> float | None:
        """Probability in [0, 1] that the answer of a run that has ended is right.

        None where there is none; of an open task, of which nothing says what is right; of a reply in prose that no
        step has reached a candidate for; and where a step chose among several draws, as no run did that it was fitted
        to.
        """
        task, trace = ended.task, ended.trace
        if answer is None or task.kind == "open" or not trace.steps or any(step.draws for step in trace.steps):
            return None
        before = replace(ended, trace=_before_the_answer(trace))
        if before.leader is None and (task.messages or (task.inferred and not is_bare_number(answer))):
            return None
        return self.reader(self.observer.without_asking(before))


def _before_the_answer(trace: Trace) -> Trace:
    """As the navigator saw it when it chose to end."""
    return trace.model_copy(update={"steps": trace.steps[:-1]})


@lru_cache(maxsize=8)
def _read(path: Path) -> ConfidenceModel:
    return read_model(path)
