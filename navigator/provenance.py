"""Provenance: which tasks a policy learned from, whatever it is wrapped in.

A policy that is judged on its own training tasks looks better than it is. A trained one says in its card which tasks
those were; whoever holds such a policy (an exploring one, one that asks it on some tasks only, an object of a user's
own) has learned from them too. So all that a policy holds is looked through: its attributes, what these hold, and what
the functions among them have at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from navigator.bank import Bank
from navigator.forest import Forest
from navigator.learned import LearnedPolicy
from navigator.nearest import NearestPolicy
from navigator.policy_file import Header

_PLAIN = (str, bytes, int, float, complex, bool, type(None), ModuleType, BuiltinFunctionType)
_OWN = ("navigator", "numpy", "agent", "memory", "builtins")
"""Packages whose functions hold no policy of a user's."""


@dataclass(frozen=True)
class Provenance:
    """What is known of a policy's learning.

    Attributes:
        tasks: ids of the tasks that it was trained, chosen or stopped on.
        unsaid: names of trained policies in it that do not say on which.
        continued: names of those that went on from another one and do not say what that one had learned from.
        models: of the banks that they were trained on.
    """

    tasks: frozenset[str] = frozenset()
    unsaid: tuple[str, ...] = ()
    continued: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    @property
    def is_learned(self) -> bool:
        """Whether anything in it was trained."""
        return bool(self.tasks or self.unsaid)


def provenance(policy: object) -> Provenance:
    """What a policy has learned from. An attribute `tasks_learned` of an object of your own adds ids of tasks."""
    tasks: set[str] = set()
    unsaid: list[str] = []
    continued: list[str] = []
    models: list[str] = []
    for part in _parts(policy):
        if isinstance(part, LearnedPolicy | NearestPolicy):
            learned = tasks_of(part.header)
            tasks |= learned or set()
            unsaid += [part.name] if learned is None else []
            card = part.header.card
            continued += [part.name] if card.get("resumed_from") and "learned_before" not in card else []
            models += [str(part.header.bank["model"])] if part.header.bank.get("model") is not None else []
        told = getattr(part, "tasks_learned", None)
        if told is not None and not callable(told) and isinstance(told, Iterable) and not isinstance(told, str):
            tasks |= {str(task) for task in told}
    return Provenance(frozenset(tasks), tuple(unsaid), tuple(continued), tuple(dict.fromkeys(models)))


def tasks_of(header: Header) -> set[str] | None:
    """Tasks that a policy file was trained or chosen on, by its card; None where it does not say."""
    parts = header.card.get("tasks")
    if not isinstance(parts, dict) or "train" not in parts:
        return None
    said = [parts.get("train"), parts.get("validation", []), header.card.get("learned_before", [])]
    if not all(isinstance(ids, list | tuple) for ids in said):
        return None
    return {str(task) for ids in said for task in ids}


def _parts(policy: object) -> Iterator[object]:
    """The policy, and everything that it holds or has at hand, each once."""
    waiting, seen = [policy], set[int]()
    kept: list[object] = []  # so that no id is used anew
    while waiting:
        one = waiting.pop()
        if isinstance(one, _PLAIN) or id(one) in seen:
            continue
        seen.add(id(one))
        kept.append(one)
        yield one
        if not isinstance(one, LearnedPolicy | NearestPolicy | Bank | Forest):
            waiting += _held(one)


def _held(one: Any) -> Iterator[object]:
    if isinstance(one, Mapping):
        yield from one.values()
    elif isinstance(one, list | tuple | set | frozenset):
        yield from one
    elif isinstance(one, partial):
        yield from (one.func, *one.args, *one.keywords.values())
    elif isinstance(one, MethodType):
        yield from (one.__self__, one.__func__)
    elif isinstance(one, FunctionType):
        yield from _at_hand(one)
    elif isinstance(one, type):
        if not _is_own(one):
            yield from (value for base in one.__mro__ if not _is_own(base) for value in vars(base).values())
    elif isinstance(one, property):
        yield from (one.fget,)
    elif isinstance(one, staticmethod | classmethod):
        yield from (one.__func__,)
    else:
        yield type(one)
        yield from getattr(one, "__dict__", {}).values()
        slots = [getattr(base, "__slots__", ()) for base in type(one).__mro__]
        names = (name for given in slots for name in ((given,) if isinstance(given, str) else given))
        yield from (getattr(one, name, None) for name in names if name != "__dict__")


def _at_hand(function: FunctionType) -> Iterator[object]:
    """What a function can use: defaults, what it closes over, and the policies among its module's names."""
    if _is_own(function):
        return
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
    named = (function.__globals__.get(name) for name in function.__code__.co_names)
    yield from (value for value in named if hasattr(value, "decide"))


def _is_own(one: Any) -> bool:
    return str(getattr(one, "__module__", None)).partition(".")[0] in _OWN
