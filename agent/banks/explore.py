"""Explore: how an episode of a collection goes on beyond the plan.

An explorer sees what the run itself shows and how often it went each way before, never a score: what is recorded
appears in a replay as what may be done next, and must not tell how it ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from pilotage.agent.banks.stepwise import ObservedState
from pilotage.agent.components import Components
from pilotage.agent.errors import UsageError
from pilotage.agent.routing.policies import policy_for
from pilotage.navigator.policies.epsilon import PREFIX
from pilotage.navigator.policies.policy import Policy, require_legal
from pilotage.navigator.policies.policy_file import SUFFIX
from pilotage.navigator.spaces import ActionSpec

DEFAULT_MIX = "uniform=1;uncertain=2"


class Explorer(Protocol):
    """Implement this to explore in another way."""

    @property
    def name(self) -> str:
        """Its name in a mix."""
        ...

    def choose(self, now: ObservedState, visits: Mapping[str, int], draw: Random) -> str:
        """The next block, legal here; the terminal one ends the episode.

        Args:
            now: where the episode stands.
            visits: how often episodes went on from here by each block so far.
            draw: the only source of chance, so that an episode can be repeated.
        """
        ...


@dataclass(frozen=True)
class Uniform:
    """Every legal action alike, the terminal one included."""

    actions: ActionSpec
    name: str = "uniform"

    def choose(self, now: ObservedState, visits: Mapping[str, int], draw: Random) -> str:
        """One of the legal actions."""
        return draw.choice(now.legal(self.actions))


@dataclass(frozen=True)
class Uncertain:
    """Goes on where the run is unsure of its answer, by the blocks that were taken least often there."""

    actions: ActionSpec
    name: str = "uncertain"

    def choose(self, now: ObservedState, visits: Mapping[str, int], draw: Random) -> str:
        """Ends with the probability that the answer at hand is good enough, as far as public evidence tells."""
        ways = [name for name in now.legal(self.actions) if name != self.actions.terminal]
        if not ways or draw.random() > doubt(now):
            return self.actions.terminal
        fewest = min(visits.get(name, 0) for name in ways)
        return draw.choice([name for name in ways if visits.get(name, 0) == fewest])


def doubt(now: ObservedState) -> float:
    """How unsure a run is of its leading answer, 0 to 1: most without one, little once two routes agree."""
    state = now.state
    if not state.candidates:
        return 0.95
    if len(state.candidates) > 1:
        return 0.8
    return 0.15 if state.candidates[0].verified else 0.6


@dataclass(frozen=True)
class Following:
    """Goes where a policy would, so that its own way is in the bank."""

    policy: Policy
    actions: ActionSpec

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.policy.name

    def choose(self, now: ObservedState, visits: Mapping[str, int], draw: Random) -> str:
        """What the policy decides."""
        return require_legal(self.policy.decide(now.observation, now.mask), now.mask, self.actions)


@dataclass(frozen=True)
class Mix:
    """Explorers by weight; each episode draws one."""

    explorers: Sequence[Explorer]
    weights: Sequence[float]

    def draw(self, chance: Random) -> Explorer:
        """The explorer of one episode."""
        return chance.choices(self.explorers, self.weights)[0]


def parse_mix(text: str, components: Components) -> Mix:
    """A mix as written, `uniform=1;uncertain=2;default=1`: `uniform`, `uncertain`, or any policy by its name.

    Raises:
        UsageError: a name is unknown, a weight is no number above 0, or the mix is empty.
    """
    explorers: list[Explorer] = []
    weights: list[float] = []
    actions = components.registry.actions
    simple: dict[str, Explorer] = {each.name: each for each in (Uniform(actions), Uncertain(actions))}
    for entry in filter(None, map(str.strip, text.split(";"))):
        name, weight = _weighted(entry)
        if name in simple:
            explorers.append(simple[name])
        else:
            explorers.append(Following(policy_for(name, actions, components.observer.spec, components.seed), actions))
        weights.append(weight)
    if not explorers:
        raise UsageError(f"the policy mix {text!r} names nobody; write one as {DEFAULT_MIX!r}")
    return Mix(tuple(explorers), tuple(weights))


def _weighted(entry: str) -> tuple[str, float]:
    """Name and weight of an entry; a share of exploring and a file may have a `=` of their own."""
    name, equals, written = entry.rpartition("=")
    if not equals or entry.endswith((SUFFIX, ".toml")) or (name + equals).endswith(PREFIX):
        return entry, 1.0
    try:
        weight = float(written)
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise UsageError(f"the weight in {entry!r} is no number above 0; write one as {DEFAULT_MIX!r}")
    return name.strip(), weight
