"""Rules: which steps go, by how much the answer needs them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pilotage.agent.errors import UsageError
from pilotage.agent.pruning.kinds import ANY, FUNCTIONAL
from pilotage.agent.tasks.source import did_you_mean

DEFAULT_RATIO = 0.5
"""Of the steps of each functional kind, and our own choice: which share is best depends on who wrote the chains."""


@dataclass(frozen=True)
class Rule:
    """Which of the steps that may go do go: those that the answer needs least.

    Args:
        shares: by kind, the share of its steps in [0, 1], by which half a step counts as one.
        below: or every step whose importance is below this.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    below: float | None = None

    @property
    def written(self) -> str:
        """One text for one rule."""
        if self.below is not None:
            return f"below {self.below!r}"
        return "drop " + ",".join(f"{kind} {share!r}" for kind, share in sorted(self.shares.items()))

    def dropped(self, importance: Mapping[int, float], kinds: Sequence[str]) -> set[int]:
        """Places of the steps that go.

        Args:
            importance: of each step that may go, by its place.
            kinds: of all steps, shape (n,).
        """
        if self.below is not None:
            return {place for place, value in importance.items() if value < self.below}
        gone: set[int] = set()
        for kind, share in self.shares.items():
            ours = [place for place in importance if kinds[place] == kind]
            least_first = sorted(ours, key=lambda place: importance[place])
            gone |= set(least_first[: int(share * len(least_first) + 0.5)])
        return gone


def rule_of(drop: str | None, below: float | None, *, asks_kinds: bool) -> Rule:
    """The rule that the options describe.

    Args:
        drop: a share, or `verification=0.5,method=0.4` (kinds that are not named stay).
        below: a threshold.
        asks_kinds: whether steps have kinds.

    Raises:
        UsageError: both are given, or a share or the threshold is none.
    """
    if below is not None:
        if drop is not None:
            raise UsageError("--drop and --below are two ways to choose: give one of them")
        if math.isnan(below):
            raise UsageError("--below nan is no threshold: write --below 0.05")
        return Rule(below=below)
    known = FUNCTIONAL if asks_kinds else (ANY,)
    if drop is None:
        return Rule(dict.fromkeys(known, DEFAULT_RATIO))
    if "=" not in drop:
        return Rule(dict.fromkeys(known, _share(drop)))
    shares: dict[str, float] = {}
    for part in drop.split(","):
        kind, _, share = (piece.strip() for piece in part.partition("="))
        if not asks_kinds and kind in FUNCTIONAL:
            raise UsageError(f"--drop {kind}=... needs kinds, and --kinds none asks none: leave out one of them")
        if kind not in known:
            raise UsageError(f"--drop knows no kind {kind!r:.80}{did_you_mean(kind, known)}: use {', '.join(known)}")
        if kind in shares:
            raise UsageError(f"--drop gives {kind} twice: give it once")
        shares[kind] = _share(share)
    return Rule(shares)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(
            f"{text!r:.80} is no share of the steps: write --drop 0.5, or --drop verification=0.5,method=0.4"
        )
    return share
