"""Traces: ordinary runs as ways in a bank, so that a navigator learns from use.

A result line holds what the blocks did, not what they saw; that is computed again from the task and the steps. What
stopping gives is known where a candidate was at hand, and at the end; elsewhere nobody asked, so the node says
`answer_unknown` and scores 0, which is never too good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pilotage.agent.banks.grading import score_of_candidate
from pilotage.agent.banks.recorder import RecordedState, node_of
from pilotage.agent.banks.sources import Assigned
from pilotage.agent.banks.stepwise import UNUSABLE, ObservedState, StopOutcome
from pilotage.agent.blocks import Registry
from pilotage.agent.budget import Budget
from pilotage.agent.errors import UsageError
from pilotage.agent.graph.advance import extended
from pilotage.agent.routing.observation import Observer
from pilotage.agent.state import Abilities, State
from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import grader_for
from pilotage.agent.trace import Step, Trace, Usage
from pilotage.common.json_text import read_json
from pilotage.navigator.bank.records import Node
from pilotage.navigator.bank.writer import BankWriter
from pilotage.navigator.errors import BankError

if TYPE_CHECKING:
    from pilotage.agent.sandbox import Sandbox

ANSWERED = ("answer", "max_steps")
"""What stops a run that could have gone on or had its full length; everything else is a limit that cut it short."""


@dataclass
class Added:
    """What came of adding traces: nodes added, nodes that were there, lines left out and why."""

    nodes: int = 0
    known: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)


def result_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The numbered lines of a results file; raises UsageError where one is none. A torn last line is passed over."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"the results file {path} can't be read: {error.strerror}") from error
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), 1):
        try:
            result = read_json(line)
            if not isinstance(result["task_id"], str) or not isinstance(result["steps"], list):
                raise TypeError
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(f"{path}, line {number} is no result of `pilotage solve`") from error
        yield number, result


class TraceAdder:
    """Adds result lines to a bank.

    Args:
        writer: the bank; its observations must be of the preset `free`, since no other can be computed afterwards.
        tasks: the tasks that the lines are about, with their hidden part.
        registry: the blocks, as the bank has them.
        sandbox: for graders that run programs.

    Raises:
        UsageError: the bank's observations cannot be computed from traces.
        BankError: the bank was recorded with other blocks.
    """

    def __init__(
        self, writer: BankWriter, tasks: Sequence[Assigned], registry: Registry, sandbox: Sandbox | None = None
    ) -> None:
        meta = writer.meta
        if meta.preset != "free":
            raise UsageError(
                f"the bank's observations are of the preset {meta.preset!r}, which asks the model; traces give `free`"
            )
        self._observer = Observer(registry)
        if (meta.actions, meta.observations.names) != (registry.actions, self._observer.spec.names):
            raise BankError("the bank was recorded with other blocks or features than those installed; record anew")
        self._writer = writer
        self._tasks = {assigned.task.id: assigned for assigned in tasks}
        self._registry = registry
        self._sandbox = sandbox
        self._budget = Budget.model_validate(dict(meta.budget))
        self._abilities = Abilities(sandbox=bool(meta.extras.get("sandbox", True)))

    async def add(self, lines: Iterator[tuple[int, dict[str, Any]]]) -> Added:
        """Adds the runs of result lines; a line that does not fit is left out and named."""
        added = Added()
        for number, line in lines:
            why = self._misfit(line) or await self._add(line, added)
            if why is not None:
                added.left_out.append((f"line {number}, task {line['task_id']}", why))
        return added

    def _misfit(self, line: Mapping[str, Any]) -> str | None:
        names = [step.get("block") if isinstance(step, dict) else None for step in line["steps"]]
        if line["task_id"] not in self._tasks:
            return "the given tasks do not hold it"
        if grader_for(self._tasks[line["task_id"]].task, self._sandbox) is None:
            return "it has no gold answer"
        if line.get("error") is not None:
            return "it ended without a usable reply"
        if line.get("escalated") is not None:
            return "a second model solved it anew, so that its blocks are not those of one"
        if line.get("model") != self._writer.meta.model:
            return f"model {line.get('model')!r}, the bank has {self._writer.meta.model!r}"
        if line.get("recalled") or line.get("withheld") or "recall" in names:
            return "memory had a part in it, which the bank has not"
        if not names or names[-1] != self._registry.actions.terminal:
            return "it does not end with the answer"
        return None

    async def _add(self, line: Mapping[str, Any], added: Added) -> str | None:
        assigned = self._tasks[line["task_id"]]
        try:
            *steps, last = [Step.model_validate(step) for step in line["steps"]]
        except ValidationError:
            return "a step is malformed"
        stopped_by = None if line.get("stopped_by") in ANSWERED else str(line.get("stopped_by") or UNUSABLE)
        self._writer.begin(assigned.header)
        state = State(assigned.task.public(), Trace(), self._budget, self._abilities)
        before = None
        for place in range(len(steps) + 1):
            at_end = place == len(steps)
            step = steps[place - 1] if place else None
            state = extended(state, step) if step else state
            now = self._observed(state, step.usage if step else Usage(), stopped_by if at_end else None)
            outcome = await self._outcome(assigned.task, now, last if at_end else None)
            try:
                node = await self._keep(assigned.task, before, now, outcome, added)
                before = RecordedState(node, now)
            except BankError as error:
                return str(error)
        return None

    def _observed(self, state: State, usage: Usage, stopped_by: str | None) -> ObservedState:
        mask = self._registry.mask(state) if stopped_by is None else self._registry.actions.mask(())
        return ObservedState(state, self._observer.without_asking(state), mask, usage, stopped_by)

    async def _outcome(self, task: Task, now: ObservedState, answered: Step | None) -> StopOutcome | None:
        """What stopping gives; None where nobody asked."""
        if answered is not None:
            answer, usage = answered.candidate, answered.usage
        elif now.state.leader is not None:
            answer, usage = now.state.leader.text, Usage()
        else:
            return None
        grader = grader_for(task, self._sandbox)
        assert grader is not None  # lines of tasks without one are left out
        return StopOutcome(answer, (await grader.grade(task, answer)).score, usage)

    async def _keep(
        self, task: Task, before: RecordedState | None, now: ObservedState, outcome: StopOutcome | None, added: Added
    ) -> Node:
        """The node of this state: one that is there and says the same, or a new one, as a repeat if need be."""
        recorded, step = self._writer.nodes(task.id), now.state.last
        for sample in count():
            node = node_of(task, before, now, outcome or StopOutcome(None, 0.0), sample)
            known = recorded.get(node.id)
            if known is None:
                break
            if step is None or (known.text, known.candidate) == (step.text, step.candidate):
                added.known += 1
                return known
        extras = {key: value for key, value in node.extras.items() if key != "step"}  # the turns are not in a trace
        extras |= {"from": "trace"} | ({"answer_unknown": True} if outcome is None else {})
        score = await score_of_candidate(task, node.candidate, outcome, self._sandbox)
        node = replace(node, extras=extras, candidate_score=score)
        self._writer.add(task.id, node)
        added.nodes += 1
        return node
