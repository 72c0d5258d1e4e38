"""Screen: a console whose own styles are obeyed, and nothing of the text that it shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from pilotage.agent.cli.terminal import plain, safe
from pilotage.common.text import printable


class Screen(Console):
    """A rich console that makes every text safe, whatever it is part of: a line, a cell, a bar."""

    def __init__(self, stream: TextIO, *, quiet: bool, soft_wrap: bool, width: int | None) -> None:
        super().__init__(file=stream, quiet=quiet, soft_wrap=soft_wrap, width=width, highlight=False, emoji=False)

    def print_line(self, text: str, **options: Any) -> None:
        """Prints text that is one line however wide the screen is."""
        self.print(text, soft_wrap=True, **options)

    def print_left_out(self, entries: Iterable[object]) -> None:
        """Names what cannot be used, a line each."""
        for entry in entries:
            self.print_line(f"[red]left out[/] {plain(entry)}")

    def render_str(self, text: str, **options: Any) -> Text:
        """Makes text of a string; done before it is measured, so that columns stay straight."""
        return super().render_str(safe(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Everything that is shown comes by here, also what was no string."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))
