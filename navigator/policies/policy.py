"""Policies: an observation and a mask in, a legal action out.

A policy holds no state between calls. All it may know of an episode is in the observation, so a run that is stopped
and resumed elsewhere takes the same decisions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Protocol, Self, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from pilotage.navigator.arguments import require_seed
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


def require_policy(given: object) -> Policy:
    """A policy as it was given; raises PolicyError where it cannot decide, or has no name to be reported by."""
    if isinstance(given, type) or not callable(getattr(given, "decide", None)):
        raise PolicyError(f"{given!r:.80} is no policy: give a name, or an object with decide(observation, mask)")
    name = getattr(given, "name", None)
    if not isinstance(name, str) or not name.strip():
        kind = type(given).__name__
        raise PolicyError(f"a policy of the class {kind} has the name {name!r:.80}: a report needs a text")
    return cast(Policy, given)


@dataclass(frozen=True)
class RandomPolicy:
    """Uniform over the legal actions; the same observation, seed and task give the same action."""

    actions: ActionSpec
    seed: int = 0
    name: str = "random"
    task: str = ""

    def __post_init__(self) -> None:
        require_seed(self.seed)

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """Draws from a generator seeded by the observation itself, so that a resumed run repeats its choices."""
        self.actions.check(mask)
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
        self._actions = actions
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
        self._actions.check(mask)
        begin = 0
        for place, action in enumerate(self._indices):
            if taken[action] > 0:
                taken[action] -= 1
                begin = place + 1
        for place in range(begin, len(self.sequence)):
            if mask[self._indices[place]]:
                return Decision(self._indices[place], f"entry {place + 1} of the sequence")
        return Decision(self._terminal, "the sequence is at its end")


def require_legal(decision: Decision, mask: ActionMask, actions: ActionSpec, by: str = "the policy") -> str:
    """Name of the chosen action: every decision that is acted on has passed here.

    Args:
        decision: what a policy returned.
        mask: what it could choose, shape (len(actions),).
        actions: the action list.
        by: who decided, for the message.

    Raises:
        SpecMismatch: it is no `Decision`, chose what the mask forbids, or tells values or probabilities that are none.
    """
    if not isinstance(decision, Decision) or not isinstance(decision.action, Integral):
        raise SpecMismatch(
            f"{by} decided {decision!r:.80}: return pilotage.navigator.Decision(action), with the place of the action "
            "in the mask"
        )
    if not (0 <= decision.action < len(actions) and mask[decision.action]):
        legal = [name for name, allowed in zip(actions.names, mask, strict=True) if allowed]
        raise SpecMismatch(f"{by} chose action {decision.action}; legal here: {', '.join(legal)}")
    if decision.probabilities is not None:
        _require_distribution(decision, mask, by)
    if decision.values is not None and not _are_numbers(decision.values, len(actions)):
        raise SpecMismatch(f"{by} gave values {decision.values!r:.80}: give one number for each action, or None")
    return actions.names[decision.action]


SUMS = 1e-6
"""How far from 1 probabilities may sum."""

_ROWS, _NUMBERS = (tuple, list, np.ndarray), (float, int, np.floating, np.integer)


def _require_distribution(decision: Decision, mask: ActionMask, by: str) -> None:
    shares = decision.probabilities
    if (
        not _are_numbers(shares, len(mask))
        or not all(share >= 0 and (share == 0 or legal) for share, legal in zip(shares, mask.tolist(), strict=True))
        or not abs(math.fsum(shares) - 1) <= SUMS
        or not shares[decision.action] > 0
    ):
        raise SpecMismatch(
            f"{by} gave probabilities {shares!r:.80}: they must sum to 1 over legal actions, one number for each "
            "action, and be above 0 for the one that it chose"
        )


def _are_numbers(given: object, count: int) -> TypeGuard[Sequence[float]]:
    if not isinstance(given, _ROWS) or len(given) != count:
        return False
    kinds = set(map(type, given))  # quicker than to look at each
    return kinds == {float} or all(issubclass(kind, _NUMBERS) for kind in kinds)
