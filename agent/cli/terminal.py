"""Terminal: the one place where text reaches a screen, so that text from outside is only ever shown, never obeyed.

Within a command both standard streams are guarded: whatever is printed to them, by whomever, is made printable and
loses its credentials, in however many pieces it is printed. A `Screen` does the same for what it styles and then writes
past the guard, since its own colours and progress bars are commands to the terminal.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from threading import RLock
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from pilotage.agent.errors import Interrupted
from pilotage.common.redaction import SecretFilter, redact, redact_message
from pilotage.common.text import json_line, json_page, one_line, printable, printable_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import ProgressColumn
    from rich.table import Table

    from pilotage.agent.cli.screen import Screen

PIPED_WIDTH = 200
SENTENCE = 4000  # characters of one that is shown at most
_LEFT_OUT = " ... "


def safe(text: str) -> str:
    """Text as it may be shown: printable, and without credentials."""
    return printable(redact_message(text))


def plain(value: object) -> str:
    """A value within a line of a screen: it is no style, cannot pass for another line, and does not fill the screen."""
    from rich.markup import escape

    return escape(shortened(one_line(str(value))))


def shortened(text: str, most: int = 1000) -> str:
    """The text as people are shown it: at most so many characters, its middle left out where it has more."""
    if len(text) <= most:
        return text
    end = (most - len(_LEFT_OUT)) // 3
    return text[: most - len(_LEFT_OUT) - end] + _LEFT_OUT + text[-end:]


class MappedStream:
    """A text stream that writes to another one what it makes of each text; all but text goes to that one as it is.

    Args:
        stream: the stream behind it. Where that is guarded, what waits in the guard comes first.
        make: text to what is written.
    """

    def __init__(self, stream: TextIO | MappedStream, make: Callable[[str], str]) -> None:
        self._guard = stream if isinstance(stream, SafeStream) else None
        self.stream: TextIO = stream.stream if isinstance(stream, MappedStream) else stream
        self._make = make

    def write(self, text: str) -> int:
        """Writes a text."""
        self._pass_on(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes several."""
        for line in lines:
            self.write(line)

    def _pass_on(self, text: str) -> None:
        if self._guard is not None:
            self._guard.end()
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        self.stream.write(self._make(text).encode(encoding, "backslashreplace").decode(encoding))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class SafeStream(MappedStream):
    """A text stream that makes everything safe on its way to another one.

    A line is looked at as a whole, however it is printed: its beginning waits for its end. Where it is asked for before
    (`flush`), only what may be the beginning of a secret goes on waiting.
    """

    def __init__(self, stream: TextIO | MappedStream) -> None:
        super().__init__(stream, safe)
        self._lock = RLock()
        self._line = ""
        self._filter = SecretFilter(self._pass_on)

    def write(self, text: str) -> int:
        """Takes a text, and writes the lines that it completes."""
        lines, end, begun = text.rpartition("\n")
        with self._lock:
            if end:
                self._line += lines + end
                self.end()
            self._line += begun
        return len(text)

    def flush(self) -> None:
        """Writes what is safe of an unfinished line."""
        with self._lock:
            line, self._line = self._line, ""
            self._filter(line)
        self.stream.flush()

    def end(self) -> None:
        """Writes all that waits."""
        with self._lock:
            line, self._line = self._line, ""
            self._filter(line)
            self._filter.end()


@contextmanager
def guarded() -> Iterator[None]:
    """Guards standard output and error until it ends."""
    before = sys.stdout, sys.stderr
    guards = [SafeStream(stream) for stream in before]
    sys.stdout, sys.stderr = (cast(TextIO, guard) for guard in guards)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for guard in guards:
            guard.end()


def exact_json(stream: TextIO) -> IO[str]:
    """Standard output for JSON that somebody else writes: it reaches the terminal escaped, and says the same.

    It loses no credentials: an export that hid some would make another memory.
    """
    return cast(IO[str], MappedStream(stream, printable_json))


def screen(*, errors: bool = False, file: TextIO | None = None, quiet: bool = False, soft_wrap: bool = False) -> Screen:
    """Where to print text with styles: standard output, standard error or a file; `quiet` prints nothing.

    Piped output is not broken into lines of 80; `soft_wrap` leaves it to the terminal to break lines.
    """
    from pilotage.agent.cli.screen import Screen

    stream = file or (sys.stderr if errors else sys.stdout)
    # Its own styles pass; what the stream's encoding lacks is written as Python writes it here too.
    passing = cast(TextIO, MappedStream(stream, str))
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


def number_of(count: int, noun: str) -> str:
    """A count with its noun: `1 call`, `1,200 calls`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def print_notice(sentence: str) -> None:
    """Tells something on standard error, in a line of its own."""
    print(shortened(safe(sentence), SENTENCE), file=sys.stderr)


def print_json(data: Any) -> None:
    """Prints JSON that people can read too."""
    _print_exactly(json_page(data))


def print_json_line(data: Any) -> None:
    """Prints one line of JSON at once."""
    _print_exactly(json_line(data))


def _print_exactly(text: str) -> None:
    """Prints what is printable already, and must stay as it is but for credentials."""
    print(redact(text), file=cast(TextIO, MappedStream(sys.stdout, str)), flush=True)


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
