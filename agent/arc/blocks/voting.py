"""Voting: which outputs are tried at each test, of all that the steps of a puzzle have reached.

First come the outputs of programs that have all training pairs right. Then, where outputs were written down from at
least two views of the puzzle, these by their votes: each view that was read has one, for the output that it gave most
often, and of equals for the one that it gave first, however often it was asked. Last comes what else was reached, by
its evidence (`pilotage.agent.state`): programs that fail on a pair among it, since their rule is known to be wrong.

Of outputs with as many votes the first is drawn, seeded by the puzzle: it is the one whose hash together with the
puzzle's content and the number of the test is the least. So a tie is nobody's preference, the view as it is included,
and comes out the same whoever asks, and in whatever order the replies came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pilotage.agent.arc.attempts import Attempts, first_different
from pilotage.agent.arc.grids import Grid, digits, short_hash
from pilotage.agent.arc.puzzle import Puzzle
from pilotage.agent.arc.tasks import outputs_in, puzzle_of
from pilotage.agent.state import candidates
from pilotage.agent.task import Task
from pilotage.agent.trace import Draw, Step

Ballot = tuple[str, tuple[Grid, ...]]
"""A view by its name, and the outputs for all tests that were written down from it."""


def attempts_of(task: Task, steps: Sequence[Step]) -> Attempts:
    """The attempts at a puzzle that steps come to, in the order that this module tells.

    Args:
        task: made of the puzzle.
        steps: each with outputs for all tests as its candidate, or with none.
    """
    puzzle = puzzle_of(task)
    reached = candidates(task, steps)
    verified = [outputs_in(one.text) for one in reached if one.examples_passed == 1]
    others = [outputs_in(one.text) for one in reached if one.examples_passed < 1]
    ballots = list(ballots_of(steps, len(puzzle.tests)))
    voted = elected(ballots, puzzle) if len({view for view, _ in ballots}) > 1 else ((),) * len(puzzle.tests)
    return tuple(
        first_different([*(one[number] for one in verified), *voted[number], *(one[number] for one in others)])
        for number in range(len(puzzle.tests))
    )


def ballots_of(steps: Iterable[Step], tests: int) -> Iterator[Ballot]:
    """What was written down, and from which view; what could not be read abstains, and a program has no vote."""
    for step in steps:
        if step.evidence.program is not None:
            continue
        for draw in step.draws or (Draw(candidate=step.candidate),):
            outputs = () if draw.candidate is None else outputs_in(draw.candidate)
            if len(outputs) == tests:
                yield draw.view, outputs


def elected(ballots: Iterable[Ballot], puzzle: Puzzle) -> tuple[tuple[Grid, ...], ...]:
    """For each test the outputs that have a vote, those with most first."""
    given = list(ballots)
    return tuple(
        _elected([(view, outputs[number]) for view, outputs in given], puzzle, number)
        for number in range(len(puzzle.tests))
    )


def _elected(given: Sequence[tuple[str, Grid]], puzzle: Puzzle, number: int) -> tuple[Grid, ...]:
    by_view: dict[str, Counter[Grid]] = {}
    for view, output in given:
        by_view.setdefault(view, Counter())[output] += 1
    votes = Counter(outputs.most_common(1)[0][0] for outputs in by_view.values())  # of equals the first one
    return tuple(sorted(votes, key=lambda one: (-votes[one], short_hash([puzzle.content, str(number), digits(one)]))))
