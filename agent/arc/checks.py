"""What a split should not be judged with: puzzles that were shown before, and puzzles that answer themselves."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from pilotage.agent.arc.grids import fingerprint
from pilotage.agent.arc.puzzle import Puzzle
from pilotage.agent.arc.splits import Split

if TYPE_CHECKING:
    from pilotage.memory.ledger.ledger import Event

FLAWED = {
    "e5062a87": "its second training pair is wrong",
    "a6f40cea": "its third training pair can be read in two ways",
}
"""Puzzles of the official data that are known to be wrong or ambiguous, by id."""


MOST = 20
"""Puzzles that are named for one that they show, at most."""


@dataclass(frozen=True)
class Finding:
    """Something odd about one puzzle."""

    id: str
    what: str


@dataclass(frozen=True)
class Overlap:
    """A puzzle that shows what another one shows.

    Attributes:
        id: of the puzzle that is judged.
        other: of the one that shows the same.
        shared: how many pairs both have, input and output alike, those of tests with known outputs among them.
        pairs: pairs of the one that is judged.
        is_same: whether both are one puzzle: all pairs and tests alike, in whatever order.
    """

    id: str
    other: str
    shared: int
    pairs: int
    is_same: bool


def findings(split: Split) -> list[Finding]:
    """What is odd about the puzzles of a split, in their order; hidden outputs are looked at where they are there."""
    found = [finding for puzzle in split.puzzles for finding in _of(puzzle, split)]
    by_content = defaultdict(list)
    for puzzle in split.puzzles:
        by_content[puzzle.content].append(puzzle.id)
    found += [Finding(ids[0], f"is the same puzzle as {', '.join(ids[1:])}") for ids in by_content.values() if ids[1:]]
    return found


def _of(puzzle: Puzzle, split: Split) -> Iterator[Finding]:
    if puzzle.id in FLAWED:
        yield Finding(puzzle.id, f"is known to be flawed: {FLAWED[puzzle.id]}")
    shown = Counter((pair.input, pair.output) for pair in puzzle.train)
    if repeated := sum(count - 1 for count in shown.values()):
        yield Finding(puzzle.id, f"repeats {_counted(repeated, 'training pair')}")
    if len(shown) > len({pair.input for pair in puzzle.train}):
        yield Finding(puzzle.id, "gives a training input several outputs")
    inputs, outputs = {pair.input for pair in puzzle.train}, {pair.output for pair in puzzle.train}
    if known := sum(test in inputs for test in puzzle.tests):
        yield Finding(puzzle.id, f"asks for {_counted(known, 'training input')} again")
    if given := sum(output in outputs for output in split.outputs.get(puzzle.id, ())):
        yield Finding(puzzle.id, f"shows the answer to {_counted(given, 'test')} as a training output")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"


def overlaps(judged: Split, taught: Split) -> list[Overlap]:
    """The puzzles of one split that show what puzzles of another one show, in the order of the first.

    Tests are pairs, too, where their outputs are known: what one split asks for another may show. Inputs alone say
    little: nine pairs of different puzzles of ARC-AGI-1 share a small one. Pairs of input and output say it: of the
    160,000 pairs of puzzles across its two splits none shares one by chance.
    """
    pairs = {puzzle.id: _pairs(puzzle, taught) for puzzle in taught.puzzles}
    contents = {puzzle.id: puzzle.content for puzzle in taught.puzzles}
    where: dict[str, list[str]] = defaultdict(list)
    for id, shown in pairs.items():
        for pair in shown:
            where[pair].append(id)
    found = []
    for puzzle in judged.puzzles:
        own = _pairs(puzzle, judged)
        others = dict.fromkeys(id for pair in sorted(own) for id in where.get(pair, ())[:MOST])
        for other in islice(others, MOST):
            is_same = contents[other] == puzzle.content
            found.append(Overlap(puzzle.id, other, len(own & pairs[other]), len(own), is_same))
    return found


def taught(split: Split, events: Iterable[Event]) -> list[Finding]:
    """The puzzles of a split that a memory learned from, by its whole history: by what they show, or else by their ids.

    What was imported tells ids alone, and what was forgotten since was learned all the same.
    """
    ids, contents = set[str](), set[str]()
    for event in events:
        origin = event.body.get("provenance") or {}
        ids |= {event.cause, origin.get("task_id", ""), *origin.get("used_in", ())}
        contents.add(origin.get("shown", ""))
    found = []
    for puzzle in split.puzzles:
        if puzzle.content in contents:
            found.append(Finding(puzzle.id, "was learned from"))
        elif puzzle.id in ids:
            found.append(Finding(puzzle.id, "may have been learned from: a task of this id was"))
    return found


def _pairs(puzzle: Puzzle, split: Split) -> set[str]:
    """Hashes of its pairs of input and output, those of tests whose outputs are known among them."""
    tests = zip(puzzle.tests, split.outputs.get(puzzle.id, ()), strict=False)
    pairs = [*((pair.input, pair.output) for pair in puzzle.train), *tests]
    return {fingerprint(*pair) for pair in pairs}
