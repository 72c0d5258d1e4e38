"""Open turns: what was found in a turn of a conversation that waits for the results of the caller's tools."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock

from pilotage.agent.chat.conversation import turn_key
from pilotage.agent.task import Task
from pilotage.agent.trace import Step, Trace, Usage

MOST_TURNS = 256
MOST_OF_ALL = 4096
Owner = tuple[object, ...]
"""Whose turns: what tells one agent from another."""


def paid(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Steps that another run has paid for."""
    return tuple(step.model_copy(update={"usage": Usage()}) for step in steps)


class TurnTable:
    """Steps by owner and turn, the newest turns alone, so that several agents share one bound.

    Args:
        most: turns of one owner.
        most_of_all: turns of all owners together.
    """

    def __init__(self, most: int = MOST_TURNS, most_of_all: int = MOST_OF_ALL) -> None:
        self._most, self._most_of_all = most, most_of_all
        self._steps: OrderedDict[tuple[Owner, str], tuple[Step, ...]] = OrderedDict()
        self._count: Counter[Owner] = Counter()
        self._lock = Lock()

    def of(self, owner: Owner) -> OpenTurns:
        """The turns of one owner."""
        return OpenTurns(self, owner)

    def put(self, owner: Owner, turn: str, steps: tuple[Step, ...] | None) -> None:
        """Keeps the steps of a turn, and forgets the oldest where it is one too many; None: forgets the turn."""
        with self._lock:
            self._drop((owner, turn))
            if steps is None:
                return
            self._steps[owner, turn] = steps
            self._count[owner] += 1
            if self._count[owner] > self._most:
                self._drop(next(key for key in self._steps if key[0] == owner))
            if len(self._steps) > self._most_of_all:
                self._drop(next(iter(self._steps)))

    def get(self, owner: Owner, turn: str) -> tuple[Step, ...]:
        """The steps of a turn; none where it is not known."""
        with self._lock:
            return self._steps.get((owner, turn), ())

    def forget(self, which: Callable[[Owner], bool]) -> None:
        """Forgets all turns of some owners."""
        with self._lock:
            for key in [key for key in self._steps if which(key[0])]:
                self._drop(key)

    def _drop(self, key: tuple[Owner, str]) -> None:
        if self._steps.pop(key, None) is not None:
            self._count[key[0]] -= 1
            if not self._count[key[0]]:
                del self._count[key[0]]


class OpenTurns:
    """The turns of an agent: one that is no longer known is replied to from its messages, and its work done anew."""

    def __init__(self, table: TurnTable | None = None, owner: Owner = ()) -> None:
        self._table, self._owner = table or TurnTable(), owner

    def keep(self, task: Task, trace: Trace) -> None:
        """Keeps what a run found that ends with calls of tools; forgets the turn that another one ends."""
        if not task.messages:
            return
        steps = trace.steps
        waits = bool(steps) and bool(steps[-1].tool_calls)
        self._table.put(self._owner, turn_key(task), paid(steps[:-1]) if waits else None)

    def found(self, task: Task) -> tuple[Step, ...]:
        """What was found in the turn that a conversation goes on with, already paid for; nothing in a new one."""
        if not any(message.role == "tool" for message in task.messages[-1:]):
            return ()
        return self._table.get(self._owner, turn_key(task))
