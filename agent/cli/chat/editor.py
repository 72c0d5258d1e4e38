"""Editor: where messages come from: lines edited on a terminal, or those of a pipe.

On a terminal prompt_toolkit reads them: it edits several lines, takes a paste with line ends as one message, redraws at
another width, and searches what was typed before. `readline` does the first two on some systems only. A line that ends
with a backslash goes on in the next one, here and there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pilotage.agent.errors import MissingExtra, UsageError
from pilotage.common.files import make_private
from pilotage.common.text import carriable

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.key_binding import KeyBindings

PROMPT = "> "
MOST_BYTES = 10 << 20
"""Of a message."""
KEPT_BYTES = 1 << 20
"""Of what was typed before; of more than twice as much the older part is forgotten."""


class Editor(Protocol):
    """Where messages come from."""

    def read(self) -> str | None:
        """The next message; None at the end. Raises KeyboardInterrupt for Ctrl-C."""
        ...


class PlainLines:
    """Messages of standard input, a line each: of a pipe, or of a terminal that cannot move its cursor.

    A prompt shows on standard error where somebody types them.
    """

    def __init__(self) -> None:
        self._stream = None if sys.stdin is None else sys.stdin.buffer
        self._typed = self._stream is not None and self._stream.isatty()

    def read(self) -> str | None:
        """The next message."""
        return joined(self._next)

    def _next(self) -> str | None:
        if self._typed:
            print(PROMPT, end="", file=sys.stderr, flush=True)
        line = b"" if self._stream is None else self._stream.readline(MOST_BYTES + 1)
        if len(line) > MOST_BYTES:
            raise UsageError(f"a line of standard input has more than {MOST_BYTES >> 20} MB, which no model reads")
        try:
            return line.decode("utf-8-sig").rstrip("\r\n") if line else None
        except UnicodeDecodeError:
            raise UsageError("standard input is not UTF-8 text") from None


class TerminalEditor:
    """Messages that are typed on a terminal.

    Args:
        history: file of what was typed before; its owner alone may read it.
        commands: names that Tab completes.
    """

    def __init__(self, history: Path, commands: Iterable[str]) -> None:
        try:
            from prompt_toolkit import PromptSession
            from prompt_toolkit.completion import WordCompleter
            from prompt_toolkit.history import FileHistory
            from prompt_toolkit.output.vt100 import Vt100_Output
            from prompt_toolkit.shortcuts import CompleteStyle
        except ImportError:
            raise MissingExtra(
                "typing in a terminal needs prompt_toolkit; install it with: pip install 'pilotage[chat]'"
            ) from None
        make_private(history)
        forget_older(history)
        # Where the cursor is need not be asked: a terminal that does not answer would have the user wait.
        # It writes to the terminal itself: its movements of the cursor are no text for the guard.
        assert sys.__stdout__ is not None
        output = Vt100_Output.from_pty(sys.__stdout__, term=os.environ.get("TERM"))
        output.enable_cpr = False
        self._session: PromptSession[str] = PromptSession(
            history=FileHistory(str(history)),
            completer=WordCompleter([*commands], sentence=True),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            reserve_space_for_menu=0,
            multiline=True,
            prompt_continuation="  ",
            key_bindings=_keys(),
            enable_open_in_editor=False,
            output=output,
        )

    def read(self) -> str | None:
        """The next message; what was typed of it is gone where Ctrl-C is pressed."""
        sys.stdout.flush()
        try:
            return carriable(self._session.prompt(f"\n{PROMPT}"))
        except EOFError:
            return None


def _keys() -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("enter")
    def _(event: Any) -> None:
        buffer = event.current_buffer
        if buffer.document.text_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.newline(copy_margin=False)
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: Any) -> None:
        event.current_buffer.newline(copy_margin=False)

    return keys


def joined(following: Callable[[], str | None]) -> str | None:
    """The next message: a line, and those behind it as long as the one before ends with a backslash."""
    lines: list[str] = []
    while (line := following()) is not None:
        if not line.endswith("\\"):
            return "\n".join([*lines, line])
        lines.append(line[:-1])
    return "\n".join(lines) if lines else None


def forget_older(history: Path) -> None:
    """Cuts a history that has grown long, between two of its entries."""
    from pilotage.common.files import replace

    if history.stat().st_size <= 2 * KEPT_BYTES:
        return
    content = history.read_bytes()
    at = content.find(b"\n# ", len(content) - KEPT_BYTES)
    replace(history, content[at + 1 :] if at >= 0 else b"", private=True)
