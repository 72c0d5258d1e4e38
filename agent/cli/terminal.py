"""Terminal: the one place where text reaches a screen, so that text from outside is only ever shown, never obeyed.

Within a command both standard streams are guarded: whatever is printed to them, by whomever, is made printable and
loses its credentials. A `Screen` does the same for what it styles and then writes past the guard, since its own
colours and progress bars are commands to the terminal.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from pilotage.agent.errors import Interrupted
from pilotage.common.redaction import redact, redact_message
from pilotage.common.text import json_line, json_page, one_line, printable, printable_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import ProgressColumn
    from rich.table import Table

    from pilotage.agent.cli.screen import Screen

PIPED_WIDTH = 200
SENTENCE = 4000  # characters of one that is shown at most


def safe(text: str) -> str:
    """Text as it may be shown: printable, and without credentials."""
    return printable(redact_message(text))


def plain(value: object) -> str:
    """A value within a line of a screen: it is no style, cannot pass for another line, and does not fill the screen."""
    from rich.markup import escape

    return escape(shortened(one_line(str(value))))


def shortened(text: str, most: int = 1000) -> str:
    """The text as people are shown it; its middle is left out where it is longer than any that people write."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 4 :]}"


class Guarded:
    """A text stream that makes everything safe on its way to another; all but text goes to that one as it is."""

    def __init__(self, stream: TextIO, make: Callable[[str], str] = safe) -> None:
        self.stream, self._make = stream, make

    def write(self, text: str) -> int:
        """Writes what `make` makes of a text."""
        self.stream.write(_encodable(self._make(text), self.stream))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes several."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def guarded() -> Iterator[None]:
    """Guards standard output and error until it ends."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, Guarded(unguarded(stream))) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def unguarded(stream: TextIO | Guarded) -> TextIO:
    """The stream behind a guard."""
    return stream.stream if isinstance(stream, Guarded) else stream


def exact_json(stream: TextIO) -> IO[str]:
    """Standard output for JSON that somebody else writes: it reaches the terminal escaped, and says the same."""
    return cast(IO[str], Guarded(unguarded(stream), printable_json))


def screen(*, errors: bool = False, file: TextIO | None = None, quiet: bool = False, soft_wrap: bool = False) -> Screen:
    """Where to print text with styles: standard output, standard error or a file; `quiet` prints nothing.

    Piped output is not broken into lines of 80; `soft_wrap` leaves it to the terminal to break lines.
    """
    from pilotage.agent.cli.screen import Screen

    stream = unguarded(file or (sys.stderr if errors else sys.stdout))
    # Its own styles pass; what the stream's encoding lacks is written as Python writes it here too.
    passing = cast(TextIO, Guarded(stream, str))
    return Screen(passing, quiet=quiet, soft_wrap=soft_wrap, width=None if stream.isatty() else PIPED_WIDTH)


def table(*left: str, right: Iterable[str] = (), **options: Any) -> Table:
    """A table without lines: columns of text, then columns of figures; `options` are those of rich."""
    from rich.table import Table

    made = Table(*map(plain, left), **{"box": None, "pad_edge": False, "title_justify": "left", **options})
    for name in right:
        made.add_column(plain(name), justify="right")
    return made


@contextmanager
def progress(
    console: Console,
    what: str,
    *columns: ProgressColumn | str,
    count: bool = False,
    left: bool = False,
    transient: bool = False,
    **fields: Any,
) -> Iterator[Callable[..., None]]:
    """A bar on a terminal, and nothing elsewhere; it is called with what changed, as rich's `Progress.update`.

    Behind the bar stand how many of how many are done (`count`), the columns, which may show `fields`, and the time
    `left`. What is printed meanwhile to the standard streams stays there.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    counts = [MofNCompleteColumn()] if count else []
    times = [TimeRemainingColumn()] if left else []
    with Progress(
        "{task.description}",
        BarColumn(),
        *counts,
        *columns,
        *times,
        console=console,
        transient=transient,
        disable=not console.is_terminal,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as bar:
        yield partial(bar.update, bar.add_task(what, **{"total": None, **fields}))


@contextmanager
def counting(console: Console, what: str, *, transient: bool = False) -> Iterator[Callable[[int, int | None], None]]:
    """A bar with how many of how many are done, to be called with both."""
    with progress(console, what, count=True, left=True, transient=transient) as update:
        yield lambda done, total: update(completed=done, total=total)


def check_line(ok: bool, what: str, state: str, remedy: str, bad: str = "red") -> str:
    """A line of a doctor's findings, with styles; `bad` is the colour of what is not in order."""
    mark = "[green]ok[/]" if ok else f"[{bad}]--[/]"
    return f"{mark}  {what}  {plain(state)}" + ("" if ok else f"  [yellow]{plain(remedy)}[/]")


def say(sentence: str) -> None:
    """Tells something on standard error, in a line of its own."""
    print(shortened(safe(sentence), SENTENCE), file=sys.stderr)


def print_json(data: Any) -> None:
    """Prints JSON that people can read too."""
    _print_exactly(json_page(data))


def print_json_line(data: Any) -> None:
    """Prints one line of JSON at once."""
    _print_exactly(redact(json_line(data)))


def _print_exactly(text: str) -> None:
    """Prints what is safe already, and must stay as it is."""
    stream = unguarded(sys.stdout)
    print(_encodable(text, stream), file=stream, flush=True)


def _encodable(text: str, stream: TextIO) -> str:
    """The text with what the stream's encoding lacks written as Python writes it."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


@contextmanager
def interruptible(sentence: Callable[[], str], *, also_by_sigterm: bool = False) -> Iterator[None]:
    """Ctrl-C within it ends the command with a sentence that says what is kept and how to go on.

    `also_by_sigterm` answers that signal in the same way; it is for the main thread.
    """
    try:
        with _as_interrupt(signal.SIGTERM) if also_by_sigterm else nullcontext():
            yield
    except KeyboardInterrupt:
        raise Interrupted(sentence()) from None


@contextmanager
def _as_interrupt(number: signal.Signals) -> Iterator[None]:
    """Answers a signal as Ctrl-C is answered, also where a shell has had that one ignored."""

    def interrupt(number: int, frame: object) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(number, interrupt)
    try:
        yield
    finally:
        signal.signal(number, before)
