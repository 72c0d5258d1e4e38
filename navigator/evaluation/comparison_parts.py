"""What a comparison of two policies comes to: differences, intervals, tests, power; parts of an evaluation.

Costs are thousands of tokens a task, intervals 95% over tasks unless noted.
"""

from __future__ import annotations

from typing import Literal

from pilotage.navigator.evaluation.fields import Cost, Count, Interval, Name, Part, Share, Text


class Power(Part):
    """What a comparison's tasks can show, at the discordance that was observed (Connor 1987).

    Attributes:
        level: of the two-sided test: 0.05 over all comparisons that p-values are adjusted for.
        power: chance to find what is there.
        discordance: mean square of the differences; the share of tasks won or lost, where each is.
        smallest: the least difference that is found so; None where too few tasks differ for any.
        tasks_for_6_points: how many tasks find a difference of 0.06.
    """

    level: Share
    power: Share
    discordance: Share
    smallest: Share | None = None
    tasks_for_6_points: Count


class WithRoom(Part):
    """A comparison on the tasks of families that leave a router room alone."""

    tasks: Count
    difference: float
    interval: Interval
    family_interval: Interval | None = None
    value_difference: float | None = None
    cost_ratio: Cost | None = None


class Room(Part):
    """Families in which, on a task to learn from, some sequence scores more than the best fixed one; tasks judged."""

    tasks: Count
    families: dict[Text, Count]


class Comparison(Part):
    """`policy` against `against`, on the tasks that the bank can tell of for both.

    Attributes:
        better: tasks that only `policy` is right on: with an expected score, over samples and seeds, above one half.
        mcnemar_p: exact two-sided p-value of better against worse (McNemar 1947); None where scores are expectations.
        permutation_p: two-sided p-value of the differences themselves, by flipping signs (Fisher 1935).
        holm_p: `p`, adjusted for all comparisons (Holm 1979); see `ProtocolPart.adjusted_for`.
        cost_ratio: mean cost of the one by that of the other; None where the other costs nothing.
        value_difference: of the values, score less weighted cost.
        with_room: the same on families that leave room; None where that is not known, or none does.
        power: what so many tasks can show.
        gap_closed: share of the gap in value between the best fixed sequence and the oracle that `policy` closes; None
            where `against` is another one, where there is no gap, or no oracle.
    """

    policy: Name
    against: Name
    tasks: Count
    difference: float
    interval: Interval
    family_interval: Interval | None = None
    better: Cost
    worse: Cost
    mcnemar_p: Share | None = None
    holm_p: Share | None = None
    permutation_p: Share | None = None
    cost_ratio: Cost | None = None
    cost_ratio_interval: Interval | None = None
    cost_ratio_family_interval: Interval | None = None
    value_difference: float | None = None
    value_interval: Interval | None = None
    value_family_interval: Interval | None = None
    gap_closed: float | None = None
    gap_closed_interval: Interval | None = None
    with_room: WithRoom | None = None
    power: Power | None = None

    @property
    def p(self) -> float | None:
        """Of the test that fits the scores: McNemar's where tasks are right or wrong, sign flips for expectations."""
        return self.permutation_p if self.mcnemar_p is None else self.mcnemar_p


class Transfer(Part):
    """A policy against the best fixed sequence, on `held_out`: families, or the bank of another model.

    Neither was trained there; both are known on `tasks` tasks.
    """

    policy: Name
    kind: Literal["family", "bank"]
    held_out: Text
    tasks: Count
    accuracy: Share
    cost: Cost
    best_fixed_accuracy: Share
    best_fixed_cost: Cost
    difference: float
    interval: Interval
