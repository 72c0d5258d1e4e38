"""The question of `pilotage solve`: typed, piped, or in a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

from pilotage.agent.errors import UsageError

NO_QUESTION = "give either a question or --tasks; - reads the question from standard input, @FILE from a file"

_MOST = 10 << 20  # bytes of a question


def asked(given: str | None) -> str:
    """The question that was given as an argument, in a file (`@FILE`), or on standard input (`-`, or a pipe alone).

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    if given is None:
        question = "" if sys.stdin is None or sys.stdin.isatty() else _piped()
        if not question.strip():
            raise UsageError(NO_QUESTION)
        return question
    question = _piped() if given == "-" else _of_file(given[1:]) if given.startswith("@") else given
    if not question.strip():
        raise UsageError("the question is empty")
    return question


def _piped() -> str:
    return _text(sys.stdin.buffer, "standard input")


def _of_file(name: str) -> str:
    from pilotage.common.paths import expanded

    path: Path = expanded(name)
    try:
        with path.open("rb") as file:
            return _text(file, str(path))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"the question @{name} names a file that cannot be read: {why}") from None


def _text(file: IO[bytes], where: str) -> str:
    content = file.read(_MOST + 1)  # not all of it: it may have no end
    if len(content) > _MOST:
        raise UsageError(f"{where} has more than {_MOST >> 20} MB, which no model reads as one question")
    try:
        return content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError(f"{where} is not UTF-8 text") from None
