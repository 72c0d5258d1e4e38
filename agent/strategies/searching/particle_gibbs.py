"""Particle Gibbs: particle filters one after the other, of which each keeps one path of the last."""

from __future__ import annotations

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.searching.particle_filter import Particles, Swarm, by_weight, filtered
from pilotage.agent.strategies.searching.stepwise import Path, Writing
from pilotage.agent.trace import Step


class ParticleGibbs(Particles):
    """Repeats the particle filter, and keeps one path of each pass, drawn by weight, through the next.

    Andrieu, Doucet and Holenstein 2010, 'Particle Markov Chain Monte Carlo Methods' (the iterated conditional
    particle filter of its particle Gibbs sampler), as Puri et al. 2025 use it on language models. The
    path that is kept survives every resampling, the others are drawn multinomially; so the paths that are kept, pass by
    pass, come to be distributed as the weights say, with any number of particles above one.

    With `answer=vote` the shares of all passes are added up; with `answer=sampled` the path that the last pass keeps
    decides.

    Tokens: the first pass costs what `particle-filter` costs; each further one a particle less. Three particles in two
    passes of four steps are 20 calls of the 24 of a run's budget.

    It helps where the few particles of one pass are not enough, at the price of passes one after the other: a state of
    three, seen with probabilities .6, .3 and .1 and odds 1, 2 and 6, is kept with .33, .33 and .33.
    """

    name = "particle-gibbs"

    n: int = Field(3, ge=2, le=1000, description="particles, the one that is kept among them")
    sweeps: int = Field(2, ge=1, le=1000, description="passes")

    async def run(self, state: State, kit: Kit) -> Step:
        writing = Writing(self, state, kit)
        passes: list[Swarm] = []
        kept: Path | None = None
        while len(passes) < self.sweeps and writing.limit is None:
            first = 1 + len(passes) * self.n
            swarm = await filtered(writing, self, resampling="multinomial", retained=kept, first=first)
            passes.append(swarm)
            kept = writing.chance.choices(swarm.paths, swarm.shares)[0] if any(swarm.shares) else None
        paths = [path for swarm in passes for path in swarm.paths]
        shares = [share / len(passes) for swarm in passes for share in swarm.shares]
        note = f"{len(passes)} passes; of the last one {passes[-1].told}"
        return by_weight(writing, self, paths, shares, note, kept)
