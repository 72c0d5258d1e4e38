"""Dynamics: what a reasoning environment runs on, live blocks or a recorded bank.

Example:
    transition = dynamics.reset(seed=1)
    while not transition.done:
        transition = dynamics.step(choose(transition.observation, transition.action_mask))
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from pilotage.navigator.errors import EnvError
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec


@dataclass(frozen=True, slots=True)
class Transition:
    """Where an action led.

    Args:
        observation: float32, shape (features,), within the bounds of the spec. After the end, the last one again.
        action_mask: bool, shape (actions,); the terminal action is always allowed.
        done: whether the episode has ended: by the terminal action, or because the budget was used up.
        correct: score of the answer, 0 to 1; None until `done`.
        cost: what this step cost in thousands of tokens, prompt and completion together, self-assessment included; of
            a reset, what was spent before the first decision.
        info: `task_id` and `family`, and what else helps people; never a hidden answer.
    """

    observation: Observation
    action_mask: ActionMask
    done: bool
    correct: float | None
    cost: float
    info: Mapping[str, Any] = field(default_factory=dict)


class Dynamics(Protocol):
    """Implement this to give a `ReasoningEnv` something to run on."""

    @property
    def actions(self) -> ActionSpec:
        """The action list."""
        ...

    @property
    def observations(self) -> ObservationSpec:
        """Features and bounds."""
        ...

    def reset(self, seed: int | None = None, task: str | None = None) -> Transition:
        """Starts an episode.

        Args:
            seed: makes the choice of tasks reproducible from here on; None goes on with the generator at hand.
            task: id of the task to start; None lets the dynamics choose.
        """
        ...

    def step(self, action: int) -> Transition:
        """Does one action.

        Raises:
            SpecMismatch: the action is not allowed here.
            EnvError: no episode is running.
        """
        ...

    def close(self) -> None:
        """Releases what it holds."""
        ...


def as_index(action: object) -> int:
    """An action as the whole number that it must be, of Python or numpy; raises EnvError for 3.0, True and the like."""
    if not isinstance(action, bool | np.bool_):
        try:
            return operator.index(action)  # type: ignore[arg-type]  # it says itself what it takes
        except TypeError:
            pass
    raise EnvError(f"an action is a whole number, not {action!r}: give the index of a block in the action list")
