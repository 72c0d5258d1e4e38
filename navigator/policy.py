"""Policies: an observation and a mask in, a legal action out.

A policy holds no state between calls. All it may know of an episode is in the observation, so a run that is stopped
and resumed elsewhere takes the same decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from navigator.errors import PolicyError, SpecMismatch
from navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec


@dataclass(frozen=True)
class Decision:
    """What a policy chose, and why.

    Attributes:
        action: index into the action spec, legal under the mask that was given.
        why: a short reason for people.
        values: estimated value of every action, where the policy has estimates; shape (len(actions),).
    """

    action: int
    why: str = ""
    values: tuple[float, ...] | None = None


class Policy(Protocol):
    """Implement this to route."""

    @property
    def name(self) -> str:
        """Short name for reports, `fixed:plan,answer` say."""
        ...

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """The action to take; always one that the mask allows."""
        ...


@dataclass(frozen=True)
class RandomPolicy:
    """Uniform over the legal actions; the same observation and seed give the same action."""

    actions: ActionSpec
    seed: int = 0
    name: str = "random"

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """Draws from a generator seeded by the observation itself, so that a resumed run repeats its choices."""
        entropy = np.frombuffer(np.ascontiguousarray(observation, dtype=np.float32).tobytes(), dtype=np.uint32)
        generator = np.random.default_rng([self.seed, *entropy.tolist()])
        return Decision(int(generator.choice(np.flatnonzero(mask))), "drawn at random")


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
        self._actions = actions
        self._observations = observations

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """The next entry of the sequence that the mask allows."""
        for place in range(self._position(observation), len(self.sequence)):
            if mask[self._indices[place]]:
                return Decision(self._indices[place], f"entry {place + 1} of the sequence")
        return Decision(self._terminal, "the sequence is at its end")

    def _position(self, observation: Observation) -> int:
        taken = {
            name: int(self._observations.value(observation, f"count_{name}"))
            for name in set(self.sequence)
            if name != self._actions.terminal
        }
        position = 0
        for place, name in enumerate(self.sequence):
            if taken.get(name, 0) > 0:
                taken[name] -= 1
                position = place + 1
        return position


def require_legal(decision: Decision, mask: ActionMask, actions: ActionSpec) -> str:
    """Name of the chosen action; raises SpecMismatch where a policy chose what the mask forbids."""
    if not (0 <= decision.action < len(actions) and mask[decision.action]):
        legal = [name for name, allowed in zip(actions.names, mask, strict=True) if allowed]
        raise SpecMismatch(f"the policy chose action {decision.action}; legal here: {', '.join(legal)}")
    return actions.names[decision.action]
