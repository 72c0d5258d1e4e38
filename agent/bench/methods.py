"""Methods: what takes part in a comparison, written as the policy of `pilotage solve`; and who may not judge itself."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from pilotage.agent.budget import Budget
from pilotage.agent.errors import UsageError
from pilotage.agent.peers.toolkit import Peer, is_peer
from pilotage.agent.routing.policies import Navigator, policy_label
from pilotage.agent.strategies import PREFIX, strategy_named
from pilotage.agent.strategies.method import require_room
from pilotage.agent.task import Task
from pilotage.common.paths import expanded
from pilotage.navigator.policies import epsilon as exploring
from pilotage.navigator.policies.policy import Policy
from pilotage.navigator.policies.policy_file import SUFFIX
from pilotage.navigator.policies.provenance import provenance

WRITTEN = re.compile(rf"((?:epsilon=[^:]*:)*(?:.*(?:{re.escape(SUFFIX)}|\.toml)|[^@]*))(?:@([^@]*))?", re.DOTALL)
"""A policy, and its effort."""
LONGEST_NAME = 120
"""Of a results file, without its ending: a longer one is told apart by a hash."""


@dataclass(frozen=True)
class Method:
    """One method of a comparison.

    Attributes:
        policy: as `pilotage solve --policy` takes it; or a method of another toolkit, `peer:TOOLKIT/METHOD`.
        effort: low, medium or high, or a number; None for the policy's own.
    """

    policy: str
    effort: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """A method from `POLICY` or `POLICY@EFFORT`; of a strategy or a peer, what is the default is left out.

        Raises:
            UsageError: it is written as none, or a strategy or a peer is unknown or has an unfit parameter.
        """
        written = text.strip()
        if written.startswith(PREFIX):
            return cls(strategy_named(written).spec)
        if is_peer(written):
            return cls(Peer.parse(written).label)
        match = WRITTEN.fullmatch(written)
        if match is None or not match.group(1):
            raise UsageError(f"{text!r:.80} is no method: write a policy of `pilotage solve`, or POLICY@EFFORT")
        return cls(match.group(1), match.group(2))

    @property
    def label(self) -> str:
        """What results and figures call it."""
        return policy_label(self.policy, self.effort)

    @property
    def stem(self) -> str:
        """The name of its results file without the ending; no two labels have one.

        That of a policy file has a hash of its content, so that another version begins anew.
        """
        plain = re.sub(r"[^\w.@=,+-]+", "-", self.label)
        if plain != self.label or len(plain) > LONGEST_NAME:
            plain = f"{plain[:LONGEST_NAME]}-{_hash(self.label.encode())}"
        held = expanded(within(self.policy))
        is_file = held.name.endswith((SUFFIX, ".toml")) and held.is_file()
        return f"{plain}-{_hash(held.read_bytes())}" if is_file else plain


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def within(policy: str) -> str:
    """The policy that an exploring one follows; any other is itself."""
    return within(exploring.parse(policy)[1]) if policy.startswith(exploring.PREFIX) else policy


def methods_of(written: Iterable[str]) -> tuple[Method, ...]:
    """Methods from how they are written, each once.

    Raises:
        UsageError: one is none, or stands there twice.
    """
    methods = tuple(map(Method.parse, written))
    if double := [label for label, count in Counter(one.label for one in methods).items() if count > 1]:
        raise UsageError(f"{double[0]!r} stands twice among the methods: give it once")
    if not methods:
        raise UsageError("there is no method to compare: give --methods, or a --preset")
    return methods


def require_fresh(label: str, policy: Policy | Navigator, tasks: Iterable[Task]) -> None:
    """Raises UsageError where a policy would be judged on a task that it was trained on."""
    own = sorted(provenance(policy).tasks & {task.id for task in tasks})
    if own:
        raise UsageError(
            f"{label} was trained on {len(own)} of these tasks ({own[0]!r} for one), which cannot judge it: give "
            "others, another seed of a gym say, or --in-sample for figures that say nothing of other tasks"
        )


def require_fit(policy: Policy | Navigator, tasks: Sequence[Task], budget: Budget) -> None:
    """Raises UsageError where the budget cannot hold a strategy on one of the tasks: before any call is paid."""
    for task in tasks:
        require_room(policy, task, budget)
