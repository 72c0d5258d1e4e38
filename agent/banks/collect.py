"""Collect: records reasoning trees into a bank. Every node once, each on disk before the next; it goes on at any time.

A task's tree starts with the ways of a plan; episodes then explore beyond it. All of it is decided by the plan, by what
a run itself shows, and by draws that are seeded by the task; so a collection that was stopped goes on as if it had not
been, and a node's score has no say in what is recorded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from pilotage.agent.banks.explore import Mix
from pilotage.agent.banks.plan import Way
from pilotage.agent.banks.progress import Tally, Walked
from pilotage.agent.banks.recorder import Enough, RecordedState, Recorder
from pilotage.agent.banks.sources import Assigned
from pilotage.agent.banks.stepwise import Stepwise
from pilotage.agent.batch.workers import Refusals, at_once
from pilotage.agent.blocks.answer import shortest_prompt
from pilotage.agent.components import Components
from pilotage.agent.errors import UsageError
from pilotage.agent.models.reply import RequestRefused
from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import grader_for
from pilotage.navigator.bank.records import ROOT, Node, child_id
from pilotage.navigator.bank.writer import BankWriter


@dataclass(frozen=True)
class Study:
    """How much of each task's tree is recorded.

    Attributes:
        plan: ways that are recorded of every task, in this order.
        mix: who explores in the episodes.
        episodes: how many episodes follow the plan.
        max_depth: blocks of an episode, the answer not counted.
        samples: repeats of every way and episode, each a world of its own; all but the first are sampled.
        nodes_per_task: nodes of a task at most, the root included; None for no limit.
        seed: of the episodes.
    """

    plan: Sequence[Way]
    mix: Mix
    episodes: int = 0
    max_depth: int = 4
    samples: int = 1
    nodes_per_task: int | None = None
    seed: int = 0

    def ways(self) -> Iterator[Way]:
        """The ways of the plan that the limit has room for, whether or not their conditions hold in a task.

        The cut is the same for all tasks: one that depended on what a task showed elsewhere would tell of it.
        """
        named: set[tuple[str, ...]] = {()}
        for way in self.plan:
            named |= {way.blocks[: place + 1] for place in range(len(way.blocks))}
            if self.nodes_per_task is not None and len(named) * self.samples > self.nodes_per_task:
                return
            yield way

    @property
    def entries(self) -> int:
        """Plan entries and episodes of one task, and its root."""
        return 1 + (len(list(self.ways())) + self.episodes) * self.samples


@dataclass
class Collector:
    """Records tasks into a bank.

    Attributes:
        until: asked before anything is run; true leaves the rest for another sitting.
        on_node: called with each node once it is on disk.
        on_task: called with the id of each task that is complete.
        tally: how far it is.
        refused: tasks that the endpoint refused a request of in this sitting, and why.
    """

    stepwise: Stepwise
    writer: BankWriter
    study: Study
    until: Callable[[], bool] = lambda: False
    on_node: Callable[[Node], None] = lambda node: None
    on_task: Callable[[str], None] = lambda task: None
    tally: Tally = field(default_factory=Tally)
    refused: dict[str, str] = field(default_factory=dict)
    _refusals: Refusals = field(default_factory=Refusals)

    async def collect(self, tasks: Sequence[Assigned], concurrency: int = 1) -> None:
        """Records all tasks, `concurrency` at a time.

        Raises:
            ModelUnavailable: the endpoint is down, or refuses one task after another; what was recorded is on disk.
            BankError: the bank does not take a node.
        """
        self.tally.entries = self.study.entries * len(tasks)
        self.tally.known = sum(self._known(task.task.id) for task in tasks)
        self.tally.begin()
        waiting = iter(tasks)

        async def work() -> None:
            for assigned in waiting:
                if self.until():
                    return
                await self._try(assigned)

        await at_once(work, min(concurrency, len(tasks)))

    async def _try(self, assigned: Assigned) -> None:
        """Records a task; one that the endpoint refuses is left as far as it came, for another sitting."""
        try:
            await self._record(assigned)
        except RequestRefused as error:
            self.refused[assigned.task.id] = str(error)
            self._refusals.refused(error)
        else:
            self._refusals.answered()

    def _known(self, task: str) -> int:
        """How many entries of a task are on disk, as far as that can be told without walking its tree."""
        nodes = self.writer.nodes(task)
        self.tally.earlier += len(nodes)
        ids = (_id(way, sample) for way in self.study.ways() for sample in range(self.study.samples))
        return sum(id in nodes for id in (ROOT, *ids))

    async def _record(self, assigned: Assigned) -> None:
        here = Walked(self.tally, self.study.entries, set(self.writer.nodes(assigned.task.id)))

        def count(node: Node) -> None:
            here.add(node)
            self.on_node(node)

        recorder = Recorder(self.stepwise, self.writer, assigned, may_go_on=self._may_go_on, on_node=count)
        try:
            root = await recorder.root()
            here.passed(ROOT)
            for way in self.study.ways():
                for sample in range(self.study.samples):
                    await self._follow(way, root, recorder, sample)
                    here.passed(_id(way, sample))
            await self._explore(assigned.task, root, recorder, here)
        except Enough:
            if self.until():
                return
        here.finished()
        self.tally.tasks += 1
        self.on_task(assigned.task.id)

    def _may_go_on(self, nodes: int) -> bool:
        limit = self.study.nodes_per_task
        return not self.until() and (limit is None or nodes < limit)

    async def _follow(self, way: Way, here: RecordedState, recorder: Recorder, sample: int) -> None:
        actions = self.stepwise.components.registry.actions
        for place, block in enumerate(way.blocks):
            if not here.observed.mask[actions.index(block)] or not way.holds(place, here.observed):
                return
            here = await recorder.child(here, block, sample)

    async def _explore(self, task: Task, root: RecordedState, recorder: Recorder, progress: Walked) -> None:
        study, terminal = self.study, self.stepwise.components.registry.actions.terminal
        # Counted anew from the first episode in every sitting, so that a later one repeats the earlier one's choices.
        visits: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for episode in range(study.episodes):
            for sample in range(study.samples):
                rng = Random(f"{study.seed}/{task.id}/{episode}/{sample}")
                explorer, here = study.mix.draw(rng), root
                for _ in range(study.max_depth):
                    block = explorer.choose(here.observed, visits[here.node.id], rng)
                    if block == terminal:
                        break
                    visits[here.node.id][block] += 1
                    here = await recorder.child(here, block, sample)
                progress.passed()


def _id(way: Way, sample: int) -> str:
    id = ROOT
    for block in way.blocks:
        id = child_id(id, block, sample)
    return id


def unfit(task: Task, components: Components) -> str | None:
    """Why a task cannot be recorded, in a sentence; None for one that can."""
    try:
        if grader_for(task, components.sandbox) is None:
            return "it has no gold answer, so stopping has no score"
        components.budget.require_room_for(shortest_prompt(task))
    except UsageError as error:
        return str(error)
    return None
