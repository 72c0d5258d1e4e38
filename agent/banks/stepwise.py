"""Stepwise: a task's run, block by block, as somebody else decides: a learner, a recorder of banks.

It goes through `pilotage.agent.graph.advance` as the graph does. Gold is with the grader alone, which is asked only for
what stopping gives; memory is read where the agent has one, and never written.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pilotage.agent.blocks.answer import shortest_prompt
from pilotage.agent.components import Components
from pilotage.agent.errors import BadReply, ModelUnavailable, UsageError
from pilotage.agent.graph.advance import abilities, charged, extended, kit_for, observe, remember, run_block
from pilotage.agent.kit import Kit
from pilotage.agent.models.reply import Reply, TokenLogprob
from pilotage.agent.state import State
from pilotage.agent.task import Task
from pilotage.agent.tasks.grading import grader_for
from pilotage.agent.trace import Evidence, Step, Trace, Usage
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation

T = TypeVar("T")
UNUSABLE = "error"
"""What stops a run whose reply stayed unusable: it has no answer. Other stops are limits of the budget."""


@dataclass(frozen=True)
class ObservedState:
    """A run between two blocks.

    Attributes:
        state: what the run knows.
        observation: what a navigator sees, shape (len(observer.spec),).
        mask: the legal actions, shape (len(actions),); the terminal one alone once the run is stopped.
        usage: what the step that led here cost, self-assessment included.
        stopped_by: the limit of the budget that ended the run here, or `UNUSABLE`; None while it goes on.
    """

    state: State
    observation: Observation
    mask: ActionMask
    usage: Usage = Usage()
    stopped_by: str | None = None

    def legal(self, actions: ActionSpec) -> list[str]:
        """Names of the legal actions."""
        return [name for name, allowed in zip(actions.names, self.mask, strict=True) if allowed]


@dataclass(frozen=True)
class StopOutcome:
    """What stopping gives.

    Attributes:
        answer: the answer.
        score: in [0, 1].
        usage: what the answer block cost.
        note: what it noted.
        logprobs: of the tokens of its reply, the first ones, each with its likeliest alternatives; empty where the
            model was not asked, or gives none.
    """

    answer: str | None
    score: float
    usage: Usage = Usage()
    note: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()


class Stepwise:
    """Runs tasks over an agent's components, one block at a time. It holds no run: states are passed in and out.

    Args:
        components: what the agent is made of; its policy has no say here.
        temperature: of repeats (sample 1 and up); the first sample is decoded as the block asks.
    """

    def __init__(self, components: Components, *, temperature: float = 0.7) -> None:
        self.components = components
        self.temperature = temperature

    async def start(self, task: Task) -> ObservedState:
        """The state before the first block.

        Raises:
            UsageError: the budget has no room for one step on this task.
        """
        components = self.components
        components.budget.require_room_for(shortest_prompt(task))
        state = self.opened(task, Trace())
        if components.recall is None:
            return await self._observed(state, Usage(), None)
        kit = kit_for(components, state)
        recalled = await _or_unusable(remember(components, state, kit))
        if isinstance(recalled, BadReply):
            return self._unusable(charged(state, "recall", kit.usage), kit.usage)
        trace = extended(charged(state, "recall", kit.usage), recalled=recalled).trace
        return await self._observed(self.opened(task, trace), kit.usage, None)

    def opened(self, task: Task, trace: Trace) -> State:
        """The state of a run on a task that has this trace behind it."""
        return State(task.public(), trace, self.components.budget, abilities(self.components, trace.recalled))

    async def take(self, now: ObservedState, action: str, sample: int = 0) -> ObservedState:
        """The state after one more block. An unusable reply or a used-up budget stops the run there.

        Raises:
            UsageError: the action is not legal here, or is the terminal one, which is `stop`.
            ModelUnavailable: the endpoint is down, or refused the request; nothing happened.
        """
        actions = self.components.registry.actions
        if action == actions.terminal or not now.mask[actions.index(action)]:
            legal = ", ".join(now.legal(actions))
            raise UsageError(f"{action!r} cannot be run here; legal are {legal} ({actions.terminal}: stop)")
        repeats = partial(RepeatingKit, repeat=sample, at_least=self.temperature)
        kit = kit_for(self.components, now.state, make=repeats if sample else Kit)
        ran = await _or_unusable(run_block(self.components.registry[action], now.state, kit))
        if isinstance(ran, BadReply):
            step = Step(block=action, evidence=Evidence(note=str(ran)), usage=kit.usage)
            return self._unusable(extended(now.state, step), kit.usage)
        return await self._observed(extended(now.state, ran.step), ran.step.usage, ran.stopped_by)

    async def stop(self, now: ObservedState, task: Task) -> StopOutcome:
        """What answering now gives. With candidates at hand that is free; with none the model is asked.

        Args:
            now: where the run stands.
            task: the task with its hidden part, for the grader.

        Raises:
            UsageError: nothing says what a right answer to the task is.
        """
        if now.stopped_by == UNUSABLE:
            return StopOutcome(None, 0.0, note="the reply was unusable, which ends a run without an answer")
        grader = grader_for(task, self.components.sandbox)
        if grader is None:
            raise UsageError(f"task {task.id} has no gold answer, so stopping has no score; leave it out")
        kit = kit_for(self.components, now.state, make=LogprobKit)
        assert isinstance(kit, LogprobKit)
        registry = self.components.registry
        ran = await _or_unusable(run_block(registry[registry.actions.terminal], now.state, kit))
        if isinstance(ran, BadReply):
            return StopOutcome(None, 0.0, kit.usage, str(ran))
        grade = await grader.grade(task, ran.step.candidate)
        return StopOutcome(ran.step.candidate, grade.score, ran.step.usage, ran.step.evidence.note, kit.logprobs)

    async def _observed(self, state: State, usage: Usage, stopped_by: str | None) -> ObservedState:
        observer = self.components.observer
        kit = kit_for(self.components, state)
        seen = await _or_unusable(observe(observer, state, kit))
        if isinstance(seen, BadReply):
            return self._unusable(charged(state, observer.preset, kit.usage), usage + kit.usage)
        state = charged(state, observer.preset, seen.usage)
        stopped_by = seen.stopped_by or stopped_by
        registry = self.components.registry
        mask = registry.mask(state) if stopped_by is None else registry.actions.mask(())
        return ObservedState(state, seen.observation, mask, usage + seen.usage, stopped_by)

    def _unusable(self, state: State, usage: Usage) -> ObservedState:
        only_stop = self.components.registry.actions.mask(())
        return ObservedState(state, self.components.observer.without_asking(state), only_stop, usage, UNUSABLE)


async def _or_unusable(work: Awaitable[T]) -> T | BadReply:
    """What a piece of a run gives; or the unusable reply that ended it. No reply at all is no step, and raises."""
    try:
        return await work
    except ModelUnavailable:
        raise
    except BadReply as unusable:
        return unusable


class RepeatingKit(Kit):
    """A kit whose every call is sampled: the `repeat`-th time, at a temperature of `at_least` so much."""

    APART = 1000
    """Keeps the numbers of repeats apart from those that a block gives to its own samples."""

    def __init__(self, *arguments: Any, repeat: int, at_least: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._repeat = repeat
        self._at_least = at_least

    async def send(self, *messages: Any, temperature: float = 0.0, sample: int = 0, **options: Any) -> Reply:
        """As `Kit.send`, sampled."""
        number = self._repeat * self.APART + sample
        return await super().send(*messages, temperature=max(temperature, self._at_least), sample=number, **options)


class LogprobKit(Kit):
    """A kit that asks for the likeliest alternatives of each token, and keeps those of its first reply's beginning."""

    TOKENS = 24
    ALTERNATIVES = 5

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logprobs: tuple[TokenLogprob, ...] = ()

    async def send(self, *messages: Any, **options: Any) -> Reply:
        """As `Kit.send`, with alternatives."""
        reply = await super().send(*messages, **{**options, "top_logprobs": self.ALTERNATIVES})
        self.logprobs = self.logprobs or tuple((reply.logprobs or ())[: self.TOKENS])
        return reply
