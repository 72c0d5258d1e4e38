"""Open turns: what was found in a turn of a conversation that waits for the results of the caller's tools."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from pilotage.agent.chat.conversation import turn_key
from pilotage.agent.task import Task
from pilotage.agent.trace import Step, Trace, Usage

MOST_TURNS = 256


def paid(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Steps that another run has paid for."""
    return tuple(step.model_copy(update={"usage": Usage()}) for step in steps)


class OpenTurns:
    """Steps by turn, the newest turns alone: a turn that is no longer known is replied to from its messages."""

    def __init__(self) -> None:
        self._steps: OrderedDict[str, tuple[Step, ...]] = OrderedDict()
        self._lock = Lock()

    def keep(self, task: Task, trace: Trace) -> None:
        """Keeps what a run found that ends with calls of tools; forgets the turn that another one ends."""
        if not task.messages:
            return
        key, steps = turn_key(task), trace.steps
        with self._lock:
            self._steps.pop(key, None)
            if steps and steps[-1].tool_calls:
                self._steps[key] = paid(steps[:-1])
                while len(self._steps) > MOST_TURNS:
                    self._steps.popitem(last=False)

    def found(self, task: Task) -> tuple[Step, ...]:
        """What was found in the turn that a conversation goes on with, already paid for; nothing in a new one."""
        if not any(message.role == "tool" for message in task.messages[-1:]):
            return ()
        with self._lock:
            return self._steps.get(turn_key(task), ())
