"""Progress of a long run with the time left: a bar on a terminal, else a line now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pilotage.agent.cli.terminal import plain, progress

if TYPE_CHECKING:
    from pilotage.agent.batch.pace import Pace
    from pilotage.agent.cli.screen import Screen

PARTS = 20
"""Without a terminal, progress is told each time that another of so many parts is done."""


@contextmanager
def paced(console: Screen, what: str, total: int, before: int = 0) -> Iterator[Callable[[Pace, str, str], None]]:
    """Tells how far a run is.

    Args:
        console: where.
        what: stands before the bar.
        total: how many things there are to do.
        before: how many of them are done already.

    Yields:
        What is called with the pace after each of them, with what stands behind the bar, and with the line for those
        who have no terminal.
    """
    said = -1
    with progress(console, what, "{task.fields[told]}", count=True, total=total, completed=before, told="") as update:

        def tell(pace: Pace, told: str, line: str) -> None:
            nonlocal said
            update(completed=pace.behind, told=plain(told))
            if not console.is_terminal and (part := PARTS * pace.behind // pace.total) != said:
                said = part
                console.print(plain(line))

        yield tell
