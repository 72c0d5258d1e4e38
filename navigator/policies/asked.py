"""Asked: which trained policies decide while something is judged, whoever asks them.

What a policy of a user's own holds cannot be told by looking: a function can reach a trained policy by a module, a
cache, a file. But whoever asks one to decide asks it here, in this process; so it says so itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from pilotage.navigator.policies.policy_file import Header


class Trained(Protocol):
    """A policy that was trained, with its card in a header."""

    name: str

    @property
    def header(self) -> Header: ...  # noqa: D102 (told above)


Told = Callable[[Trained], None]

_ALL: list[Told] = []
"""Everyone who listens, in any thread."""

_HERE: ContextVar[tuple[Told, ...] | None] = ContextVar("listening", default=None)
"""Who listens to what this thread, or task, does; None in a thread that nobody who listens has begun."""


@contextmanager
def listening(told: Told) -> Iterator[None]:
    """Has `told` called with each trained policy that decides meanwhile, as often as it does.

    Two who listen in threads of their own hear their own policies only. A thread that a policy has started itself is
    known to neither, and one that was started for a listener who has ended (a worker or an event loop that a policy
    keeps) may by now serve another; so all hear of what is asked there: too much rather than too little.
    """
    token = _HERE.set((*(_HERE.get() or ()), told))
    _ALL.append(told)
    try:
        yield
    finally:
        _ALL.remove(told)
        _HERE.reset(token)


def tell(policy: Trained) -> None:
    """Says that this policy is being asked; costs nothing worth measuring where nobody listens."""
    if _ALL:
        here, everyone = _HERE.get(), tuple(_ALL)
        for told in here if here is not None and all(told in everyone for told in here) else everyone:
            told(policy)
