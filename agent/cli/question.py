"""The question of `pilotage solve`: typed, piped, or in a file."""

from __future__ import annotations

import sys
from pathlib import Path

from agent.errors import UsageError

NO_QUESTION = "give either a question or --tasks; - reads the question from standard input, @FILE from a file"


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
    return _text(sys.stdin.buffer.read(), "standard input")


def _of_file(name: str) -> str:
    from memory.home import expanded

    path: Path = expanded(name)
    try:
        return _text(path.read_bytes(), str(path))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"the question @{name} names a file that cannot be read: {why}") from None


def _text(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError(f"{where} is not UTF-8 text") from None
