"""Key: what a client of the server may do, and the rules for what a new one is made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Literal, NamedTuple, get_args
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from pilotage.agent.errors import UsageError
from pilotage.agent.serve.keys.limits import Limits
from pilotage.common.text import one_line

Scope = Literal["chat", "feedback", "concepts:read", "concepts:write", "erase", "metrics"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

LONGEST = 100
"""Characters of a name or a namespace."""
_LONGEST_USER = 200
USERS = "/"
"""Between a namespace and what it holds of one user."""


class Key(BaseModel):
    """A key as the store knows it: without its secret, which only its user has.

    Attributes:
        id: short, and shown where a key is meant.
        name: what it is for, in a line.
        namespace: of the memory, whose concepts its conversations see.
        scopes: what it opens, in the order of `SCOPES`.
        learn: whether its conversations may teach the memory.
        per_user: whether each `user` that its requests name has a namespace of their own.
        limits: what it may use.
        created: when.
        last_used: when, to the minute; None where it never was.
        revoked: when; None where it is valid.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    namespace: str
    scopes: tuple[Scope, ...]
    learn: bool
    per_user: bool
    limits: Limits
    created: datetime
    last_used: datetime | None = None
    revoked: datetime | None = None

    def namespace_for(self, user: str | None) -> str:
        """The namespace of a request that names this user: no two users share one, nor does a user and another key.

        It is a line of printable ASCII whatever the user is called, and of bounded length.
        """
        if not self.per_user or not user:
            return self.namespace
        encoded = user.encode("utf-8", "surrogatepass")
        quoted = quote(encoded, safe="@")
        if len(quoted) > _LONGEST_USER:  # a quoted name holds no colon, so none looks like this
            quoted = f"sha256:{hashlib.sha256(encoded).hexdigest()}"
        return f"{self.namespace}{USERS}{quoted}"


class NewKey(NamedTuple):
    """A key that was just made, and its secret, which is kept nowhere."""

    key: Key
    secret: str


def checked_name(name: str) -> str:
    """A key's name without blanks around it. Raises UsageError."""
    return _line("name", name)


def checked_namespace(namespace: str) -> str:
    """A namespace that a key may have. Raises UsageError.

    The memory takes every text that a database can hold. A key's namespace is also shown and typed, and its users'
    namespaces lie below it.
    """
    namespace = _line("namespace", namespace)
    if USERS in namespace:
        raise UsageError(
            f"the namespace '{namespace}' holds a {USERS}, below which the users of a key are: leave it out"
        )
    return namespace


def is_namespace(text: str) -> bool:
    """Whether a text can be the namespace of a key, or of a user below one: a line, shown as it is, and not long."""
    own, _, user = text.partition(USERS)
    return (
        0 < len(own) <= LONGEST
        and len(user) <= _LONGEST_USER
        and text == one_line(text).strip()
        and not text.endswith(USERS)
    )


def checked_scopes(scopes: Iterable[str]) -> tuple[Scope, ...]:
    """Scopes in their order, each once. Raises UsageError."""
    asked = set(scopes)
    if not asked or (unknown := asked - set(SCOPES)):
        what = f"'{one_line(min(unknown))}' is no scope" if asked else "a key without scopes opens nothing"
        raise UsageError(f"{what}: name some of {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in asked)


def _line(what: str, text: str) -> str:
    text = text.strip()
    if not text:
        raise UsageError(f"the {what} of a key is empty: give it one")
    if len(text) > LONGEST:
        raise UsageError(f"the {what} of a key has {len(text)} characters: at most {LONGEST} are allowed")
    if one_line(text) != text:
        raise UsageError(f"the {what} {one_line(text)} has characters that are not shown as they are: leave them out")
    return text
