"""ReasoningEnv: choosing logic blocks as a Gymnasium environment, over live reasoning or a recorded bank."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from pilotage.navigator.arguments import require_weight
from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.dynamics import Dynamics, Transition, as_index
from pilotage.navigator.envs.recorded import RecordedDynamics, StateNumbers
from pilotage.navigator.errors import EnvError
from pilotage.navigator.spaces import ActionMask, Observation
from pilotage.navigator.values.exact import exact_values, uniform_values

Potential = Callable[[], float]
"""Gives the potential, or the step score, of the state that the dynamics is in."""


class ReasoningEnv(gymnasium.Env[NDArray[np.float32], np.int64]):
    """One task an episode; each step runs one logic block, the terminal action answers.

    Registered as `pilotage/Reasoning-v0`.

    Observation:
        `Box`, float32, shape (features,): the named, bounded features of `dynamics.observations`; steps and budget left
        are among them.

    Action:
        `Discrete(actions)`: an index into `dynamics.actions`. What is legal is in `info["action_mask"]` (int8) and in
        `action_masks()` (bool). An action that is not legal ends the episode as the terminal action does, and
        `info["illegal"]` says so: a learner that knows no masks has a well-defined problem too.

    Reward:
        `correct - cost_weight * cost` in all: every step pays its own cost, the last one brings the score. What was
        spent before the first decision is paid with the first step. Cost is in thousands of tokens. Use gamma 1: then
        it is the same however long an episode took, so nothing pays for stalling.

    Episode end:
        `terminated` by the terminal action, or when the budget is used up. Never `truncated`.

    Info:
        `action_mask`, `task_id`, `family`, `cost` (of the episode so far); at the end `correct`; `illegal` as above.

    Args:
        dynamics: what it runs on; closed with the environment.
        cost_weight: what a thousand tokens are worth, in right answers.
        potential: potential of the present state, 0 after the end; None for none. The difference that a step makes is
            added to its reward (Ng, Harada and Russell 1999): with gamma 1 the same sum on every way through a task, so
            the best policy stays as it is.
        step_score: score of the step that led to the present state, to be added to its reward unless it ends the
            episode, as in RL of Thoughts (arXiv 2505.14140, section 3); None for none. Every further step that is
            scored well pays, so the best policy is another one. Not with a potential.

    Version history:
        v0: first version.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(
        self,
        dynamics: Dynamics,
        cost_weight: float = 0.0,
        potential: Potential | None = None,
        step_score: Potential | None = None,
    ) -> None:
        if potential is not None and step_score is not None:
            raise EnvError("give a potential or step scores, not both: their sum would be neither")
        self.dynamics = dynamics
        self.cost_weight = require_weight(cost_weight)
        self._potential, self._step_score = potential, step_score
        spec = dynamics.observations
        self.observation_space = spaces.Box(spec.low, spec.high, dtype=np.float32)
        self.action_space = spaces.Discrete(len(dynamics.actions))
        self._spec = spec
        self._terminal = dynamics.actions.index(dynamics.actions.terminal)
        self._now: Transition | None = None
        self._cost = self._owed = self._before = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts a task.

        Args:
            seed: makes what follows reproducible, as far as the dynamics is.
            options: `{"task": id}` starts that task; there are no others.

        Raises:
            EnvError: an option is unknown, there is no such task, or it ends before its first decision.
        """
        task = _task_of(options)
        super().reset(seed=seed)
        start = self.dynamics.reset(seed=seed, task=task)
        for _ in range(1000):  # an episode that ends before its first decision teaches nothing: the next task is tried
            if not start.done or task is not None:
                break
            start = self.dynamics.reset()
        if start.done:
            which = "every task" if task is None else f"task {task!r}"
            raise EnvError(f"{which} ends before its first decision: raise the budget")
        self._now, self._cost, self._owed = start, start.cost, start.cost
        if self._potential is not None:
            self._before = self._potential()
        return self._seen(start), self._info(start)

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Does one action; raises EnvError where no episode is running or there is no such action."""
        if self._now is None or self._now.done:
            raise EnvError("no episode is running: call reset() first")
        action = as_index(action)
        if not 0 <= action < len(self._now.action_mask):
            raise EnvError(f"there is no action {action}; there are {len(self._now.action_mask)}, counted from 0")
        legal = bool(self._now.action_mask[action])
        now = self.dynamics.step(action if legal else self._terminal)
        reward = (now.correct or 0.0) - self.cost_weight * now.cost - self.cost_weight * self._owed
        if self._potential is not None:
            before, self._before = self._before, 0.0 if now.done else self._potential()
            reward += self._before - before
        elif self._step_score is not None and not now.done:
            reward += self._step_score()
        self._now, self._owed = now, 0.0
        self._cost += now.cost
        info = self._info(now)
        if not legal:
            info["illegal"] = True
        return self._seen(now), float(reward), bool(now.done), False, info

    def action_masks(self) -> ActionMask:
        """Legal actions of the present state, bool, shape (actions,); what MaskablePPO asks for."""
        if self._now is None:
            raise EnvError("no episode is running: call reset() first")
        return self._now.action_mask.copy()

    def close(self) -> None:
        """Closes the dynamics."""
        self.dynamics.close()

    def _seen(self, transition: Transition) -> Observation:
        return self._spec.check(transition.observation).copy()

    def _info(self, transition: Transition) -> dict[str, Any]:
        info = {**transition.info, "action_mask": transition.action_mask.astype(np.int8), "cost": self._cost}
        if transition.done:
            info["correct"] = transition.correct
        return info


class RecordedReasoningEnv(ReasoningEnv):
    """`ReasoningEnv` over a bank: an action that was not recorded in a state is masked out there.

    Registered as `pilotage/RecordedReasoning-v0`.

    Args:
        bank: folder of the bank, the bank, or its trees.
        tasks: ids of the tasks to play; None for all.
        cost_weight: what a thousand tokens are worth, in right answers.
        shaping: `exact` adds the difference of optimal values, so that a best step is worth 0 and any other minus what
            it loses; `uniform` that of the values of random continuation (Math-Shepherd's step values); None nothing.
        seed: of the order of tasks.
        step_scores: one a state of the bank's arrays, added to the reward of arriving there, as RL of Thoughts does;
            None for none. Not with a shaping.

    Raises:
        BankError: the bank cannot be read, or a task is unknown.
        EnvError: there are not as many step scores as states.
    """

    def __init__(
        self,
        bank: str | Path | Bank | BankArrays,
        tasks: Iterable[str] | None = None,
        cost_weight: float = 0.0,
        shaping: Literal["exact", "uniform"] | None = None,
        seed: int | None = None,
        step_scores: Sequence[float] | None = None,
    ) -> None:
        recorded = RecordedDynamics(Bank.open(bank) if isinstance(bank, str | Path) else bank, tasks, seed)
        potential = step_score = None
        if shaping is not None:
            if shaping not in ("exact", "uniform"):
                raise EnvError(f"unknown shaping {shaping!r}; choose exact or uniform, or leave it out")
            valued = exact_values if shaping == "exact" else uniform_values
            potential = StateNumbers(recorded, valued(recorded.arrays, cost_weight).value.tolist())
        if step_scores is not None:
            try:
                scores = np.array([float(score) for score in step_scores])
            except (TypeError, ValueError) as error:
                raise EnvError(f"step scores are numbers, one a state ({error})") from error
            if len(scores) != len(recorded.arrays):
                raise EnvError(f"there are {len(scores)} step scores for {len(recorded.arrays)} states: give one each")
            if not np.isfinite(scores).all():
                raise EnvError("a step score is not finite: give numbers, 0 where nobody could tell")
            step_score = StateNumbers(recorded, scores.tolist())
        super().__init__(recorded, cost_weight, potential, step_score)

    def _seen(self, transition: Transition) -> Observation:
        return transition.observation.copy()  # checked when the bank was read


def _task_of(options: object) -> str | None:
    """The task that reset options name; raises EnvError for any other option."""
    if options is None:
        return None
    if not isinstance(options, dict):
        raise EnvError(f'reset options are a dictionary, {{"task": id}}, not {options!r}')
    if unknown := [name for name in options if name != "task"]:
        raise EnvError(f'unknown reset option {unknown[0]!r}; there is one, {{"task": id}}')
    task = options.get("task")
    if not isinstance(task, str | None):
        raise EnvError(f"a task is named by its id, a text, not by {task!r}")
    return task
