"""Navigators that read experience: one that routes by it, and one that studies where that pays."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.memory.errors import ConceptStoreError
from pilotage.navigator.experience.columns import with_experience
from pilotage.navigator.policies.experience import NAME, ExperiencePolicy
from pilotage.navigator.policies.policy import Decision, Policy, for_task
from pilotage.navigator.policies.rules.one_bit import one_bit
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec

if TYPE_CHECKING:
    from pilotage.agent.experience.index import ExperienceIndex
    from pilotage.agent.experience.study import Study

log = logging.getLogger("pilotage.experience")

RUNS = 256
"""Runs at once whose columns are kept; one that goes on elsewhere looks them up again."""


class ExperienceNavigator:
    """The one-bit rule, left where earlier tasks like the one at hand say that another block is worth more.

    Args:
        index: the experience; with none, or where the memory cannot be read, it is the one-bit rule.
        actions: the action list.
        observations: the features of a run, without those of experience.
        cost_weight: what a thousand tokens are worth, in right answers.
    """

    name = NAME

    def __init__(
        self, index: ExperienceIndex, actions: ActionSpec, observations: ObservationSpec, cost_weight: float = 0.1
    ) -> None:
        self._index = index
        self._rule = one_bit(actions, observations)
        self._policy = ExperiencePolicy(actions, with_experience(observations, actions), cost_weight)
        self._columns: OrderedDict[str, Observation | None] = OrderedDict()

    async def navigate(self, now: State, observation: Observation, mask: ActionMask, kit: Kit) -> Decision:
        """What like tasks say, as of the run's first decision."""
        if now.run not in self._columns or not now.trace.decisions:
            self._columns[now.run] = await self._looked_up(now)
            while len(self._columns) > RUNS:
                self._columns.popitem(last=False)
        columns = self._columns[now.run]
        if columns is None:
            return self._rule.decide(observation, mask)
        situation = int(self._index.situations.of(observation[None])[0])
        return self._policy.decide(np.concatenate([observation, columns[situation]]), mask)

    async def _looked_up(self, now: State) -> Observation | None:
        try:
            return await asyncio.to_thread(self._index.columns, now.task.about)
        except ConceptStoreError as error:  # the task can be solved all the same
            log.warning("experience cannot be looked up, and the one-bit rule decides: %s", error)
            return None


class StudyNavigator:
    """One policy to solve tasks by, and another that goes on where a second route is expected to pay (`Study`).

    Memory keeps, and credits, what two routes reached. A policy that solves tasks at little cost seldom takes the
    second, so nothing would be learnt by it alone.

    Args:
        exploit: the first; it has decided to end the run before anything is studied.
        explore: the second, which decides from then on.
        study: whether it may.
        actions: the action list.
        name: for results.
    """

    def __init__(self, exploit: Policy, explore: Policy, study: Study, actions: ActionSpec, name: str) -> None:
        self.name = name
        self.exploit, self.explore, self.study = exploit, explore, study
        self._actions = actions
        self._terminal = actions.index(actions.terminal)

    async def navigate(self, now: State, observation: Observation, mask: ActionMask, kit: Kit) -> Decision:
        """What the one takes, or beyond its end the other."""
        exploit, explore = for_task(self.exploit, now.task.id), for_task(self.explore, now.task.id)
        if self._is_studying(exploit, now):
            return explore.decide(observation, mask)
        usual = exploit.decide(observation, mask)
        if usual.action != self._terminal or now.leader is None or now.leader.verified:
            return usual
        another = explore.decide(observation, mask)
        if another.action == self._terminal or not await self._pays(now):
            return usual
        return another

    async def _pays(self, now: State) -> bool:
        try:
            return await asyncio.to_thread(self.study.asks_another_route, now.task.about, now.run)
        except ConceptStoreError:
            return False

    def _is_studying(self, exploit: Policy, now: State) -> bool:
        """Whether an earlier decision of the run went beyond what the first policy would have ended with.

        It is told from the decisions themselves, so that a run which goes on elsewhere goes on as it would have.
        """
        for taken in now.trace.decisions:
            if taken.block == self._actions.terminal:
                continue
            seen = np.array(taken.observation, dtype=np.float32)
            if exploit.decide(seen, self._actions.mask(taken.legal)).action == self._terminal:
                return True
        return False
