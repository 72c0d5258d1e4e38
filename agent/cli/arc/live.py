"""How `pilotage arc solve` tells how it goes: what was solved by what anybody may see, and what it took."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pilotage.agent.banks.progress import clock
from pilotage.agent.batch.pace import Pace
from pilotage.agent.cli.pace import paced
from pilotage.agent.cli.terminal import number_of
from pilotage.agent.trace import Usage, total

if TYPE_CHECKING:
    from pilotage.agent.arc.runs import RunResults
    from pilotage.agent.batch.summary import Figures
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.run import Run


@dataclass
class Live:
    """What a run has come to so far, all its passes and sittings together.

    Attributes:
        solved: ids of the puzzles of which a program has all training pairs right and runs on the tests. What the
            tests become is known to the grader alone, and has no say in it.
        usage: of all results.
        dollars: what a usage costs; not a number where the price of a part is not known.
    """

    solved: set[str]
    usage: Usage
    dollars: Callable[[Usage], float]

    @classmethod
    def of(cls, run: RunResults, dollars: Callable[[Usage], float]) -> Live:
        """What a run has come to by what is on disk."""
        ids = [id for id in run.asked.contents if run.lines(id)]
        solved = {id for id in ids if any(line.solved for line in run.lines(id))}
        return cls(solved, total(line.usage for id in ids for line in run.lines(id)), dollars)

    def add(self, run: Run) -> None:
        """Counts a run that has ended."""
        if any(step.evidence.examples_passed == 1 for step in run.trace.steps):
            self.solved.add(run.task_id)
        self.usage += run.usage

    @property
    def told(self) -> str:
        """Tokens, and money where it is known."""
        money = self.dollars(self.usage)
        known = "" if money != money else f", US$ {money:,.{2 if money >= 1 else 4}f}"
        return f"{self.usage.about}{number_of(self.usage.total_tokens, 'token')}{known}"

    @contextmanager
    def telling(self, console: Screen, number: int, of: int, before: int) -> Iterator[Callable[[Run, Figures], None]]:
        """Tells of each run of a pass: behind a bar on a terminal, else a line now and then.

        Args:
            console: where.
            number: of the pass, from 0.
            of: puzzles of the pass.
            before: how many of them an earlier sitting has done.
        """
        pace = Pace(of, before)
        with paced(console, f"pass {number + 1}" if number else "solving", of, before) as tell:

            def on_run(run: Run, figures: Figures) -> None:
                self.add(run)
                pace.done += 1
                told = f"{len(self.solved)} solved by training pairs, {self.told}, {clock(pace.seconds_left)} left"
                tell(pace, told, f"{pace.behind} of {number_of(of, 'puzzle')}: {told} at this pace")

            yield on_run


def dollars_by(prices: Path | None, model: str) -> Callable[[Usage], float]:
    """What a usage costs by a file of prices, or as the model's endpoint tells; not a number where neither does.

    Raises:
        UsageError: the prices cannot be read, or the model has none.
    """
    from pilotage.agent.bench.figures import Terms
    from pilotage.agent.models.prices import price_file, price_of

    if prices is None:
        return Terms().dollars
    known = price_file(prices)
    return Terms(price=price_of(model, prices, known), others=known).dollars
