"""Particle filter: several solutions grow side by side, and steps that score well are gone on with more often."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.state import Candidate, State
from pilotage.agent.strategies.searching.stepwise import Path, StepwiseStrategy, Writing
from pilotage.agent.strategies.voting import elected, votes
from pilotage.agent.trace import Step

CLIP = 1e-3
"""How near to 0 and 1 a score counts: no scorer is surer than that, and odds stay finite."""
DEAD = float("-inf")


class Particles(StepwiseStrategy):
    """What particle methods have in common."""

    n: int = Field(4, ge=1, le=1000, description="particles")
    weigh: Literal["path", "step"] = Field(
        "path", description="a score is the path's so far, and a step counts by its change; or the scores multiply"
    )
    softmax_temperature: float = Field(1.0, gt=0, le=100, description="of the softmax over log-odds; more is flatter")
    ess: float = Field(1.0, ge=0, le=1, description="resample where the effective sample size is under this share of n")
    answer: Literal["vote", "sampled"] = Field("vote", description="chosen by the final weights: most, or drawn")

    @property
    def least_calls(self) -> int:
        return self.calls_a_step * self.n


class ParticleFilter(Particles):
    """Grows several paths a step at a time, and resamples them by the odds that a scorer gives them.

    Puri et al. 2025, 'A Probabilistic Inference Approach to Inference-Time Scaling of LLMs using Particle-Based Monte
    Carlo Methods' (code at probabilistic-inference-scaling.github.io). A score s weighs as the odds s / (1 - s). Every
    weight is used once: in one resampling, or in the choice at the end. A path that has ended keeps its weight, and one
    that ended without an answer has none.

    The paper multiplies the scores of all steps (`weigh=step`), so that of two paths with odds above 1 the longer one
    weighs more. Scorers that judge the whole of a path so far, as all that are built in do, have said the same twice
    then: by default a step weighs by how it changes the odds (`weigh=path`), so that a path weighs in the end as its
    last score says, however long it is.

    Tokens: n x steps x (prompt + half of the path), most of it read from the backend's cache, and as many short calls
    with a scorer that asks. Four particles of six steps are the 24 calls of a run's budget.

    It helps where the scorer tells good steps from bad ones before the answer is there, and hurts where it is wrong:
    between two branches whose odds are 4 to 1, it ends in the first with probability .80.
    """

    name = "particle-filter"

    resampling: Literal["systematic", "multinomial"] = Field("systematic", description="how particles are redrawn")

    async def run(self, state: State, kit: Kit) -> Step:
        writing = Writing(self, state, kit)
        swarm = await filtered(writing, self, resampling=self.resampling)
        return by_weight(writing, self, swarm.paths, swarm.shares, swarm.told)


@dataclass
class Swarm:
    """Particles and their weights.

    Attributes:
        paths: one for each particle.
        logs: the logarithm of what each weighs since the last resampling.
        resampled_evidence: `log_evidence` at the last resampling.
        resampled: how often they were.
    """

    paths: list[Path]
    logs: list[float] = field(default_factory=list)
    resampled_evidence: float = 0.0
    resampled: int = 0

    def __post_init__(self) -> None:
        self.logs = self.logs or [0.0] * len(self.paths)

    @property
    def shares(self) -> list[float]:
        """The weights, which add up to 1; all 0 where no particle has any."""
        most = max(self.logs)
        if most == DEAD:
            return [0.0] * len(self.logs)
        weights = [math.exp(log - most) for log in self.logs]
        return [weight / sum(weights) for weight in weights]

    @property
    def log_evidence(self) -> float:
        """Logarithm of the product of mean weights, at every resampling and now.

        The product estimates the mean weight of all paths that the model writes, without bias; its logarithm stays in
        range where the product of many steps, or of sharp weights, does not.
        """
        most = max(self.logs)
        if most == DEAD:
            return DEAD
        mean = sum(math.exp(log - most) for log in self.logs) / len(self.logs)
        return self.resampled_evidence + most + math.log(mean)

    @property
    def effective(self) -> float:
        """Effective sample size."""
        shares = self.shares
        return 1 / sum(share * share for share in shares) if any(shares) else 0.0

    @property
    def told(self) -> str:
        """What became of them, as a note."""
        ended = sum(path.candidate is not None for path in self.paths)
        return f"{ended} of {len(self.paths)} particles have an answer, resampled {self.resampled} times"

    def resample(self, places: Sequence[int]) -> None:
        """Goes on from the particles at these places, which weigh the same from now on."""
        self.resampled_evidence = self.log_evidence
        self.paths = [self.paths[place] for place in places]
        self.logs = [0.0] * len(self.paths)
        self.resampled += 1


async def filtered(
    writing: Writing,
    by: Particles,
    *,
    resampling: Literal["systematic", "multinomial"],
    retained: Path | None = None,
    first: int = 1,
) -> Swarm:
    """One pass of a particle filter; a conditional one where a path is retained.

    Args:
        writing: the paths of the run.
        by: how many particles, and how they weigh.
        resampling: how they are redrawn; a conditional pass draws multinomially.
        retained: the path of the first particle, whatever it weighs: it is not written again, nor scored.
        first: number of the first particle's calls, so that passes differ.
    """
    swarm = Swarm([Path()] * by.n)
    kept = retained.line if retained is not None else ()
    for step in range(1, by.max_steps + 1):
        if step > 1 and any(swarm.shares) and swarm.effective < by.ess * by.n:
            swarm.resample(redrawn(swarm.shares, resampling, writing.chance, retained=bool(kept)))
        held = bool(kept) and not swarm.paths[0].ended
        growing = [place for place, path in enumerate(swarm.paths) if not (path.ended or (place == 0 and held))]
        if not growing and not held:
            break
        grown = await writing.extend([(swarm.paths[place], first + place) for place in growing])
        further = dict(zip(growing, grown.paths, strict=True)) | ({0: kept[step]} if held else {})
        for place, path in further.items():
            if path is not None:
                swarm.logs[place] += gain(by, path)
                swarm.paths[place] = path
        if grown.limit is not None:
            break
    return swarm


def gain(by: Particles, path: Path) -> float:
    """By how much the last step of a path changes the logarithm of its weight."""
    if path.ended and path.candidate is None:
        return DEAD
    counted = by.weigh == "path" and path.before is not None and path.before.text
    before = log_odds(path.before.worth) if counted and path.before is not None else 0.0
    return (log_odds(path.worth) - before) / by.softmax_temperature


def log_odds(score: float) -> float:
    """Logarithm of the odds of a score."""
    clipped = min(1 - CLIP, max(CLIP, score))
    return math.log(clipped / (1 - clipped))


def redrawn(
    shares: Sequence[float], resampling: Literal["systematic", "multinomial"], chance: Random, *, retained: bool = False
) -> list[int]:
    """Places of the particles that are gone on with, each as often as its share says in the mean.

    Args:
        shares: that add up to 1.
        resampling: one draw for each, or one for all at even distances, which has less noise.
        chance: draws.
        retained: the first stays, and the others are drawn multinomially, as conditional filters want it.
    """
    n = len(shares)
    if retained:
        return [0, *chance.choices(range(n), shares, k=n - 1)]
    if resampling == "multinomial":
        return chance.choices(range(n), shares, k=n)
    start, reached, places = chance.random(), 0.0, list[int]()
    for place, share in enumerate(shares):
        reached += share * n
        while len(places) < n and start + len(places) < reached:
            places.append(place)
    heaviest = max(range(n), key=shares.__getitem__)
    return [*places, *[heaviest] * (n - len(places))]  # what rounding left


def by_weight(
    writing: Writing,
    by: Particles,
    paths: Sequence[Path],
    weights: Sequence[float],
    note: str,
    last: Path | None = None,
) -> Step:
    """The step of a particle method: the answer with most weight, or one that is drawn by weight.

    Args:
        writing: the paths of the run.
        by: how the answer is chosen.
        paths: the particles.
        weights: of each.
        note: what became of them.
        last: a path that was drawn by weight already; where it has no answer, one is drawn of those that have.
    """
    answered = [place for place, path in enumerate(paths) if path.candidate is not None and weights[place] > 0]

    def choose(steps: Sequence[Step]) -> Step | Candidate | None:
        if not answered:
            return None
        if by.answer == "vote":
            return elected(writing.state, steps, votes(writing.state, steps, weights), writing.chance)
        if last is not None and last.candidate is not None:
            return steps[next(place for place in answered if paths[place] is last)]
        return steps[writing.chance.choices(answered, [weights[place] for place in answered])[0]]

    return writing.conclude(paths, choose, note, weights)
