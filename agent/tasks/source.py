"""Source, TaskSource and TaskDefect: what a place that tasks come from has to give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pilotage.agent.task import Task
from pilotage.agent.tasks.spec import Spec


@dataclass(frozen=True)
class TaskDefect:
    """An entry that is no usable task; the others are.

    Attributes:
        file: where it stands.
        line: line number, from 1.
        message: what is wrong with it.
    """

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Source:
    """A kind of place that tasks come from. Third parties add one by entry point `pilotage.tasks`.

    Attributes:
        name: what stands before the colon of a specification.
        usage: how to ask for it, for help texts.
        read: checks a specification at once (UsageError), then gives tasks and defects one by one.
    """

    name: str
    usage: str
    read: Callable[[Spec], Iterator[Task | TaskDefect]]


class TaskSource:
    """The tasks of one specification, read anew at each iteration.

    Attributes:
        spec: what was asked for.
        defects: what the latest iteration left out so far.
    """

    def __init__(self, spec: Spec, source: Source) -> None:
        self.spec = spec
        self.defects: list[TaskDefect] = []
        self._source = source
        source.read(spec)  # a bad specification is told now, not at the first task

    def __iter__(self) -> Iterator[Task]:
        self.defects = []
        for entry in self._source.read(self.spec):
            if isinstance(entry, TaskDefect):
                self.defects.append(entry)
            else:
                yield entry
