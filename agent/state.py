"""State: what a block, a mask or an observation may know of a run. It holds no hidden answer by construction.

Its candidates are the answers reached so far, grouped by meaning and weighed by public evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pilotage.agent.answers import normal_form
from pilotage.agent.budget import Budget
from pilotage.agent.task import Task
from pilotage.agent.trace import Step, Trace, Usage


@dataclass(frozen=True)
class Candidate:
    """One distinct answer and the steps that reached it.

    Attributes:
        text: the answer as the last of these steps wrote it.
        steps: the steps that reached it.
        only_examples: whether worked examples alone verify it: several routes may misread what a task shows in one way.
        routes: how many of them did so on their own: a step that had seen the answer before does not count. For small
            models this was the best sign of a right answer: right 13 times in 16 where a second route agreed, 8 in 19
            where none did.
    """

    text: str
    steps: tuple[Step, ...]
    routes: int
    only_examples: bool = False

    @property
    def examples_passed(self) -> float:
        """Best share of the task's own worked examples among its steps; 0 where none were run."""
        return max(step.evidence.examples_passed or 0.0 for step in self.steps)

    @property
    def executed(self) -> bool:
        """Whether a program that ran printed it."""
        return any(step.evidence.program == "ok" for step in self.steps)

    @property
    def programs(self) -> int:
        """How many of its routes were programs that ran."""
        own = (step for place, step in enumerate(self.steps) if place == 0 or step.independent)
        return sum(step.routes for step in own if step.evidence.program == "ok")

    @property
    def mean_logprob(self) -> float:
        """Best mean token log-probability among its steps; minus infinity where no model gave any."""
        return max((s.mean_logprob for s in self.steps if s.mean_logprob is not None), default=float("-inf"))

    @property
    def verified(self) -> bool:
        """Whether public evidence backs it: all of the task's worked examples, or where none was tried a second route.

        Routes that fail on a worked example are wrong, however many of them agree.
        """
        if self.only_examples or any(step.evidence.examples_passed is not None for step in self.steps):
            return self.examples_passed == 1.0
        return self.routes >= 2

    @property
    def weight(self) -> tuple[float, int, float, bool]:
        """Sort key: worked examples passed, then agreement, then log-probabilities, then execution.

        Where a program and reasoning disagreed, the one with the higher mean token log-probability was right 5 times in
        6 on the problems that this order was chosen on, and 3 times in 8 on held-out ones (docs/benchmarks.md).
        """
        return (self.examples_passed, self.routes, self.mean_logprob, self.executed)


def candidates(task: Task, steps: Sequence[Step]) -> tuple[Candidate, ...]:
    """Distinct answers, the strongest first; of equals, the one that was reached first.

    None for an open task: its replies are alike or not as texts are, which is evidence of nothing.
    """
    if task.kind == "open":
        return ()
    reached: dict[str, list[Step]] = {}
    routes: dict[str, int] = {}
    for step in steps:
        if step.candidate is None:
            continue
        form = normal_form(task.kind, step.candidate, task.choices)
        own = step.routes if step.independent or form not in reached else 0
        routes[form] = routes.get(form, 0) + own
        reached.setdefault(form, []).append(step)
    shows = bool(task.inputs)
    distinct = (
        Candidate(group[-1].candidate or "", tuple(group), routes[form], shows) for form, group in reached.items()
    )
    return tuple(sorted(distinct, key=lambda candidate: candidate.weight, reverse=True))


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
    def routes(self) -> int:
        """Independent routes that reached an answer, and a step's draws that came to another than it chose."""
        kind, choices = self.task.kind, self.task.choices
        outvoted = sum(
            normal_form(kind, draw.candidate, choices) != normal_form(kind, step.candidate, choices)
            for step in self.trace.steps
            if step.candidate is not None
            for draw in step.draws
            if draw.candidate is not None
        )
        return sum(candidate.routes for candidate in self.candidates) + outvoted

    @property
    def last(self) -> Step | None:
        """The step before this moment."""
        return self.trace.steps[-1] if self.trace.steps else None

    @property
    def steps_left(self) -> int:
        """Blocks that may still run, the answer included."""
        return max(0, self.budget.max_steps - len(self.trace.steps))

    @cached_property
    def usage(self) -> Usage:
        """What the run has cost."""
        return self.trace.usage

    @property
    def tokens_left(self) -> int:
        """Tokens of the budget not spent yet."""
        return max(0, self.budget.max_tokens - self.usage.total_tokens)
