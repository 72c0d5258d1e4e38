"""Beam search over steps: the paths that a scorer puts highest are gone on with."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.searching.stepwise import Path, StepwiseStrategy, Writing, distinct
from pilotage.agent.trace import Step


class Beam(StepwiseStrategy):
    """Writes several next steps for each of a few paths, and goes on with those that a scorer puts highest.

    Chen et al. 2024, 'AlphaMath Almost Zero' (its algorithm 4, step-level beam search, B1 = 1 and B2 = 5, there at
    temperature 1; code github.com/MARIO-Math-Reasoning/Super_MARIO), with any scorer for its value model; `lookahead`
    is that of Snell et al. 2024, 'Scaling LLM Test-Time Compute Optimally': a path is scored by where it leads at
    temperature 0.

    A path that has ended keeps its place in the beam for as long as it is among the highest, and the answer is that of
    the highest path that ever ended. Steps that are the same word for word are one.

    Tokens: beams x children x steps x (prompt + half of the path), times 1 + lookahead. Five children are 5 calls a
    step: the 24 calls of a run's budget hold four steps.

    It helps where the scorer ranks the next steps of one path well: one that is wrong about an early step is not
    corrected later. With full width it is exhaustive search.
    """

    name = "beam"

    beams: int = Field(1, ge=1, le=1000, description="paths that are gone on with")
    children: int = Field(5, ge=1, le=1000, description="next steps written for each")
    lookahead: int = Field(0, ge=0, le=50, description="further steps, written to score a path and then left")

    @property
    def least_calls(self) -> int:
        return self.calls_a_step * self.children

    async def run(self, state: State, kit: Kit) -> Step:
        writing = Writing(self, state, kit)
        beam: list[Path] = [Path()]
        while writing.limit is None and (growing := [path for path in beam if writing.grows(path)]):
            asked = [(path, number) for path in growing for number in range(1, self.children + 1)]
            grown = distinct((await writing.extend(asked)).written)
            ahead = await self._ahead(writing, grown)
            waiting = [path for path in beam if path not in growing]
            scores = [*(path.worth for path in waiting), *ahead]
            if not (highest := self._highest(writing, [*waiting, *grown], scores)):
                break
            beam = highest
        ended = distinct(path for path in writing.written if path.candidate is not None)
        return writing.conclude_with(ended or beam, writing.best(ended))

    async def _ahead(self, writing: Writing, paths: Sequence[Path]) -> list[float]:
        """What each path scores so many steps further on."""
        ends = list(paths)
        for _ in range(self.lookahead):
            places = [place for place, path in enumerate(ends) if writing.grows(path)]
            further = await writing.extend([(ends[place], 0) for place in places], greedy=True)
            for place, path in zip(places, further.paths, strict=True):
                ends[place] = path or ends[place]
        return [path.worth for path in ends]

    def _highest(self, writing: Writing, paths: list[Path], scores: list[float]) -> list[Path]:
        """As many paths as there are beams, of equals some that are drawn; none that ended without an answer."""
        alive = [place for place, path in enumerate(paths) if path.candidate is not None or not path.ended]
        writing.chance.shuffle(alive)
        return [paths[place] for place in sorted(alive, key=lambda place: -scores[place])[: self.beams]]
