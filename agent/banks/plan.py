"""Plan: which nodes to record of every task, so that many tasks get few, well-chosen nodes each.

A plan is a list of ways from the root, in the order in which they are recorded:

    program; reason; program/verify; program/reflect?failed; plan/program

Behind a `?` stands when a block is worth its cost: `failed` (the step before reached no answer), `answered` (it did),
`disagrees` (a check reached another answer), `unsettled` (no two routes agree). Conditions see public evidence of their
own way only. What is recorded shows in a replay as what may be done next, so anything else, the score above all, would
reach a policy by the mask.

Routes are fresh (`pilotage.agent.prompting`): behind another attempt, reason, program, decompose, debate and a
check by program ask what they asked at the root, so such nodes cost nothing: the response cache has the reply. Hence
the plans name them in many places.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pilotage.agent.banks.stepwise import ObservedState
from pilotage.agent.errors import UsageError
from pilotage.agent.strategies.macro import strategy_of
from pilotage.agent.trace import Step
from pilotage.navigator.spaces import ActionSpec

SMALL = (
    "program; reason; program/verify; program/reflect?failed; program/reason?failed; "
    "reason/verify; reason/program?answered; reason/reason?failed"
)
"""First answers with their checks and repairs: about five paid calls a task."""

STANDARD = (
    f"{SMALL}; decompose; program/decompose?answered; reason/decompose?answered; decompose/verify; "
    "decompose/program?answered; program/verify/decompose; reason/verify/decompose; program/reflect/verify?answered; "
    "plan/program; plan/program/verify?answered"
)
"""Every way to a first answer, and up to three routes to agree or not: about eight paid calls a task."""

WIDE = (
    f"{STANDARD}; debate; program/debate?answered; reason/debate?answered; debate/verify; program/verify/debate; "
    "reason/reflect?answered; program/reflect?answered; plan/reason; plan/decompose; program/reflect/reason?failed"
)
"""Every block, in its likely places: about sixteen paid calls a task."""

RLOT = (
    "reason; decompose; debate; reason/reason; reason/reflect; decompose/reflect; debate/reflect; reason/decompose; "
    "reason/debate; reason/decompose/debate"
)
"""For the preset `rlot`: nine nodes, a tenth where a limit cut the reasoning. It has no conditions, since the seven
scores do not show what these read; only what is legal differs from task to task, as it does in use."""

DRAWS = (
    "program; reason; program/reason; reason/program; "
    "program/sample?answered; program/sample?answered/sample; program/sample?answered/reason; "
    "program/sample?answered/sample/reason; reason/sample; reason/sample/sample?unsettled; "
    "program/reason/sample?unsettled; program/reason/sample?unsettled/sample?unsettled"
)
"""How far draws agree: program and reason from the task alone, two more programs where one answered, one more reason, a
third where the two disagree. About six paid calls a task."""

NAMED = {"draws": DRAWS, "standard": STANDARD, "small": SMALL, "wide": WIDE, "rlot": RLOT, "none": ""}


def _of_last_step(holds: Callable[[Step], bool]) -> Callable[[ObservedState], bool]:
    return lambda now: now.state.last is not None and holds(now.state.last)


CONDITIONS: dict[str, Callable[[ObservedState], bool]] = {
    "failed": _of_last_step(lambda step: step.candidate is None),
    "answered": _of_last_step(lambda step: step.candidate is not None),
    "disagrees": _of_last_step(lambda step: step.evidence.verdict == "disagrees"),
    "unsettled": lambda now: now.state.leader is None or now.state.leader.routes < 2,
}


@dataclass(frozen=True)
class Way:
    """One entry of a plan: blocks from the root, and for each the condition under which it is run, "" for none."""

    blocks: tuple[str, ...]
    conditions: tuple[str, ...]

    def holds(self, place: int, before: ObservedState) -> bool:
        """Whether the block at a place is worth its cost, by what is known before it."""
        condition = self.conditions[place]
        return not condition or CONDITIONS[condition](before)


def parse_plan(text: str, actions: ActionSpec, max_depth: int) -> tuple[Way, ...]:
    """The ways of a plan, one of `NAMED` or as written out; too deep ones are left out.

    The root needs no entry: it is always recorded, with what answering at once gives. A named plan but
    `none` has every strategy among the actions at the root as well: whoever adds one to the blocks wants it recorded.

    Raises:
        UsageError: an entry names an unknown block or condition, or the terminal one.
    """
    ways: list[Way] = []
    named = NAMED.get(text.strip(), text)
    added = list(filter(strategy_of, actions.names)) if text.strip() in NAMED and named else []
    for entry in (part.strip() for part in [*named.split(";"), *added]):
        if not entry or entry == "r":
            continue
        parts = [part.partition("?") for part in entry.removeprefix("r/").split("/")]
        way = Way(tuple(block.strip() for block, _, _ in parts), tuple(given.strip() for _, _, given in parts))
        _require_known(way, entry, actions)
        if len(way.blocks) <= max_depth and way not in ways:
            ways.append(way)
    return tuple(ways)


def _require_known(way: Way, entry: str, actions: ActionSpec) -> None:
    for block, condition in zip(way.blocks, way.conditions, strict=True):
        if block not in actions.names or block == actions.terminal:
            known = ", ".join(name for name in actions.names if name != actions.terminal)
            raise UsageError(
                f"the plan's entry {entry!r} names no block {block!r}; use {', '.join(NAMED)}, or blocks from "
                f"{known} (what answering gives is recorded at every node)"
            )
        if condition and condition not in CONDITIONS:
            raise UsageError(f"the plan's entry {entry!r} has no condition {condition!r}; use {', '.join(CONDITIONS)}")
