"""Explore: how an episode of a collection goes on beyond the plan.

An explorer sees what the run itself shows and how often episodes went each way from there, never a score: what is
recorded shows in a replay as what may be done next, and must not tell how the run ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from pilotage.agent.banks.stepwise import ObservedState
from pilotage.agent.components import Components
from pilotage.agent.errors import UsageError
from pilotage.agent.routing.policies import policy_for
from pilotage.navigator.policies.epsilon import PREFIX
from pilotage.navigator.policies.policy import Policy, require_legal
from pilotage.navigator.policies.policy_file import SUFFIX
from pilotage.navigator.spaces import ActionSpec

DEFAULT_MIX = "uniform=1;uncertain=2"


@dataclass(frozen=True)
class Explorer:
    """Who goes on in an episode; make one to explore in another way.

    Attributes:
        name: its name in a mix.
        choose: the next block, legal where the episode stands; the terminal one ends it. It is given how often episodes
            went on from here by each block so far, and its only source of chance, so that an episode can be repeated.
    """

    name: str
    choose: Callable[[ObservedState, Mapping[str, int], Random], str]


def uniform(actions: ActionSpec) -> Explorer:
    """Every legal action alike, the terminal one included."""
    return Explorer("uniform", lambda now, visits, rng: rng.choice(now.legal(actions)))


def uncertain(actions: ActionSpec) -> Explorer:
    """Goes on where the run is unsure of its answer, by the blocks that were taken least often there."""

    def choose(now: ObservedState, visits: Mapping[str, int], rng: Random) -> str:
        ways = [name for name in now.legal(actions) if name != actions.terminal]
        if not ways or rng.random() > doubt(now):
            return actions.terminal
        fewest = min(visits.get(name, 0) for name in ways)
        return rng.choice([name for name in ways if visits.get(name, 0) == fewest])

    return Explorer("uncertain", choose)


def following(policy: Policy, actions: ActionSpec) -> Explorer:
    """Goes where a policy would, so that its own way is in the bank."""

    def choose(now: ObservedState, visits: Mapping[str, int], rng: Random) -> str:
        return require_legal(policy.decide(now.observation, now.mask), now.mask, actions, policy.name)

    return Explorer(policy.name, choose)


def doubt(now: ObservedState) -> float:
    """How unsure a run is of its leading answer, 0 to 1: most without one, little once it alone is verified."""
    if not now.state.candidates:
        return 0.95
    leader, *others = now.state.candidates
    if leader.verified and not any(other.verified for other in others):
        return 0.15
    return 0.8 if others else 0.6


@dataclass(frozen=True)
class Mix:
    """Explorers by weight; each episode draws one."""

    explorers: Sequence[Explorer]
    weights: Sequence[float]

    def draw(self, rng: Random) -> Explorer:
        """The explorer of one episode."""
        return rng.choices(self.explorers, self.weights)[0]


def parse_mix(text: str, components: Components) -> Mix:
    """A mix as written, `uniform=1;uncertain=2;default=1`: `uniform`, `uncertain`, or any policy by its name.

    Raises:
        UsageError: a name is unknown, a weight is no number above 0, or the mix is empty.
    """
    explorers: list[Explorer] = []
    weights: list[float] = []
    actions = components.registry.actions
    simple = {each.name: each for each in (uniform(actions), uncertain(actions))}
    for entry in filter(None, map(str.strip, text.split(";"))):
        name, weight = _weighted(entry)
        if name in simple:
            explorers.append(simple[name])
        else:
            policy = policy_for(name, actions, components.observer.spec, components.seed)
            explorers.append(following(policy, actions))
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
