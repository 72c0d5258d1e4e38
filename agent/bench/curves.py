"""Curves: what the draws of a method come to, by their number and by what they cost.

A method's draws are a stream: the first k of it, in the order they were asked for, are what a smaller method of its
kind would have drawn. At each length the draws vote; beside the vote stand an oracle (any draw is right: the coverage
of Brown et al. 2024, 'Large Language Monkeys') and the mean draw, which a chooser that knows nothing reaches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pilotage.agent.answers import normal_form
from pilotage.agent.bench.draws import SCORES, draws_of
from pilotage.agent.bench.outcomes import Outcomes
from pilotage.agent.bench.schema import Beside, DrawCurve, DrawPoint
from pilotage.agent.task import Task
from pilotage.navigator.bank.arrays import Float64s
from pilotage.navigator.evaluation.bootstrap import Resampler

LIMITS = 12
"""Limits of tokens at which methods are compared, evenly apart on a logarithmic scale."""
MOST_LENGTHS = 40
"""Numbers of draws that a curve has at most: beyond them it has some of them, further and further apart."""


@dataclass(frozen=True)
class Stream:
    """The draws of one run.

    Attributes:
        votes: score of the vote of the first k draws, of tied answers the mean; float (k + 1,), from none.
        oracle: whether any of them is right; (k + 1,).
        blind: their mean score; (k + 1,).
        spent: thousands of tokens of them; (k + 1,).
    """

    votes: Float64s
    oracle: Float64s
    blind: Float64s
    spent: Float64s

    @property
    def length(self) -> int:
        """How many draws there are."""
        return len(self.votes) - 1

    def within(self, limit: float) -> int:
        """How many draws, in their order, cost no more than so many thousand tokens."""
        return int(np.searchsorted(self.spent, limit + 1e-12, side="right")) - 1

    @classmethod
    def of(cls, task: Task, line: Mapping[str, Any]) -> Stream | None:
        """The draws of a result line; None where it has none, or one that nobody could grade."""
        draws, scores = draws_of(line), line.get(SCORES)
        if not draws or not scores or any(score is None for score in scores):
            return None
        counts: dict[str, int] = {}
        worth: dict[str, float] = {}
        leaders: list[str] = []
        votes = [0.0]
        for draw, score in zip(draws, scores, strict=True):
            if draw["candidate"] is not None:
                form = normal_form(task.kind, draw["candidate"], task.choices)
                counts[form], worth[form] = counts.get(form, 0) + 1, score
                most = counts[leaders[0]] if leaders else 0
                if form in leaders or counts[form] > most:
                    leaders = [form]
                elif counts[form] == most:
                    leaders.append(form)
            votes.append(float(np.mean([worth[form] for form in leaders])) if leaders else 0.0)
        graded = np.array(scores, dtype=float)
        tokens = [draw["usage"]["prompt_tokens"] + draw["usage"]["completion_tokens"] for draw in draws]
        return cls(
            votes=np.array(votes),
            oracle=np.concatenate([[0.0], np.maximum.accumulate(graded)]),
            blind=np.concatenate([[0.0], np.cumsum(graded) / np.arange(1, len(graded) + 1)]),
            spent=np.concatenate([[0.0], np.cumsum(tokens) / 1000]),
        )


Streams = Sequence[Sequence[Stream]]
"""Of each task, one a repeat."""


class Curves(NamedTuple):
    """The curves of all methods that drew several times, what the others reach on the same tasks, and what to know."""

    curves: tuple[DrawCurve, ...] = ()
    beside: tuple[Beside, ...] = ()
    notes: tuple[str, ...] = ()


def draw_curves(outcomes: Sequence[Outcomes], resampler: Resampler) -> Curves:
    """The curves of every method that drew several times, all on the same tasks and at the same limits of tokens.

    A run without draws, or with one that nobody can grade, takes its task from all of them.
    """
    drew: dict[Outcomes, dict[int, list[Stream]]] = {}
    for one in outcomes:
        streams = [[Stream.of(task, line) for line in lines] for task, lines in zip(one.tasks, one.lines, strict=True)]
        graded = {place: [stream for stream in each if stream is not None] for place, each in enumerate(streams)}
        whole = {place: each for place, each in graded.items() if each and len(each) == len(streams[place])}
        if any(stream.length > 1 for each in whole.values() for stream in each):
            drew[one] = whole
    if not drew:
        return Curves()
    places = sorted(set[int].intersection(*map(set, drew.values())))
    notes = _notes(drew, len(places))
    if not places:
        return Curves(notes=notes)
    kept = {one: [whole[place] for place in places] for one, whole in drew.items()}
    limits = _limits([each for streams in kept.values() for each in streams])
    return Curves(
        tuple(_curve(one, places, streams, limits, resampler) for one, streams in kept.items()),
        tuple(
            Beside(method=one.name, cost=one.cost[places].mean(), accuracy=one.score[places].mean())
            for one in outcomes
            if one not in drew
        ),
        notes,
    )


def _notes(drew: Mapping[Outcomes, Sized], shared: int) -> tuple[str, ...]:
    """What a reader should know of the tasks that the curves are of."""
    least = min(drew, key=lambda one: len(drew[one]))
    if shared == len(least.tasks):
        return ()
    return (
        f"Curves over draws are of {shared} of {len(least.tasks)} tasks, those on which every run of every method that "
        f"draws drew what can be graded; {least.name} did on the fewest, {len(drew[least])}.",
    )


def _curve(
    one: Outcomes, places: list[int], streams: Streams, limits: Sequence[float], resampler: Resampler
) -> DrawCurve:
    longest = max(stream.length for each in streams for stream in each)
    own = Resampler(len(streams), resampler.resamples, resampler.seed)
    return DrawCurve(
        method=one.name,
        tasks=len(streams),
        own=one.score[places].mean(),
        by_draws=tuple(
            _point([[min(number, stream.length) for stream in each] for each in streams], streams, own)
            for number in lengths(longest)
        ),
        by_tokens=tuple(
            _point([[stream.within(limit) for stream in each] for each in streams], streams, own, limit)
            for limit in limits
        ),
    )


def _point(taken: Sequence[Sequence[int]], streams: Streams, draws: Resampler, limit: float | None = None) -> DrawPoint:
    """What the first draws come to, so many of each run."""

    def mean(name: str) -> Float64s:
        return np.array(
            [
                np.mean([getattr(stream, name)[number] for stream, number in zip(each, numbers, strict=True)])
                for each, numbers in zip(streams, taken, strict=True)
            ]
        )

    votes = mean("votes")
    return DrawPoint(
        draws=float(np.mean([np.mean(numbers) for numbers in taken])),
        cost=mean("spent").mean(),
        limit=limit,
        accuracy=votes.mean(),
        accuracy_interval=draws.accuracy(votes),
        oracle=mean("oracle").mean(),
        blind=mean("blind").mean(),
    )


def lengths(longest: int) -> list[int]:
    """The numbers of draws of a curve: all of them, or of many some."""
    if longest <= MOST_LENGTHS:
        return list(range(1, longest + 1))
    return sorted({round(number) for number in np.geomspace(1, longest, MOST_LENGTHS)})


def _limits(streams: Streams) -> list[float]:
    """Limits of tokens from the cheapest first draw to the dearest stream; the first gives some tasks nothing."""
    first = [stream.spent[1] for each in streams for stream in each]
    last = [stream.spent[-1] for each in streams for stream in each]
    if not first or max(last) <= 0:
        return []
    low = max(float(np.median(first)), max(last) / 1000)
    return [float(limit) for limit in np.geomspace(low, max(last), LIMITS)]
