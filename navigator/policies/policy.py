"""Policies: an observation and a mask in, a legal action out.

A policy holds no state between calls. All it may know of an episode is in the observation, so a run that is stopped
and resumed elsewhere takes the same decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pilotage.navigator.errors import PolicyError, SpecMismatch
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec


@dataclass(frozen=True)
class Decision:
    """What a policy chose, and why.

    Attributes:
        action: index into the action spec, legal under the mask that was given.
        why: a short reason for people.
        values: estimated value of every action, where the policy has estimates; shape (len(actions),).
        probabilities: how likely each action was, where the policy draws; None where it always does the same here.
    """

    action: int
    why: str = ""
    values: tuple[float, ...] | None = None
    probabilities: tuple[float, ...] | None = None

    def distribution(self, actions: int) -> NDArray[np.float64]:
        """How likely each action was, shape (actions,): all on the one that was chosen, where nothing was drawn."""
        if self.probabilities is not None:
            return np.array(self.probabilities)
        certain = np.zeros(actions)
        certain[self.action] = 1.0
        return certain


class Policy(Protocol):
    """Implement this to route."""

    @property
    def name(self) -> str:
        """Short name for reports, `fixed:plan,answer` say."""
        ...

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """The action to take; always one that the mask allows."""
        ...


def for_task(policy: Policy, task: str) -> Policy:
    """The policy to ask on a task: one that draws has a `for_task`, since two tasks may look alike to its draws."""
    own = getattr(policy, "for_task", None)
    return policy if own is None else own(task)


@dataclass(frozen=True)
class RandomPolicy:
    """Uniform over the legal actions; the same observation, seed and task give the same action."""

    actions: ActionSpec
    seed: int = 0
    name: str = "random"
    task: str = ""

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """Draws from a generator seeded by the observation itself, so that a resumed run repeats its choices."""
        chosen = int(generator_for(observation, self.seed, self.task).choice(np.flatnonzero(mask)))
        return Decision(chosen, "drawn at random", probabilities=tuple((mask / mask.sum()).tolist()))

    def for_task(self, task: str) -> Self:
        """The same policy with draws of this task's own."""
        return replace(self, task=task)


def generator_for(observation: Observation, seed: int, task: str = "") -> np.random.Generator:
    """A random generator seeded by an observation: a policy that draws from it holds no state between calls."""
    entropy = np.frombuffer(np.ascontiguousarray(observation, dtype=np.float32).tobytes(), dtype=np.uint32)
    return np.random.default_rng([seed, *entropy.tolist(), *task.encode()])


class FixedPolicy:
    """Runs a given sequence of actions, leaving out those that are not legal when their turn comes.

    Where it stands is read off the `count_<action>` features: an entry is behind us once its action has been run, or
    once a later one has. After the last entry it takes the terminal action.
    """

    def __init__(self, sequence: Sequence[str], actions: ActionSpec, observations: ObservationSpec) -> None:
        if not sequence:
            raise PolicyError("a fixed policy needs at least one action, for example fixed:program,answer")
        self.name = "fixed:" + ",".join(sequence)
        self.sequence = tuple(sequence)
        self._indices = [actions.index(name) for name in sequence]
        self._terminal = actions.index(actions.terminal)
        self._observations = observations

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """The next entry of the sequence that the mask allows."""
        counts = {
            action: int(self._observations.value(observation, f"count_{name}"))
            for action, name in zip(self._indices, self.sequence, strict=True)
            if action != self._terminal
        }
        return self._next(Counter(counts), mask)

    def after(self, route: Iterable[int], mask: ActionMask) -> Decision:
        """As `decide`, by the actions that were run instead of an observation."""
        return self._next(Counter(route), mask)

    def _next(self, taken: Counter[int], mask: ActionMask) -> Decision:
        begin = 0
        for place, action in enumerate(self._indices):
            if taken[action] > 0:
                taken[action] -= 1
                begin = place + 1
        for place in range(begin, len(self.sequence)):
            if mask[self._indices[place]]:
                return Decision(self._indices[place], f"entry {place + 1} of the sequence")
        return Decision(self._terminal, "the sequence is at its end")


def require_legal(decision: Decision, mask: ActionMask, actions: ActionSpec) -> str:
    """Name of the chosen action; raises SpecMismatch where a policy chose what the mask forbids."""
    if not (0 <= decision.action < len(actions) and mask[decision.action]):
        legal = [name for name, allowed in zip(actions.names, mask, strict=True) if allowed]
        raise SpecMismatch(f"the policy chose action {decision.action}; legal here: {', '.join(legal)}")
    return actions.names[decision.action]
