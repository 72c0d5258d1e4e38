"""A sitting of `pilotage bench`: tasks, agents and results files opened, what is missing solved, progress told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilotage.agent.banks.progress import clock
from pilotage.agent.banks.sources import Assigned, mixed
from pilotage.agent.batch.results import ResultsFile
from pilotage.agent.bench.methods import Method, require_fresh, too_long
from pilotage.agent.bench.run import Lane, solve_by_all, tidied
from pilotage.agent.cli.assembly import agent_of, model_of
from pilotage.agent.cli.pace import paced
from pilotage.agent.cli.solve.batch import conditions_of, kept_in
from pilotage.agent.cli.terminal import interruptible, plain
from pilotage.agent.errors import BeyondBudget, ModelUnavailable, Unable, UsageError
from pilotage.agent.peers.block import Peers
from pilotage.agent.peers.toolkit import Peer, is_peer
from pilotage.agent.sandbox import open_sandbox
from pilotage.agent.settings import Settings
from pilotage.agent.tasks.grading import grader_for

if TYPE_CHECKING:
    from pilotage.agent.batch.pace import Pace
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.run import Run
    from pilotage.agent.runner import ReasoningAgent
    from pilotage.agent.sandbox import Sandbox


@dataclass(frozen=True)
class Sitting:
    """What one call of the command works on.

    Attributes:
        settings: what all have in common.
        model: asked by all.
        assigned: the tasks that can be graded, with their families.
        lanes: the methods under the seeds of their repeats.
        kept: whether the results outlive the command.
        left_out: how many entries of the sources were none, or cannot be graded.
        unable: why methods that may lack something were left out.
        beyond: why tasks were left out that the budget cannot hold.
        peers: what runs of other toolkits share; None where there is none.
    """

    settings: Settings
    model: ModelClient
    assigned: tuple[Assigned, ...]
    lanes: tuple[Lane, ...]
    kept: Path | None
    left_out: int = 0
    unable: tuple[Unable, ...] = ()
    beyond: tuple[str, ...] = ()
    peers: Peers | None = None

    def solve(self, console: Screen) -> None:
        """Solves what is missing, with progress; where it is stopped the error says what is kept and how to go on."""
        tasks = [one.task for one in self.assigned]

        async def everything() -> None:
            sandbox = self.lanes[0].agent.components.sandbox
            if regraded := await tidied(self.lanes, tasks, sandbox):
                console.print(f"{len(regraded)} tasks are graded otherwise than before: their answers have changed")
            async with AsyncExitStack() as opening:
                if self.peers is not None:
                    await opening.enter_async_context(self.peers)
                on_run, on_pair = opening.enter_context(told(console, self.lanes, len(tasks)))
                await solve_by_all(
                    self.lanes, tasks, concurrency=self.settings.concurrency, on_run=on_run, on_pair=on_pair
                )

        with interruptible(lambda: f"interrupted; {self.rest}", also_by_sigterm=True):
            try:
                asyncio.run(everything())
            except ModelUnavailable as error:
                raise ModelUnavailable(f"{error} The comparison ends here; {self.rest}") from error

    @property
    def rest(self) -> str:
        """What there is of a comparison that has come to no end, and how to go on."""
        if self.kept is not None:
            files = {lane.results.path: lane.results for lane in self.lanes}
            return kept_in(list(files.values()), "run", self.kept)
        quick = "; the replies are cached, so that the same command is quick about them" if self.settings.cache else ""
        return f"no run is kept, since no --out was given{quick}"


def opened(
    stack: ExitStack,
    methods: tuple[Method, ...],
    settings: Settings,
    specs: Sequence[str],
    folder: Path,
    console: Screen,
    *,
    fields: Mapping[str, str],
    limit: int | None,
    repeats: int,
    resume: bool,
    in_sample: bool,
    kept: bool,
    may_lack: Collection[Method] = (),
    peers: Path | None = None,
) -> Sitting:
    """Opens everything, and refuses what cannot be done as asked before any call is paid.

    Args:
        stack: closes the results files.
        methods: who takes part.
        settings: what all have in common; each has its own policy, effort and seed.
        specs: sources of tasks, mixed.
        folder: of the results files.
        console: where entries that are left out are named.
        fields: which field of a file's records holds what.
        limit: the first so many tasks.
        repeats: runs of each task by each method; the seeds are that of the settings and those after it.
        resume: go on with the files that are there.
        in_sample: judge policies on tasks that they were trained on, too.
        kept: whether the folder outlives the command.
        may_lack: methods that are left out, and named, where they need what the model or the machine has not.
        peers: folder of the environments of other toolkits.

    Raises:
        UsageError: a method, a source or a file is not what it should be.
    """
    assigned, defects = mixed(specs, limit, fields)
    graded, ungraded = gradable(assigned, open_sandbox(settings.sandbox))
    sitting = seated(
        stack, methods, settings, graded, folder, repeats=repeats, resume=resume, in_sample=in_sample, kept=kept,
        may_lack=may_lack, peers=peers, may_leave_out=True,
    )  # fmt: skip
    console.print_left_out([*sitting.unable, *defects, *ungraded, *sitting.beyond])
    return replace(sitting, left_out=len(defects) + len(ungraded) + len(sitting.beyond))


def gradable(assigned: Sequence[Assigned], sandbox: Sandbox | None) -> tuple[list[Assigned], list[str]]:
    """The tasks that can be graded, and the others with why.

    Raises:
        UsageError: there is none.
    """
    graded: list[Assigned] = []
    ungraded: list[str] = []
    for one in assigned:
        if grader_for(one.task, sandbox) is not None:
            graded.append(one)
        else:
            ungraded.append(f"{one.task.id}: nothing says what is right")
    if not graded:
        raise UsageError(
            f"none of the {len(assigned)} tasks has an answer to compare with, so nothing could be judged: give tasks "
            "with `gold` (or `answer`), or name the field that has it by --map answer=FIELD"
        )
    return graded, ungraded


def seated(
    stack: ExitStack,
    methods: tuple[Method, ...],
    settings: Settings,
    graded: Sequence[Assigned],
    folder: Path,
    *,
    repeats: int,
    resume: bool,
    in_sample: bool,
    kept: bool,
    may_lack: Collection[Method] = (),
    peers: Path | None = None,
    model: ModelClient | None = None,
    may_leave_out: bool = False,
) -> Sitting:
    """Opens agents and results files for tasks that are there, over a model that may be loaded already.

    Arguments and errors are those of `opened`; a task that the budget of a run cannot hold is left out where that may
    be, else it is an error.
    """
    model = model or model_of(settings)
    model.keeps_cut = True
    tasks = [one.task for one in graded]
    beyond: dict[str, BeyondBudget] = {}
    able: list[tuple[Method, list[ReasoningAgent], dict[str, Any]]] = []
    shared = Peers(peers) if any(is_peer(method.policy) for method in methods) else None
    unable: list[Unable] = []
    for method in methods:
        own = settings.model_copy(update={"policy": method.policy, "effort": method.effort})
        seeded = [own.model_copy(update={"seed": settings.seed + repeat}) for repeat in range(repeats)]
        peer = Peer.parse(method.policy) if is_peer(method.policy) else None
        others = {} if shared is None or peer is None else shared.of_agent(peer)
        try:
            agents = [agent_of(one, model, None, **others) for one in seeded]
        except Unable as lack:
            if method not in may_lack:
                raise
            unable.append(lack)
            continue
        components = agents[0].components
        beyond = too_long(components.policy, tasks, components.budget) | beyond
        if not in_sample:
            require_fresh(method.label, components.policy, tasks)
        conditions = conditions_of(own, model) | {"seed": settings.seed}
        conditions |= {} if peer is None else {"toolkit": f"{peer.toolkit.name} {peer.toolkit.version}"}
        able.append((method, agents, conditions))
    named = tuple(f"the task {id!r:.80} is too long: {why}" for id, why in beyond.items())
    if named and (not may_leave_out or len(named) == len(tasks)):
        raise BeyondBudget(named[0])
    graded = [one for one in graded if one.task.id not in beyond]
    lanes: list[Lane] = []
    for method, agents, conditions in able:  # their files come last: a refused command leaves none
        results = stack.enter_context(
            ResultsFile(
                folder / f"{method.stem}.jsonl", resume=resume, settings={"policy": agents[0].components.policy.name},
                conditions=conditions,
            )
        )  # fmt: skip
        lanes += [Lane(method, repeat, agent, results) for repeat, agent in enumerate(agents)]
    if not lanes:
        raise unable[0]
    return Sitting(
        settings,
        model,
        tuple(graded),
        tuple(sorted(lanes, key=lambda lane: lane.repeat)),
        folder if kept else None,
        unable=tuple(unable),
        beyond=named,
        peers=shared,
    )


@contextmanager
def told(
    console: Screen, lanes: Sequence[Lane], tasks: int
) -> Iterator[tuple[Callable[[Method, Run], None], Callable[[Pace], None]]]:
    """Progress with the time left: a bar on a terminal, else a line now and then."""
    repeats = 1 + max(lane.repeat for lane in lanes)
    with paced(console, "comparing", tasks * repeats) as tell:

        def on_run(method: Method, run: Run) -> None:
            if run.error is not None:
                console.print(f"[red]not solved[/] {plain(run.task_id)} by {plain(method.label)}: {plain(run.error)}")

        def on_pair(pace: Pace) -> None:
            done, left = f"{pace.behind} of {pace.total} tasks are done by all methods", clock(pace.seconds_left)
            tell(pace, f"{left} left", f"{done}, {left} left at this pace")

        yield on_run, on_pair
