"""Live training: real blocks behind the trainer, every node recorded, hard limits on what may be asked of the model."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pilotage.agent.banks.live_dynamics import LiveDynamics, T
from pilotage.agent.banks.recorder import RecordedState, Recorder
from pilotage.agent.banks.sources import Assigned
from pilotage.agent.banks.stepwise import ObservedState, StopOutcome
from pilotage.agent.components import Components
from pilotage.agent.errors import ModelUnavailable
from pilotage.agent.models.reply import RequestRefused
from pilotage.agent.task import Task
from pilotage.agent.trace import Usage
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.records import ROOT, Node, Tree, child_id
from pilotage.navigator.bank.writer import BankWriter
from pilotage.navigator.dynamics import Transition
from pilotage.navigator.errors import PolicyError


@dataclass(frozen=True)
class Limits:
    """Once one of these is used up, no node is begun any more.

    Attributes:
        llm_calls: made for the nodes that a training reached, whether now or in an earlier sitting; so a training that
            was killed and begun again stops where it would have stopped.
        minutes: of this sitting.
    """

    llm_calls: int | None = None
    minutes: float | None = None


@dataclass
class Spent:
    """What the nodes that a training reached have cost; those of an earlier sitting count as if paid now.

    Attributes:
        nodes: how many were reached.
        fresh: how many of them this sitting has run.
        usage: of all of them, with the answer that stopping there gives.
    """

    nodes: int = 0
    fresh: int = 0
    usage: Usage = Usage()


class RecordingDynamics(LiveDynamics):
    """Live dynamics over a bank that grows: a node that it holds is walked for nothing, any other is run and written.

    It is what `pilotage.navigator.training.train.train_live` trains on (its `LiveSource`). Blocks decode greedily as a
    rule, so what was recorded is what would happen again.

    Args:
        tasks: each with a gold answer.
        writer: the bank; made by these components (`pilotage.agent.banks.meta.recorded_in`).
        limits: on what is run.
        sources: the specifications that the tasks come from, for the training card.

    Attributes:
        spent: what the nodes reached have cost.
        stopped_by: the limit that is used up; from then on everything not reached is masked out.
        on_node: called with each node that was run, once it is on disk.
    """

    def __init__(
        self,
        components: Components,
        tasks: Sequence[Assigned],
        writer: BankWriter,
        *,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        sources: Sequence[str] = (),
    ) -> None:
        super().__init__(components, [one.task for one in tasks])
        self._assigned = {one.task.id: one for one in tasks}
        self._recorders = {  # what may be run is decided by the masks
            id: Recorder(self._stepwise, writer, one, may_go_on=lambda nodes: True, on_node=self._ran)
            for id, one in self._assigned.items()
        }
        self._writer, self._limits, self._sources = writer, limits, tuple(sources)
        self._reached: dict[str, dict[str, Node]] = {}
        self._here: RecordedState | None = None
        self._task = ""
        self._known_only = False
        self._started = time.monotonic()
        self.spent = Spent()
        self.stopped_by: str | None = None
        self.on_node: Callable[[Node], None] = lambda node: None

    @property
    def names(self) -> list[str]:
        """Ids of the tasks."""
        return list(self.tasks)

    def reset(self, seed: int | None = None, task: str | None = None, *, known_only: bool = False) -> Transition:
        """Starts a task's run, see `LiveDynamics`; `known_only` masks out, for this run, what was not reached before.

        Raises:
            PolicyError: a limit is used up and the task was never begun.
        """
        self._known_only = known_only
        return super().reset(seed, task)

    def bank(self) -> Bank:
        """What was reached so far, in memory; what else the folder holds is left out."""
        trees = {id: Tree(self._assigned[id].header, dict(nodes)) for id, nodes in sorted(self._reached.items())}
        headers = {id: tree.header for id, tree in trees.items()}
        return Bank(self._writer.path, self._writer.meta, headers, {}, trees)

    def account(self) -> Mapping[str, Any]:
        """What the training card says of where the tasks are from and what they cost."""
        usage = self.spent.usage
        return {
            "tasks": list(self._sources),
            "nodes": self.spent.nodes,
            "llm_calls": usage.llm_calls,
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "stopped_by": self.stopped_by,
        }

    def _start(self, task: Task) -> ObservedState:
        if task.id not in self._reached and self._is_used_up():
            raise PolicyError(
                f"the limit {self.stopped_by} is used up before each of the {len(self.tasks)} tasks was begun: "
                "raise it, or give fewer tasks"
            )
        self._task, recorder = task.id, self._recorders[task.id]
        return self._arrive(task, recorder.reached.get(ROOT) or self._do(recorder.root))

    def _take(self, task: Task, before: ObservedState, action: str) -> ObservedState:
        assert self._here is not None
        recorder = self._recorders[task.id]
        reached = recorder.reached.get(child_id(self._here.node.id, action))
        return self._arrive(task, reached or self._do(recorder.child, self._here, action))

    def _stop(self, task: Task, now: ObservedState) -> StopOutcome:
        assert self._here is not None
        node = self._here.node
        return StopOutcome(node.answer, node.score, Usage.model_validate(dict(node.answer_usage)))

    def _arrive(self, task: Task, here: RecordedState) -> ObservedState:
        self._here = here
        nodes = self._reached.setdefault(task.id, {})
        if here.node.id not in nodes:
            nodes[here.node.id] = here.node
            self.spent.nodes += 1
            for usage in (here.node.usage, here.node.answer_usage):
                self.spent.usage += Usage.model_validate(dict(usage))
        if not (self._is_used_up() or self._known_only):
            return here.observed
        known = {node.action for node in nodes.values() if node.parent == here.node.id and node.action is not None}
        return replace(here.observed, mask=here.observed.mask & self.actions.mask(known))

    def _is_used_up(self) -> bool:
        calls, minutes = self._limits.llm_calls, self._limits.minutes
        if calls is not None and self.spent.usage.llm_calls >= calls:
            self.stopped_by = self.stopped_by or "max_llm_calls"
        elif minutes is not None and time.monotonic() - self._started >= 60 * minutes:
            self.stopped_by = self.stopped_by or "limit_minutes"
        return self.stopped_by is not None

    def _do(self, what: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        try:
            return super()._do(what, *arguments)
        except RequestRefused as refused:
            raise ModelUnavailable(
                f"task {self._task}: {refused} The same command goes on where this ended; leave the task out if it is "
                "refused again."
            ) from refused

    def _ran(self, node: Node) -> None:
        self.spent.fresh += 1
        self.on_node(node)
