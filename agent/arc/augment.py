"""Augmentations: the same puzzle seen another way, and what a grid of that view is in the puzzle's own."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from pilotage.agent.arc.grids import COLOURS, Grid
from pilotage.agent.arc.puzzle import Pair, Puzzle

TURNS = 8
"""Of a square: four rotations, each as it is or transposed first."""


@dataclass(frozen=True)
class Augmentation:
    """A turn of all grids, and other names for their colours.

    Attributes:
        turn: 0 to 7: from 4 on the grid is transposed; then it is rotated by a quarter so many times modulo 4.
        colours: what each of the colours 0 to 9 is called.
    """

    turn: int = 0
    colours: tuple[int, ...] = tuple(range(COLOURS))

    @classmethod
    def drawn(cls, seed: int) -> Augmentation:
        """One that changes something; black stays black, since it is the ground of most puzzles."""
        random = Random(seed)
        names = list(range(1, COLOURS))
        random.shuffle(names)
        return cls(random.randrange(1, TURNS), (0, *names))

    def of(self, grid: Grid) -> Grid:
        """A grid in this view."""
        seen = tuple(zip(*grid, strict=True)) if self.turn >= 4 else grid
        for _ in range(self.turn % 4):
            seen = tuple(zip(*seen[::-1], strict=True))
        return tuple(tuple(self.colours[cell] for cell in row) for row in seen)

    def undone(self, seen: Grid) -> Grid:
        """The grid that looks so in this view."""
        places = {name: colour for colour, name in enumerate(self.colours)}
        grid = tuple(tuple(places[cell] for cell in row) for row in seen)
        for _ in range(-self.turn % 4):
            grid = tuple(zip(*grid[::-1], strict=True))
        return tuple(zip(*grid, strict=True)) if self.turn >= 4 else grid

    def of_puzzle(self, puzzle: Puzzle) -> Puzzle:
        """A puzzle in this view."""
        pairs = tuple(Pair(self.of(pair.input), self.of(pair.output)) for pair in puzzle.train)
        return Puzzle(puzzle.id, pairs, tuple(map(self.of, puzzle.tests)))
