"""Plug-ins: what installed distributions add by entry points. Each is loaded when it is asked for, and by itself."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from typing import Any


def plugins(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group by name, in the order of the names."""
    return {entry.name: entry for entry in sorted(entry_points(group=group), key=lambda entry: entry.name)}


def label(entry: EntryPoint) -> str:
    """What a sentence about an entry point begins with."""
    return f"the entry point {entry.name!r} in {entry.group} ({entry.value})"


def loaded(entry: EntryPoint, failure: type[Exception]) -> Any:
    """What an entry point names; whoever asks for it still has to check what that is.

    Raises:
        Exception: it cannot be imported; `failure`, in one sentence that names the entry point.
    """
    try:
        return entry.load()
    except Exception as error:  # a module of somebody else may raise anything
        why = f"{type(error).__name__}: {error}"
        raise failure(f"{label(entry)} cannot be loaded ({why}): mend it, or uninstall what brings it") from error


def accepts(given: object, *arguments: object, **named: object) -> bool:
    """Whether something can be called with these arguments; true of a callable whose parameters Python cannot tell."""
    if not callable(given):
        return False
    try:
        signature(given).bind(*arguments, **named)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def described(given: object) -> str:
    """A value as a sentence shows it: data as they are written, anything else by its name or its class."""
    if given is None or isinstance(given, str | int | float | list | tuple | dict | set):
        return f"{given!r:.80}"
    name = getattr(given, "__qualname__", None)
    return f"the {type(given).__name__} {name!r}" if name else f"an object of the class {type(given).__name__!r}"
