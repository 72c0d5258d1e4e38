"""Task sources of others: a plain function from a `Spec` to tasks, or a `Source`. What they give is checked."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from pilotage.agent.errors import PilotageError, UsageError
from pilotage.agent.task import Task
from pilotage.agent.tasks.kinds import as_task
from pilotage.agent.tasks.source import Source, Spec, TaskDefect
from pilotage.common.plugins import accepts, described

TaskFunction = Callable[[Spec], Iterable[Any]]
"""From a specification to tasks: each a `Task`, one as a dictionary, a bare question, or a `TaskDefect`."""


def as_source(name: str, given: object, what: str) -> Source:
    """A source from what somebody wrote; `what` begins each sentence about it.

    Of a function the docstring may tell the usage: the first word in it that begins with the name and a colon.

    Raises:
        UsageError: it is neither a `Source` nor a function that takes a `Spec`.
    """
    read: Any = given.read if isinstance(given, Source) else given
    if not accepts(read, Spec(name, "")):
        raise UsageError(
            f"{what} is {described(given)}, which is no task source: write a function that takes a `Spec` "
            "(pilotage.agent.tasks) and gives tasks, or a `Source` around one"
        )
    usage = given.usage if isinstance(given, Source) else _usage(name, given)
    return Source(name, str(usage), partial(_read, what, read))


def _usage(name: str, function: object) -> str:
    told = re.search(rf"(?<!\w){re.escape(name)}:[^\s`'\"]*[^\s`'\".,;:)]", inspect.getdoc(function) or "")
    return told.group() if told is not None else f"{name}:TARGET"


def _read(what: str, read: TaskFunction, spec: Spec) -> Iterator[Task | TaskDefect]:
    """What a source gives; raises UsageError at once where that is not an iterable of its own."""
    try:
        entries = read(spec)
    except PilotageError:
        raise
    except Exception as error:
        raise _failed(what, error) from error
    if not isinstance(entries, Iterable) or isinstance(entries, str | bytes | Mapping | Task):
        raise UsageError(f"{what} gave {described(entries)}: it has to give tasks one by one, by `yield` or as a list")
    return _checked(what, entries)


def _checked(what: str, entries: Iterable[Any]) -> Iterator[Task | TaskDefect]:
    try:
        for entry in entries:
            yield entry if isinstance(entry, TaskDefect) else _task(what, entry)
    except PilotageError:
        raise
    except Exception as error:
        raise _failed(what, error) from error


def _task(what: str, entry: Any) -> Task:
    try:
        return as_task(entry)
    except UsageError as error:
        raise UsageError(f"{what} gave {described(entry)}: {error}") from None


def _failed(what: str, error: Exception) -> UsageError:
    return UsageError(f"{what} failed: {type(error).__name__}: {error}")
