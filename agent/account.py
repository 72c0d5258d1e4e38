"""Account: what all calls of the model that something makes cost together, also where it fails or is cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Account:
    """Counts tokens.

    Attributes:
        tokens: prompt and completion tokens so far; estimated for a call that was cancelled.
        late: called with what is charged after the account was settled: a run that is cancelled ends in its own time.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self.late: Callable[[int], None] | None = None

    def charge(self, tokens: int) -> None:
        """Adds the tokens of a call."""
        self.tokens += tokens
        if self.late is not None:
            self.late(tokens)


_current: ContextVar[Account | None] = ContextVar("account", default=None)


@contextmanager
def accounted() -> Iterator[Account]:
    """Counts what is spent within, in tasks that are started there too."""
    account = Account()
    token = _current.set(account)
    try:
        yield account
    finally:
        _current.reset(token)


def charge(tokens: int) -> None:
    """Charges whoever counts; nobody does outside `accounted`."""
    if (account := _current.get()) is not None:
        account.charge(tokens)
