"""What the blocks for puzzles are made of: a program that is run on all pairs and tests, and grids that are read."""

from __future__ import annotations

from typing import Any

from pilotage.agent.answers import extract
from pilotage.agent.arc.encodings import ENCODINGS, grids_in
from pilotage.agent.arc.grids import Grid, differing, size
from pilotage.agent.arc.puzzle import Puzzle
from pilotage.agent.arc.tasks import encoding_of, puzzle_of, written
from pilotage.agent.arc.transform import Transformed, transformed
from pilotage.agent.blocks.steps import Exchanges
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Evidence, Step

PROGRAM_TOKENS = 900
SPARE_TOKENS = 200
"""For what a reply says beside its grids."""
SHOWN_PAIRS = 2
"""Training pairs whose mismatch is shown, at most."""

# What a model is told of its program; a bank's prompt hash covers it.
FAILED = "The program failed: {error}"
FAILED_ON_TEST = "It is right on all examples, and on a test input it failed: {error}"
RIGHT_ON = "It is right on {right} of {all} examples."
FAILED_ON = "On example {number} it failed: {error}"
GAVE = "On example {number} ({differ}) it gave\n{output}\ninstead of\n{right}"


async def programmed(block: str, state: State, kit: Kit, asked: str, **how: Any) -> Step:
    """One call whose reply is a program; it is run on every training pair and every test."""
    exchanges = Exchanges(block, state, kit, **how)
    reply = await exchanges.ask(asked, PROGRAM_TOKENS)
    source = extract("program", reply.text, cut=reply.cut)
    if source is None:
        why = "the reply was cut before its program was whole" if reply.cut else "the reply holds no Python program"
        return exchanges.step(candidate=None, evidence=Evidence(program="refused", note=why))
    return exchanges.step(**await tried(state, kit, source))


async def tried(state: State, kit: Kit, source: str) -> dict[str, Any]:
    """What a program makes of every training pair and every test, as the fields of a step."""
    puzzle = puzzle_of(state.task)
    made = await transformed(kit, source, puzzle)
    if made.failed is not None:
        evidence = Evidence(program="failed", error=made.failed, examples_passed=0.0)
        result = FAILED.format(error=made.failed)
        return {"result": result, "candidate": None, "evidence": evidence, "program": source}
    right = [output == pair.output for output, pair in zip(made.train, puzzle.train, strict=True)]
    share = sum(right) / len(right)
    candidate = None if made.outputs is None else written(made.outputs)
    works = share == 1 and candidate is not None
    # Whatever it has right of the pairs, a program that fails on a test has not passed.
    passed = share if share < 1 or works else None
    evidence = Evidence(program="ok" if works else "failed", examples_passed=passed, error=_first_error(made))
    result = _told(state, puzzle, made)
    return {"result": result, "candidate": candidate, "evidence": evidence, "program": source}


def _first_error(made: Transformed) -> str | None:
    return next((output for output in (*made.train, *made.tests) if isinstance(output, str)), None)


def _told(state: State, puzzle: Puzzle, made: Transformed) -> str:
    """What a program got wrong, as the model is told it: how many pairs, and the first of them as grids."""
    write = ENCODINGS[encoding_of(state.task)].write
    wrong = [
        (number, pair, output)
        for number, (pair, output) in enumerate(zip(puzzle.train, made.train, strict=True), 1)
        if output != pair.output
    ]
    if not wrong:
        failed = [output for output in made.tests if isinstance(output, str)]
        return FAILED_ON_TEST.format(error=failed[0]) if failed else ""
    lines = [RIGHT_ON.format(right=len(puzzle.train) - len(wrong), all=len(puzzle.train))]
    for number, pair, output in wrong[:SHOWN_PAIRS]:
        if isinstance(output, str):
            lines.append(FAILED_ON.format(number=number, error=output))
            break  # the others fail in the same way, as a rule
        differ = _difference(output, pair.output)
        lines.append(GAVE.format(number=number, differ=differ, output=write(output), right=write(pair.output)))
    return "\n".join(lines)


def _difference(output: Grid, right: Grid) -> str:
    wrong = differing(output, right)
    return f"{size(output)} cells where {size(right)} are right" if wrong is None else f"{len(wrong)} cells wrong"


async def drawn(block: str, state: State, kit: Kit, asked: str, **how: Any) -> Step:
    """One call whose reply has the output of each test written down."""
    puzzle = puzzle_of(state.task)
    exchanges = Exchanges(block, state, kit, **how)
    reply = await exchanges.ask(asked, room(puzzle))
    grids = None if reply.cut else grids_in(reply.text, len(puzzle.tests))
    return exchanges.step(candidate=None if grids is None else written(grids))


def room(puzzle: Puzzle) -> int:
    """Tokens that the outputs of all tests may need, as far as the training pairs tell their sizes."""
    largest = max(len(pair.output) * (len(pair.output[0]) + 1) for pair in puzzle.train)
    grown = max(
        len(pair.output) * len(pair.output[0]) / (len(pair.input) * len(pair.input[0])) for pair in puzzle.train
    )
    tests = max(len(test) * (len(test[0]) + 1) for test in puzzle.tests)
    cells = min(930, max(largest, int(tests * min(grown, 9))))
    return SPARE_TOKENS + 2 * cells * len(puzzle.tests)
