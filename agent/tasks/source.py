"""What a place that tasks come from has to give, and what a specification (`gsm8k:FILE;size=20;seed=1`) asks of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from random import Random
from typing import TypeVar

from pilotage.agent.errors import UsageError
from pilotage.agent.task import Task

T = TypeVar("T")

_DIGITS = 18  # more than any file has lines
OPTIONS = ("size", "seed", "offset")


@dataclass(frozen=True)
class Spec:
    """A task specification.

    Attributes:
        source: name of the source; None if none was written.
        target: the file, or whatever else the source reads.
        size: how many tasks at most; None for all, or the source's own default.
        seed: which random order; None for the order of the source.
        offset: how many tasks of that order to pass over first.
        fields: pairs of what a task has and the field of a record that holds it (`pilotage.agent.tasks.fields`).
        words: pairs of an option that is a text, and the text.
    """

    source: str | None
    target: str
    size: int | None = None
    seed: int | None = None
    offset: int = 0
    fields: tuple[tuple[str, str], ...] = ()
    words: tuple[tuple[str, str], ...] = ()

    def word(self, option: str) -> str | None:
        """The text of an option, None where it was not given."""
        return dict(self.words).get(option)

    def chosen(self, entries: Iterable[T]) -> Iterator[T]:
        """The entries that it asks for of all there are; only a random order needs them all in memory."""
        if self.seed is not None:
            entries = list(entries)
            Random(self.seed).shuffle(entries)
        stop = None if self.size is None else self.offset + self.size
        return islice(entries, self.offset, stop)


def parse_spec(text: str, sources: Collection[str], words: Collection[str] = ()) -> Spec:
    """Reads `[SOURCE:]TARGET[;size=N][;seed=N][;offset=N]`.

    Args:
        text: the specification.
        sources: what may stand before the colon.
        words: further options, whose values are texts.

    Raises:
        UsageError: an option is unknown, repeated or no number, or the target is empty.
    """
    head, *parts = text.split(";")
    source, colon, target = head.partition(":")
    if not colon or source not in sources:
        source, target = "", head
    if not target.strip():
        raise UsageError(f"the task specification {text!r} names no file or family")
    options: dict[str, int] = {}
    texts: dict[str, str] = {}
    for part in parts:
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key not in (*OPTIONS, *words):
            known = ", ".join([*(f"{option}=N" for option in OPTIONS), *(f"{word}=..." for word in words)])
            raise UsageError(f"unknown option {key!r} in {text!r}{did_you_mean(key, (*OPTIONS, *words))}: use {known}")
        if key in options or key in texts:
            raise UsageError(f"the option {key!r} stands twice in {text!r}")
        if key in words:
            if not value:
                raise UsageError(f"the option {key!r} in {text[:200]!r} is empty")
            texts[key] = value
            continue
        if not value.isdecimal() or len(value) > _DIGITS or (key == "size" and int(value) == 0):
            shown = value if len(value) <= _DIGITS else f"{value[:_DIGITS]}..."
            raise UsageError(f"the option {key!r} in {text[:200]!r} needs a whole number, not {shown!r}")
        options[key] = int(value)
    numbers = (options.get("size"), options.get("seed"), options.get("offset", 0))
    return Spec(source or None, target.strip(), *numbers, words=tuple(texts.items()))


def did_you_mean(word: str, known: Collection[str]) -> str:
    """A hint at the nearest known word, empty if none is near."""
    near = get_close_matches(word, known, n=3)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


@dataclass(frozen=True)
class TaskDefect:
    """What is wrong with an entry that is no usable task, in a line (from 1) of a file; the others are."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Source:
    """A kind of place that tasks come from. Third parties add one, or its `read`, by entry point `pilotage.tasks`.

    Attributes:
        name: what stands before the colon of a specification.
        usage: how to ask for it, for help texts.
        read: checks a specification at once (UsageError), then gives tasks and defects one by one.
    """

    name: str
    usage: str
    read: Callable[[Spec], Iterator[Task | TaskDefect]]


class TaskSource:
    """The tasks of one specification, read anew at each iteration; `defects` are what the latest left out so far."""

    def __init__(self, spec: Spec, source: Source) -> None:
        self.spec = spec
        self.defects: list[TaskDefect] = []
        self._source = source
        # A bad specification is an error now, not at the first task.
        self._ready: Iterator[Task | TaskDefect] | None = source.read(spec)

    def __iter__(self) -> Iterator[Task]:
        self.defects = []
        entries, self._ready = self._ready or self._source.read(self.spec), None
        for entry in entries:
            if isinstance(entry, TaskDefect):
                self.defects.append(entry)
            else:
                yield entry
