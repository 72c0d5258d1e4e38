"""Facts: what changes from input to output, pair by pair, computed and not guessed.

A small model sees little of a grid that it reads as text. What can be counted is counted for it: sizes, colours,
cells that change, objects, symmetries, and whether one grid is found in the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from pilotage.agent.arc.augment import Augmentation
from pilotage.agent.arc.grids import Grid, size
from pilotage.agent.arc.puzzle import Pair, Puzzle

SAME_TURN = {
    1: "turned by a quarter clockwise",
    2: "turned by a half",
    3: "turned by a quarter anticlockwise",
    4: "mirrored along its main diagonal",
    5: "mirrored left to right",
    6: "mirrored along its other diagonal",
    7: "mirrored top to bottom",
}
"""What each turn of `Augmentation` does to a grid."""


def common(puzzle: Puzzle) -> str:
    """What holds for all training pairs, a line each: what the puzzle is about, as far as that can be counted."""
    return "\n".join(line for line in (of_all(puzzle.train) for of_all in _OF_ALL) if line)


def facts(puzzle: Puzzle) -> str:
    """What holds for all training pairs, then what is peculiar to each pair, and the tests."""
    lines = [line for line in [common(puzzle)] if line]
    for number, pair in enumerate(puzzle.train, 1):
        lines.append(f"Example {number}: {'; '.join(_of_pair(pair))}.")
    for number, test in enumerate(puzzle.tests, 1):
        name = f"Test {number}" if len(puzzle.tests) > 1 else "Test"
        lines.append(f"{name}: {size(test)}, {_colours(test)}, {_objects(test)}.")
    return "\n".join(lines)


def _of_pair(pair: Pair) -> Iterable[str]:
    given, made = pair.input, pair.output
    yield f"{size(given)} becomes {size(made)}"
    yield f"input {_colours(given)}, output {_colours(made)}"
    yield f"input {_objects(given)}, output {_objects(made)}"
    if size(given) == size(made):
        yield _changes(given, made)
    if found := _place_of(made, given):
        yield f"the output is a part of the input at row {found[0]}, column {found[1]}"
    elif found := _place_of(given, made):
        yield f"the input is a part of the output at row {found[0]}, column {found[1]}"
    if kinds := symmetries(made):
        yield f"the output is symmetric: {', '.join(kinds)}"


def _all(pairs: Sequence[Pair], holds: Callable[[Pair], bool]) -> bool:
    return all(map(holds, pairs))


def _sizes(pairs: Sequence[Pair]) -> str:
    if _all(pairs, lambda pair: size(pair.input) == size(pair.output)):
        return "In every example the output has the size of its input."
    if len(grown := {_times(pair.input, pair.output) for pair in pairs}) == 1 and (times := grown.pop()):
        return f"In every example the output is {_as_large(times)} as its input."
    if len(shrunk := {_times(pair.output, pair.input) for pair in pairs}) == 1 and (times := shrunk.pop()):
        return f"In every example the input is {_as_large(times)} as its output."
    if len({size(pair.output) for pair in pairs}) == 1:
        return f"Every output is {size(pairs[0].output)}."
    return ""


def _times(one: Grid, other: Grid) -> tuple[int, int] | None:
    """How many times as tall and as wide the other grid is; None where these are no whole numbers."""
    (tall, down), (wide, right) = divmod(len(other), len(one)), divmod(len(other[0]), len(one[0]))
    return (tall, wide) if not down and not right else None


def _as_large(times: tuple[int, int]) -> str:
    tall, wide = (f"{count} times as" if count > 1 else "just as" for count in times)
    return f"{tall} tall and {wide} wide"


def _repeated(pairs: Sequence[Pair]) -> str:
    """Whether every output is its input, side by side and below itself."""
    tiled = [
        (times := _times(pair.input, pair.output)) is not None
        and tuple(row * times[1] for row in pair.input) * times[0] == pair.output
        for pair in pairs
    ]
    same = all(pair.input == pair.output for pair in pairs)
    return "Every output is its input, repeated side by side and downwards." if all(tiled) and not same else ""


def _turned(pairs: Sequence[Pair]) -> str:
    turns = [what for turn, what in SAME_TURN.items() if _all(pairs, partial(_is_turned, turn))]
    return f"In every example the output is the input {', or '.join(turns)}." if turns else ""


def _is_turned(turn: int, pair: Pair) -> bool:
    return Augmentation(turn).of(pair.input) == pair.output


def _same_colours(pairs: Sequence[Pair]) -> str:
    new = [set(_cells(pair.output)) - set(_cells(pair.input)) for pair in pairs]
    gone = [set(_cells(pair.input)) - set(_cells(pair.output)) for pair in pairs]
    parts = []
    if not any(new):
        parts.append("no output has a colour that its input has not")
    elif always := set.intersection(*new):
        parts.append(f"every output has the new colour {_listed(always)}")
    if always := set.intersection(*gone):
        parts.append(f"the colour {_listed(always)} is gone from every output")
    return f"{'; '.join(parts).capitalize()}." if parts else ""


def _recoloured(pairs: Sequence[Pair]) -> str:
    if not _all(pairs, lambda pair: size(pair.input) == size(pair.output)):
        return ""
    changed = {(one, other) for pair in pairs for one, other in _beside(pair.input, pair.output) if one != other}
    if changed and len(changed) <= 4:
        listed = ", ".join(f"{one} to {other}" for one, other in sorted(changed))
        return f"All cells that change, in all examples, change so: {listed}."
    return ""


def _parts(pairs: Sequence[Pair]) -> str:
    if _all(pairs, lambda pair: _place_of(pair.output, pair.input) is not None):
        return "Every output is a part of its input."
    if _all(pairs, lambda pair: _place_of(pair.input, pair.output) is not None):
        return "Every input is a part of its output."
    return ""


def _symmetric(pairs: Sequence[Pair]) -> str:
    shared = set.intersection(*(set(symmetries(pair.output)) for pair in pairs))
    return f"Every output is symmetric: {', '.join(sorted(shared))}." if shared else ""


def _object_counts(pairs: Sequence[Pair]) -> str:
    counts = [(len(objects(pair.input)), len(objects(pair.output))) for pair in pairs]
    signs = {(given > made) - (given < made) for given, made in counts}
    what = {0: "as many objects as", 1: "fewer objects than", -1: "more objects than"}
    return f"Every output has {what[signs.pop()]} its input." if len(signs) == 1 else ""


_OF_ALL = (_sizes, _repeated, _turned, _same_colours, _recoloured, _parts, _symmetric, _object_counts)


def _cells(grid: Grid) -> Iterable[int]:
    return (cell for row in grid for cell in row)


def _beside(one: Grid, other: Grid) -> Iterable[tuple[int, int]]:
    return zip(_cells(one), _cells(other), strict=True)


def _listed(colours: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(colours)))


def _colours(grid: Grid) -> str:
    counts = Counter(_cells(grid)).most_common()
    return "colours " + ", ".join(f"{colour} ({count})" for colour, count in counts)


def _changes(given: Grid, made: Grid) -> str:
    changed = Counter(pair for pair in _beside(given, made) if pair[0] != pair[1])
    if not changed:
        return "nothing changes"
    listed = ", ".join(f"{one} to {other} ({count})" for (one, other), count in changed.most_common(4))
    return f"{changed.total()} of {len(made) * len(made[0])} cells change: {listed}{' and more' * (len(changed) > 4)}"


def ground(grid: Grid) -> int:
    """The colour of the ground: black where there is any, else the most frequent."""
    counts = Counter(_cells(grid))
    return 0 if counts[0] else counts.most_common(1)[0][0]


def objects(grid: Grid) -> list[tuple[int, frozenset[tuple[int, int]]]]:
    """Connected cells of one colour that is not the ground's, diagonals included: colour and places, from the top."""
    found, seen, behind = [], set[tuple[int, int]](), ground(grid)
    for y, row in enumerate(grid):
        for x, colour in enumerate(row):
            if colour == behind or (y, x) in seen:
                continue
            places, open_ones = {(y, x)}, [(y, x)]
            while open_ones:
                top, left = open_ones.pop()
                for place in _around(top, left, grid):
                    if place not in places and grid[place[0]][place[1]] == colour:
                        places.add(place)
                        open_ones.append(place)
            seen |= places
            found.append((colour, frozenset(places)))
    return found


def _around(y: int, x: int, grid: Grid) -> Iterable[tuple[int, int]]:
    for down in range(max(0, y - 1), min(len(grid), y + 2)):
        for right in range(max(0, x - 1), min(len(grid[0]), x + 2)):
            yield down, right


def _objects(grid: Grid) -> str:
    found = objects(grid)
    if not found:
        return "no object"
    sizes = sorted((len(places) for _, places in found), reverse=True)
    shown = ", ".join(map(str, sizes[:6])) + (" and so on" if len(sizes) > 6 else "")
    return f"1 object of {shown} cells" if len(found) == 1 else f"{len(found)} objects of {shown} cells"


def _place_of(part: Grid, whole: Grid) -> tuple[int, int] | None:
    """Row and column, from 1, at which one grid stands in a larger one; None where it does not, or is one cell."""
    tall, wide = len(whole) - len(part), len(whole[0]) - len(part[0])
    if tall < 0 or wide < 0 or (tall, wide) == (0, 0) or len(part) * len(part[0]) == 1:
        return None
    for y in range(tall + 1):
        for x in range(wide + 1):
            if all(whole[y + down][x : x + len(row)] == row for down, row in enumerate(part)):
                return y + 1, x + 1
    return None


def symmetries(grid: Grid) -> list[str]:
    """The views in which a grid looks the same; what every single row or column is, says nothing and is left out."""
    names = {5: "left to right", 7: "top to bottom", 4: "along the main diagonal", 6: "along the other diagonal"}
    names |= {2: "by a half turn"}
    if len(grid) == len(grid[0]) == 1:
        return []
    says_nothing = {5: len(grid[0]) == 1, 7: len(grid) == 1}
    held = [turn for turn in names if not says_nothing.get(turn) and Augmentation(turn).of(grid) == grid]
    return [names[turn] for turn in held]
