"""Provenance: which tasks a policy learned from, whatever it is wrapped in.

A policy that is judged on its own training tasks looks better than it is. A trained one says in its card which tasks
those were; whoever asks such a policy (an exploring one, an object of a user's own) has learned from them too.

There are two ways to tell. `provenance` looks at a policy before it is asked: at its attributes, and at what they hold.
That finds what can be left out in time, and cannot find everything: a function can reach a trained policy by a module,
a cache, a file. So each trained policy says when it decides, and `heard` takes note of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from inspect import getattr_static
from itertools import islice
from types import MemberDescriptorType, MethodType
from typing import Any, Self
from weakref import WeakSet

from pilotage.navigator.policies.policy_file import Header
from pilotage.navigator.policies.trained import TrainedPolicy

LOOKED_AT = 1000
"""Objects that are looked at before a policy is asked: enough for any policy, and nothing beside deciding once."""


@dataclass(frozen=True)
class Provenance:
    """What is known of a policy's learning.

    Attributes:
        tasks: marks of the tasks that it was trained, chosen or stopped on: their ids, and the fingerprints of what
            they show where the card tells them (`Bank.matching` finds a bank's tasks by these).
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
    learned = Provenance()
    for part in _parts(policy):
        if isinstance(part, TrainedPolicy):
            learned |= _of(part)
        elif getattr_static(part, "tasks_learned", None) is not None:
            tasks: Any = part.tasks_learned  # type: ignore[attr-defined]
            if isinstance(tasks, Iterable) and not isinstance(tasks, str):
                learned |= Provenance(frozenset(str(task) for task in tasks))
    return learned


@dataclass(eq=False)
class Heard:
    """What the trained policies that were asked had learned from, so far; each policy counts once."""

    learned: Provenance = Provenance()
    _known: WeakSet[TrainedPolicy] = field(default_factory=WeakSet)

    def note(self, policy: TrainedPolicy) -> None:
        """Takes note of one that was asked."""
        if policy not in self._known:
            self._known.add(policy)
            self.learned |= _of(policy)


_ALL: list[Heard] = []
"""Everyone who listens, in any thread."""

_HERE: ContextVar[tuple[Heard, ...] | None] = ContextVar("listening", default=None)
"""Who listens to what this thread, or task, does; None in a thread that nobody who listens has begun."""


@contextmanager
def heard() -> Iterator[Heard]:
    """Takes note of every trained policy that decides meanwhile, whoever asks it and from whatever thread.

    Two who listen in threads of their own hear their own policies only. A thread that a policy has started itself is
    known to neither, and one that was started for a listener who has ended (a worker or an event loop that a policy
    keeps) may by now serve another; so all hear of what is asked there: too much rather than too little.
    """
    listener = Heard()
    token = _HERE.set((*(_HERE.get() or ()), listener))
    _ALL.append(listener)
    try:
        yield listener
    finally:
        _ALL.remove(listener)
        _HERE.reset(token)


def note(policy: TrainedPolicy) -> None:
    """Says that this policy is being asked; costs nothing worth measuring where nobody listens."""
    if _ALL:
        here, everyone = _HERE.get(), tuple(_ALL)
        for listener in here if here is not None and all(one in everyone for one in here) else everyone:
            listener.note(policy)


def tasks_of(header: Header) -> set[str] | None:
    """Marks of the tasks that a policy file was trained or chosen on, by its card; None where it does not say.

    Cards of older versions hold ids alone, and no fingerprints.
    """
    card, parts = header.card, header.card.get("tasks")
    if not isinstance(parts, dict) or "train" not in parts:
        return None
    lists = [parts["train"], parts.get("validation", []), card.get("learned_before", []), card.get("shows", [])]
    if not lists[0] or not all(isinstance(marks, list | tuple) for marks in lists):  # nothing is trained on no task
        return None
    marks = [mark for given in lists for mark in given]
    return set(marks) if all(isinstance(mark, str) for mark in marks) else None


def _of(policy: TrainedPolicy) -> Provenance:
    learned, card, name = tasks_of(policy.header), policy.header.card, (policy.name,)
    model = policy.header.bank.get("model")
    return Provenance(
        frozenset(learned or ()),
        unsaid=name if learned is None else (),
        continued=name if card.get("resumed_from") and "learned_before" not in card else (),
        by_id=name if learned is not None and not card.get("shows") else (),
        models=() if model is None else (str(model),),
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
        if not isinstance(one, TrainedPolicy):
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
