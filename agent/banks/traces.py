"""Traces: ordinary runs as ways in a bank, so that a navigator learns from use.

A result line holds what the blocks did, not what they saw; that is computed again from the task and the steps. What
stopping gives is known where a candidate was at hand, and at the end; elsewhere nobody asked, so the node says
`answer_unknown` and scores 0, which is never too good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pilotage.agent.banks.recorder import child_node, root_node
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
from pilotage.navigator.bank.bank import ROOT, BankWriter, Node, child_id
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
            steps = [Step.model_validate(step) for step in line["steps"]]
        except ValidationError:
            return "a step is malformed"
        *blocks, last = steps
        stopped_by = None if line.get("stopped_by") in ANSWERED else str(line.get("stopped_by") or UNUSABLE)
        self._writer.begin(assigned.header)
        state = State(assigned.task.public(), Trace(), self._budget, self._abilities)
        before: tuple[Node, ObservedState] | None = None
        for place in range(len(blocks) + 1):
            at_end = place == len(blocks)
            step = blocks[place - 1] if place else None
            state = extended(state, step) if step else state
            now = self._moment(state, step.usage if step else Usage(), stopped_by if at_end else None)
            ending = await self._ending(assigned.task, now, last if at_end else None)
            try:
                before = self._keep(assigned.task, before, now, ending, added), now
            except BankError as error:
                return str(error)
        return None

    def _moment(self, state: State, usage: Usage, stopped_by: str | None) -> ObservedState:
        mask = self._registry.mask(state) if stopped_by is None else self._registry.actions.mask(())
        return ObservedState(state, self._observer.without_asking(state), mask, usage, stopped_by)

    async def _ending(self, task: Task, now: ObservedState, answered: Step | None) -> StopOutcome | None:
        """What stopping gives; None where nobody asked."""
        leader = now.state.leader
        if answered is None and leader is None:
            return None
        answer = answered.candidate if answered is not None else leader.text if leader is not None else None
        grader = grader_for(task, self._sandbox)
        assert grader is not None  # lines of tasks without one are left out
        grade = await grader.grade(task, answer)
        return StopOutcome(answer, grade.score, answered.usage if answered is not None else Usage())

    def _keep(
        self,
        task: Task,
        before: tuple[Node, ObservedState] | None,
        now: ObservedState,
        ending: StopOutcome | None,
        added: Added,
    ) -> Node:
        """The node of this moment: one that is there and says the same, or a new one, as a repeat if need be."""
        there = self._writer.nodes(task.id)
        step = now.state.last
        sample = 0
        while True:
            id = ROOT if before is None or step is None else child_id(before[0].id, step.block, sample)
            known = there.get(id)
            if known is None:
                break
            if step is None or (known.text, known.candidate) == (step.text, step.candidate):
                added.known += 1
                return known
            sample += 1
        said = ending or StopOutcome(None, 0.0)
        if before is None:
            node = root_node(task, now, said)
        else:
            node = child_node(before[0], before[1], now, said, sample)
        extras = {key: value for key, value in node.extras.items() if key != "step"}  # the turns are not in a trace
        extras |= {"from": "trace"} | ({"answer_unknown": True} if ending is None else {})
        node = Node(**{**vars(node), "extras": extras})
        self._writer.add(task.id, node)
        added.nodes += 1
        return node
