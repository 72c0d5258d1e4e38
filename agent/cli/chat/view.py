"""View: a conversation on the terminal as it happens: the route, the reply as it is written, what it cost.

What a line holds of a model, a memory or a server is made printable (`cli/terminal.py`). Lines break between words at
the width that the terminal has at that moment.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from rich.cells import cell_len
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pilotage.agent import events
from pilotage.agent.cli.chat.reply import ANSWER, Begun, Chosen, Ended, Heard, Reply
from pilotage.agent.cli.solve.show import Show, cost, summary
from pilotage.agent.cli.terminal import plain, safe, screen

if TYPE_CHECKING:
    from pilotage.agent.cli.chat.reply import Event


WIDE = 2
"""Columns of a character of a script that is written without blanks."""


class View(Show):
    """Prints what is heard of a reply. With `quiet` it prints nothing."""

    def __init__(self, file: TextIO, *, quiet: bool = False) -> None:
        super().__init__(file, quiet=quiet)
        self._console = screen(file=file, quiet=quiet)
        self._flow = _Flow(self)
        self._style = ""
        self.heard = Heard()

    def begin(self) -> None:
        """A new reply is awaited."""
        self._end_text()
        self.heard = Heard()

    def __call__(self, event: Event) -> None:
        """Prints one event, and keeps it."""
        self.heard(event)
        match event:
            case events.Token(block, text):
                self._write(text, "" if block == ANSWER else "dim")
            case events.Thought(_, text):
                self._write(text, "dim italic")
            case events.Stepped(step) if step.block == ANSWER:
                if step.evidence.note:
                    self._line(f"  [yellow]{plain(step.evidence.note)}[/]")
            case Ended():
                self.sum_up(self.heard.reply)
            case events.Finished() | Begun():
                pass
            case _:
                super().__call__(event)

    def sum_up(self, reply: Reply) -> None:
        """The line behind a reply."""
        more = " · verified" if reply.verified else ""
        more += f" · {price(reply.cost)}" if reply.cost is not None else ""
        self._line(f"\n[dim]{summary(reply, more)}[/]" if reply.route else f"\n[dim]{cost(reply.usage)}{more}[/]")

    def say(self, sentence: str) -> None:
        """A sentence of the command itself."""
        self._line(f"[dim]{plain(sentence)}[/]")

    def rows(self, rows: list[tuple[str, str]]) -> None:
        """Names and what they are, a line each."""
        self._end_text()
        grid = Table.grid(padding=(0, 2))
        for name, what in rows:
            grid.add_row(f"[bold]{plain(name)}[/]", f"[dim]{plain(what)}[/]")
        self._console.print(grid)

    def repeat(self, asked: str, reply: Reply) -> None:
        """A question and its reply from before."""
        self._line(f"\n[bold]>[/] {escape(safe(asked))}")
        self._line(escape(safe(reply.text)))

    def explain(self, reply: Reply) -> None:
        """How a reply came about, for `/why`."""
        self._line(f"[bold]first decision[/]  [dim]{plain(first_decision_of(reply))}[/]")
        for hint in reply.withheld:
            self._line(f"[cyan]held out[/]  {plain(hint.title)}  [dim]similarity {hint.similarity:.2f}[/]")
        for hint in reply.hints:
            used = ", followed" if hint.concept_id in reply.followed else ""
            odds = f"similarity {hint.similarity:.2f}, helps in {100 * hint.posterior:.0f}% of cases{used}"
            self._line(f"[cyan]recalled[/]  {plain(hint.title)}  [dim]{odds}[/]")
        for chosen, step in zip(_aligned(reply), reply.steps, strict=True):
            self._line(f"[bold green]{plain(step.block)}[/]  [dim]{plain(chosen.why)}[/]")
            self._step(step)
        for title in reply.titles.values():
            self._line(f"[cyan]learned[/]  {plain(title)}")
        self.sum_up(reply)

    def interrupted(self, what: str) -> None:
        """Ctrl-C came while something was written."""
        self._end_text()
        self._line(f"[yellow]{plain(what)}[/]")

    @property
    def width(self) -> int:
        """Columns of the terminal now but the last one; no end of them where the output is no terminal.

        Terminals differ in what they do with a line that is just full.
        """
        return max(1, self._console.width - 1) if self._console.file.isatty() else sys.maxsize

    def put(self, text: str) -> None:
        """Writes a piece of a line as it is, in the style of the text that is being written."""
        self._console.print(Text(safe(text), style=self._style), end="", soft_wrap=True)

    def _write(self, text: str, style: str) -> None:
        if style != self._style or not self._open_line:
            self._end_text()
            if style == "":
                self._console.print()
        self._style, self._open_line = style, True
        self._flow.write(text)

    def _line(self, markup: str) -> None:
        self._end_text()
        self._console.print(markup, soft_wrap=not self._console.file.isatty())

    def _end_text(self) -> None:
        if self._open_line:
            self._flow.end()
            self._console.print()
            self._open_line = False


class _Flow:
    """Breaks text between words as it comes: a word waits until it is known to fit, or to be too long for any line."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._word = ""
        self._blanks = ""
        self._column = 0

    def write(self, text: str) -> None:
        """Takes a piece of text."""
        *whole, self._word = _words(self._word + text)
        for word in whole:
            self._put(word)
        if cell_len(self._word) >= self._view.width:
            self._put(self._word)
            self._word = ""

    def end(self) -> None:
        """Writes what waits but for blanks; the next text begins a line."""
        self._put(self._word)
        self._word, self._blanks, self._column = "", "", 0

    def _put(self, word: str) -> None:
        """Writes a word, on the next line where it does not fit on this one; the blanks behind it wait."""
        body = word.rstrip()
        if body:
            before, line_end, indent = self._blanks.rpartition("\n")
            if not line_end and self._column and self._column + cell_len(indent + body) > self._view.width:
                line_end, indent = "\n", ""
            self._view.put(before + line_end + indent + body)
            self._column = cell_len(indent + body) + (0 if line_end else self._column)
            self._blanks = ""
        self._blanks += word[len(body) :]


def _words(text: str) -> list[str]:
    """Words with the blanks behind them; the last one is not known to be whole. Wide characters are words each."""
    words, start = [], 0
    for at in range(1, len(text)):
        if not text[at].isspace() and (text[at - 1].isspace() or cell_len(text[start]) == WIDE):
            words.append(text[start:at])
            start = at
    return [*words, text[start:]]


def price(cost: float) -> str:
    """An amount of money."""
    return f"${cost:.6f}".rstrip("0").rstrip(".") if cost else "$0"


def first_decision_of(reply: Reply) -> str:
    """What the first decision on a message was, and why, as the route tells it."""
    if not reply.chosen:
        return "not known: the server tells no route"
    first = reply.chosen[0]
    if first.block == ANSWER:
        return f"replied to straight away: {first.why}"
    return "worked on before the reply" + (f": the message {reply.decision}" if reply.decision else "")


def _aligned(reply: Reply) -> list[Chosen]:
    """For each step why its block was chosen."""
    told = [*reply.chosen]
    return [
        told.pop(0) if told and told[0].block == step.block else Chosen(block=step.block, why="")
        for step in reply.steps
    ]
