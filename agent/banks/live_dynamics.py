"""LiveDynamics: real blocks behind `pilotage.navigator.envs.env`: to learn live, and to check what a bank promised."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pilotage.agent.banks.stepwise import ObservedState, Stepwise, StopOutcome
from pilotage.agent.components import Components
from pilotage.agent.errors import UsageError
from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import grader_for
from pilotage.agent.trace import Usage
from pilotage.navigator.arguments import require_seed
from pilotage.navigator.bank.records import cost_of
from pilotage.navigator.dynamics import Transition, as_index
from pilotage.navigator.errors import EnvError
from pilotage.navigator.policies.policy import Decision, require_legal
from pilotage.navigator.spaces import ActionSpec, ObservationSpec
from pilotage.navigator.task_order import TaskOrder

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

T = TypeVar("T")


class LiveDynamics:
    """Real runs as `pilotage.navigator.dynamics.Dynamics`: every step of the environment is a block's work.

        with LiveDynamics(agent.components, tasks) as dynamics:
            env = gymnasium.make("pilotage/Reasoning-v0", dynamics=dynamics)

    With the response cache, and blocks that decode greedily, a step that was taken before costs no call.

    Args:
        tasks: what episodes are about; each needs a gold answer.

    Raises:
        UsageError: there is no task, two share an id, or one has no gold answer.
    """

    def __init__(self, components: Components, tasks: Sequence[Task]) -> None:
        self.tasks = {task.id: task for task in tasks}
        if not tasks or len(self.tasks) < len(tasks):
            raise UsageError("live dynamics need at least one task, each with an id of its own")
        for task in tasks:
            if grader_for(task, components.sandbox) is None:
                raise UsageError(f"task {task.id} has no gold answer, so an episode on it has no score; leave it out")
        self._stepwise = Stepwise(components)
        self._order = TaskOrder(sorted(self.tasks))  # until `reset` is given a seed
        self._threads = ExitStack()
        self._running: tuple[Task, ObservedState] | None = None

    @property
    def actions(self) -> ActionSpec:
        """The blocks, in registry order."""
        return self._stepwise.components.registry.actions

    @property
    def observations(self) -> ObservationSpec:
        """Features of the observer's preset."""
        return self._stepwise.components.observer.spec

    def reset(self, seed: int | None = None, task: str | None = None) -> Transition:
        """Starts a task's run: the one named, or the next in random order, each once before any comes again.

        Raises:
            EnvError: there is no such task, or the seed is none.
        """
        if seed is not None:
            self._order.restart(require_seed(seed, EnvError))
        task = self._order.next() if task is None else task
        if task not in self.tasks:
            raise EnvError(f"there is no task {task!r} here; there are {', '.join(list(self.tasks)[:5])}, ...")
        chosen = self.tasks[task]
        return self._arrived(chosen, self._start(chosen))

    def step(self, action: int) -> Transition:
        """Runs one block, or ends the run by the terminal action.

        Raises:
            SpecMismatch: the action is not legal here.
            EnvError: no run is under way, or the action is no whole number.
        """
        if self._running is None:
            raise EnvError("no episode is running; call reset first")
        task, before = self._running
        name = require_legal(Decision(as_index(action)), before.mask, self.actions)
        if name == self.actions.terminal:
            return self._ended(task, before, spent=Usage())
        return self._arrived(task, self._take(task, before, name))

    def close(self) -> None:
        """Ends the thread that the blocks run in."""
        self._running = None
        self._threads.close()
        self.__dict__.pop("_portal", None)

    def __deepcopy__(self, memo: object) -> Self:
        """Itself: `gymnasium.make` copies what it is given, and a loaded model has no copy."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, task: Task) -> ObservedState:
        return self._do(self._stepwise.start, task)

    def _take(self, task: Task, before: ObservedState, action: str) -> ObservedState:
        return self._do(self._stepwise.take, before, action)

    def _stop(self, task: Task, now: ObservedState) -> StopOutcome:
        return self._do(self._stepwise.stop, now, task)

    def _arrived(self, task: Task, now: ObservedState) -> Transition:
        if now.stopped_by is not None:  # nothing is left to decide
            return self._ended(task, now, spent=now.usage)
        self._running = (task, now)
        return Transition(now.observation, now.mask, False, None, cost_of(now.usage.model_dump()), self._info(task))

    def _ended(self, task: Task, now: ObservedState, spent: Usage) -> Transition:
        outcome = self._stop(task, now)
        self._running = None
        info = self._info(task) | {"answer": outcome.answer, "stopped_by": now.stopped_by or "answer"}
        cost = cost_of((spent + outcome.usage).model_dump())
        return Transition(now.observation, now.mask, True, outcome.score, cost, info)

    def _info(self, task: Task) -> dict[str, Any]:
        return {"task_id": task.id, "family": str(task.metadata.get("family", task.kind))}

    def _do(self, what: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        return self._portal.call(partial(what, *arguments))

    @cached_property
    def _portal(self) -> BlockingPortal:
        from anyio.from_thread import start_blocking_portal

        return self._threads.enter_context(start_blocking_portal())
