"""State: what a block, a mask or an observation may know of a run. It holds no hidden answer by construction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from pilotage.agent.budget import Budget
from pilotage.agent.candidates import Candidate, candidates
from pilotage.agent.task import Task
from pilotage.agent.trace import Step, Trace


@dataclass(frozen=True)
class Abilities:
    """What this run can do besides asking the model."""

    sandbox: bool = False
    memory: bool = False


@dataclass(frozen=True)
class State:
    """A read-only view of a run between two steps.

    Attributes:
        run: id that what the run writes to memory carries.
        elapsed: seconds since it began, what passed between its steps included.
    """

    task: Task
    trace: Trace
    budget: Budget
    abilities: Abilities = Abilities()
    run: str = ""
    elapsed: float = 0.0

    def __post_init__(self) -> None:
        if self.task.gold is not None or self.task.metadata:
            raise ValueError("a run works on task.public(); the hidden answer stays with the grader")

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """Distinct answers so far, the strongest first."""
        return candidates(self.task, self.trace.steps)

    @property
    def leader(self) -> Candidate | None:
        """The strongest answer so far."""
        return self.candidates[0] if self.candidates else None

    @property
    def last(self) -> Step | None:
        """The step before this moment."""
        return self.trace.steps[-1] if self.trace.steps else None

    @property
    def steps_left(self) -> int:
        """Blocks that may still run, the answer included."""
        return max(0, self.budget.max_steps - len(self.trace.steps))

    @property
    def tokens_left(self) -> int:
        """Tokens of the budget not spent yet."""
        return max(0, self.budget.max_tokens - self.trace.usage.total_tokens)
