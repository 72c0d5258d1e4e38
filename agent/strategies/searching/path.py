"""Paths: solutions as far as they are written, step by step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pilotage.agent.errors import BudgetExceeded
from pilotage.agent.trace import Evidence, Step, Turn, Usage, total


@dataclass(frozen=True, eq=False)
class Path:
    """A solution as far as it is written; the empty one is where all begin.

    Attributes:
        text: all of it.
        before: the path that its last step goes on from.
        number: of the call that wrote its last step.
        ended: nothing follows.
        candidate: the answer that it marks; None while it has none.
        score: what a scorer says of it, 0 to 1; None before it is asked, and where it cannot say.
        cut: whether its last step ended at its token limit.
        tokens, logprob, lowest: of all its tokens, where the backend tells: how many, the sum, the least.
        usage: what its last step cost.
        note: why its last step came to nothing.
        error: that, where there was no reply that could be used.
    """

    text: str = ""
    before: Path | None = None
    number: int = 0
    ended: bool = False
    candidate: str | None = None
    score: float | None = None
    cut: bool = False
    tokens: int = 0
    logprob: float = 0.0
    lowest: float = 0.0
    usage: Usage = field(default_factory=Usage)
    note: str | None = None
    error: str = ""

    @property
    def line(self) -> tuple[Path, ...]:
        """It and all that it goes on from, the empty path first."""
        line, path = [self], self
        while path.before is not None:
            line.append(path := path.before)
        return tuple(reversed(line))

    @property
    def depth(self) -> int:
        """How many steps it has."""
        return len(self.line) - 1

    @property
    def origin(self) -> Path:
        """The path of its first step: paths of one origin are not independent of each other."""
        return self.line[min(1, self.depth)]

    @property
    def worth(self) -> float:
        """Its score, or that of the longest part of it that has one: what was not judged is no better for that.

        0, the lowest, where no part has any.
        """
        return next((path.score for path in reversed(self.line) if path.score is not None), 0.0)

    @property
    def step_logprob(self) -> float | None:
        """Mean log-probability of the tokens of its last step; None where the backend tells none."""
        before = self.before or Path()
        tokens = self.tokens - before.tokens
        return (self.logprob - before.logprob) / tokens if tokens else None

    def as_step(self, name: str, asked: str) -> Step:
        """It as a step of a run, which prepares as long as it has not ended. Its cost is that of all its steps."""
        return Step(
            block=name,
            text=self.text.rstrip(),
            turns=(Turn(asked=asked, replied=self.text.rstrip()),),
            candidate=self.candidate,
            independent=True,
            prepares=not self.ended,
            cut=self.cut,
            evidence=Evidence(note=self.note),
            error=self.error,
            mean_logprob=self.logprob / self.tokens if self.tokens else None,
            min_logprob=self.lowest if self.tokens else None,
            usage=total([path.usage for path in self.line]),
        )


@dataclass(frozen=True)
class Extended:
    """Paths with one more step each, in the order they were asked for; None for those that the budget refused."""

    paths: tuple[Path | None, ...]
    limit: BudgetExceeded | None = None

    @property
    def written(self) -> tuple[Path, ...]:
        """Those that were not refused."""
        return tuple(path for path in self.paths if path is not None)


def distinct(paths: Iterable[Path]) -> list[Path]:
    """Paths, of those with the same text the first."""
    found: dict[str, Path] = {}
    for path in paths:
        found.setdefault(path.text, path)
    return list(found.values())
