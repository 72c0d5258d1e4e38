"""Provenance: which tasks a policy learned from, whatever it is wrapped in.

A policy that is judged on its own training tasks looks better than it is. A trained one says in its card which tasks
those were; whoever asks such a policy (an exploring one, an object of a user's own) has learned from them too.

There are two ways to tell. `provenance` looks at a policy before it is asked: at its attributes, and at what they hold.
That finds what can be left out in time, and cannot find everything. `heard` takes note of each trained policy that
decides while another one is judged, so that nothing in this process is missed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import getattr_static
from itertools import islice
from types import MemberDescriptorType, MethodType
from typing import Any, Self
from weakref import WeakSet

from pilotage.navigator.policies.asked import Trained, listening
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.nearest import NearestPolicy
from pilotage.navigator.policies.policy_file import Header

LOOKED_AT = 1000
"""Objects that are looked at before a policy is asked: enough for any policy, and nothing beside deciding once."""


@dataclass(frozen=True)
class Provenance:
    """What is known of a policy's learning.

    Attributes:
        tasks: marks of the tasks that it was trained, chosen or stopped on: their ids, and the fingerprints of what
            they show where the card tells them (`Bank.among` finds a bank's tasks by these).
        unsaid: names of trained policies in it that do not say on which.
        continued: names of those that went on from another one and do not say what that one had learned from.
        by_id: names of those whose cards know tasks by their ids alone, so that a copy under another id is not known.
        models: of the banks that they were trained on.
    """

    tasks: frozenset[str] = frozenset()
    unsaid: tuple[str, ...] = ()
    continued: tuple[str, ...] = ()
    by_id: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    @property
    def is_learned(self) -> bool:
        """Whether anything in it was trained."""
        return bool(self.tasks or self.unsaid)

    def __or__(self, other: Self) -> Provenance:
        """What is known of two together."""
        return Provenance(
            self.tasks | other.tasks,
            *(
                tuple(dict.fromkeys((*getattr(self, name), *getattr(other, name))))
                for name in ("unsaid", "continued", "by_id", "models")
            ),
        )


def provenance(policy: object) -> Provenance:
    """What a policy has learned from, as far as a look tells.

    An attribute `tasks_learned` of an object of your own adds ids of tasks.
    """
    found = Provenance()
    for part in _parts(policy):
        if isinstance(part, LearnedPolicy | NearestPolicy):
            found |= _of(part)
        elif getattr_static(part, "tasks_learned", None) is not None:
            told: Any = part.tasks_learned  # type: ignore[attr-defined]
            if isinstance(told, Iterable) and not isinstance(told, str):
                found |= Provenance(frozenset(str(task) for task in told))
    return found


class Heard:
    """What the trained policies that were asked had learned from.

    Attributes:
        learned: all of it, so far.
    """

    def __init__(self) -> None:
        self.learned = Provenance()
        self._known = WeakSet[Any]()

    def __call__(self, policy: Trained) -> None:
        """Takes note of one that was asked; each counts once."""
        if policy not in self._known:
            self._known.add(policy)
            self.learned |= _of(policy)


@contextmanager
def heard() -> Iterator[Heard]:
    """Takes note of every trained policy that decides meanwhile, whoever asks it and from whatever thread."""
    found = Heard()
    with listening(found):
        yield found


def tasks_of(header: Header) -> set[str] | None:
    """Marks of the tasks that a policy file was trained or chosen on, by its card; None where it does not say.

    Marks are ids, and fingerprints of what the tasks show where the card tells them, as cards of older versions do not.
    """
    parts = header.card.get("tasks")
    if not isinstance(parts, dict) or "train" not in parts:
        return None
    said = [parts.get("train"), parts.get("validation", []), *(header.card.get(name, []) for name in _MORE)]
    if not said[0] or not all(isinstance(marks, list | tuple) for marks in said):  # nothing is trained on no task
        return None
    marks = [mark for given in said for mark in given]
    return set(marks) if all(isinstance(mark, str) for mark in marks) else None


_MORE = ("learned_before", "shows")


def _of(policy: Trained) -> Provenance:
    learned, card = tasks_of(policy.header), policy.header.card
    model = policy.header.bank.get("model")
    return Provenance(
        frozenset(learned or ()),
        (policy.name,) if learned is None else (),
        (policy.name,) if card.get("resumed_from") and "learned_before" not in card else (),
        (policy.name,) if learned is not None and not card.get("shows") else (),
        () if model is None else (str(model),),
    )


def _parts(policy: object) -> Iterator[object]:
    """The policy, and what its attributes hold, nearest first, each once."""
    waiting, seen = deque([policy]), set[int]()
    kept: list[object] = []  # so that no id is used anew
    while waiting and len(kept) < LOOKED_AT:
        one = waiting.popleft()
        if id(one) in seen:
            continue
        seen.add(id(one))
        kept.append(one)
        yield one
        if not isinstance(one, LearnedPolicy | NearestPolicy):
            waiting += islice(_held(one), LOOKED_AT)


def _held(one: object) -> Iterator[object]:
    """What an object holds, found without running any code of its own."""
    if type(one) is dict:
        yield from one.values()
    elif type(one) in (list, tuple, set, frozenset):
        yield from one  # type: ignore[misc]  # the type was looked at
    elif isinstance(one, partial):
        yield from (one.func, *one.args, *one.keywords.values())
    elif isinstance(one, MethodType):
        yield one.__self__
    elif not isinstance(one, type):
        try:
            attributes = object.__getattribute__(one, "__dict__")
        except AttributeError:
            attributes = {}
        if isinstance(attributes, Mapping):
            yield from attributes.values()
        for base in type(one).__mro__:
            for slot in vars(base).values():
                if isinstance(slot, MemberDescriptorType):
                    try:
                        yield slot.__get__(one)
                    except AttributeError:  # not filled yet
                        continue
