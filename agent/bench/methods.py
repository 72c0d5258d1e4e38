"""Methods: what takes part in a comparison, written as the policy of `pilotage solve`; and who may not judge itself."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Self

from pilotage.agent.budget import Budget
from pilotage.agent.errors import BeyondBudget, UsageError
from pilotage.agent.peers.toolkit import Peer, is_peer
from pilotage.agent.routing.policies import Navigator, policy_file, policy_label
from pilotage.agent.strategies import PREFIX, strategy_named
from pilotage.agent.strategies.method import require_room
from pilotage.agent.task import Task
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
        folders: how many of the folders that a policy file lies in its label tells, so that no two have one.
    """

    policy: str
    effort: str | None = None
    folders: int = 0

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
        return policy_label(self.policy, self.effort, self.folders)

    @property
    def stem(self) -> str:
        """The name of its results file without the ending; no two methods have one, whoever else takes part.

        That of a policy file has a hash of its content, so that another version begins anew.
        """
        label = policy_label(self.policy, self.effort)
        plain = re.sub(r"[^\w.@=,+-]+", "-", label)
        if plain != label or len(plain) > LONGEST_NAME:
            plain = f"{plain[:LONGEST_NAME]}-{_hash(label.encode())}"
        content = self._content
        return plain if content is None else f"{plain}-{_hash(content)}"

    @property
    def _content(self) -> bytes | None:
        """Of a policy's own file, or its path where it is not there; None for a policy that is in none."""
        held = policy_file(self.policy) if self.policy.endswith((SUFFIX, ".toml")) else None
        return None if held is None else held.read_bytes() if held.is_file() else bytes(held)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def methods_of(written: Iterable[str]) -> tuple[Method, ...]:
    """Methods from how they are written, each once.

    Raises:
        UsageError: one is none, or stands there twice.
    """
    methods = tuple(map(Method.parse, written))
    if not methods:
        raise UsageError("there is no method to compare: give --methods, or a --preset")
    for first, second in combinations(methods, 2):
        if first.stem == second.stem:
            twice = f"{first.label!r} stands twice among the methods"
            same = "" if first.policy == second.policy else f" ({first.policy} and {second.policy} are the same)"
            raise UsageError(f"{twice}{same}: give it once")
    return _apart(methods)


def _apart(methods: tuple[Method, ...]) -> tuple[Method, ...]:
    """The methods with as many folders in the labels of policy files as tell those of one name apart."""
    counts = Counter(one.label for one in methods)
    if max(counts.values()) == 1:
        return methods
    return _apart(tuple(replace(one, folders=one.folders + (counts[one.label] > 1)) for one in methods))


def require_fresh(label: str, policy: Policy | Navigator, tasks: Iterable[Task]) -> None:
    """Raises UsageError where a policy would be judged on a task that it was trained on."""
    own = sorted(provenance(policy).tasks & {task.id for task in tasks})
    if own:
        raise UsageError(
            f"{label} was trained on {len(own)} of these tasks ({own[0]!r} for one), which cannot judge it: give "
            "others, another seed of a gym say, or --in-sample for figures that say nothing of other tasks"
        )


def too_long(policy: Policy | Navigator, tasks: Sequence[Task], budget: Budget) -> dict[str, BeyondBudget]:
    """Why the budget cannot hold a method on tasks, by their ids: before any call is paid.

    Raises:
        BeyondBudget: it can on none of them.
    """
    unfit: dict[str, BeyondBudget] = {}
    for task in tasks:
        try:
            require_room(policy, task, budget)
        except BeyondBudget as error:
            unfit[task.id] = error
    if unfit and len(unfit) == len(tasks):
        raise next(iter(unfit.values()))
    return unfit
