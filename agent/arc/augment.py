"""Augmentations: the same puzzle seen another way, and what a grid of that view is in the puzzle's own.

A view turns or mirrors all grids, calls their colours by other names, and shows the pairs in another order (Akyürek et
al. 2024, section 5; Li et al. 2024, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from pilotage.agent.arc.grids import COLOURS, Grid
from pilotage.agent.arc.puzzle import Pair, Puzzle

TURNS = 8
"""Of a square: four rotations, each as it is or transposed first."""


@dataclass(frozen=True)
class Augmentation:
    """A turn of all grids, other names for their colours, and another order of the pairs.

    Attributes:
        turn: 0 to 7: from 4 on the grid is transposed; then it is rotated by a quarter so many times modulo 4.
        colours: what each of the colours 0 to 9 is called.
        order: seeds the order of the pairs; 0 leaves them as they stand.
    """

    turn: int = 0
    colours: tuple[int, ...] = tuple(range(COLOURS))
    order: int = 0

    @classmethod
    def view(cls, number: int, seed: int) -> Augmentation:
        """The view of a number, from 0: the puzzle as it is, and then others, each of another kind than those before.

        Seven in a row have all turns; black stays black, since it is the ground of most puzzles.
        """
        if number == 0:
            return cls()
        turns = list(range(1, TURNS))
        Random(seed).shuffle(turns)
        random = Random(f"{seed}/{number}")
        names = list(range(1, COLOURS))
        random.shuffle(names)
        return cls(turns[(number - 1) % len(turns)], (0, *names), random.randrange(1, 1_000_000))

    @property
    def name(self) -> str:
        """Names the view in a trace; empty for the puzzle as it is."""
        if self == Augmentation():
            return ""
        return f"turn {self.turn}, colours {''.join(map(str, self.colours))}, pairs {self.order}"

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
        pairs = [Pair(self.of(pair.input), self.of(pair.output)) for pair in puzzle.train]
        if self.order:
            Random(self.order).shuffle(pairs)
        return Puzzle(puzzle.id, tuple(pairs), tuple(map(self.of, puzzle.tests)))
