"""Rounds: a solution is criticised and written anew, until the critic is content or the rounds are over."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pilotage.agent.errors import BadReply, BudgetExceeded, ModelUnavailable
from pilotage.agent.kit import Kit
from pilotage.agent.models.quiet import quiet
from pilotage.agent.models.reply import Reply
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Drawn, answer_of, chosen, draw_one
from pilotage.agent.trace import Step

CRITIQUE_TOKENS = 200
LOOK_FOR_MISTAKES = (
    "Look for mistakes in this solution. If there are none, reply with the word OK and nothing else. Otherwise name "
    "each mistake in one line, and do not solve the task anew."
)
CONTENT = re.compile(r"\W*ok(?:ay)?\W*", re.I)

Asks = Callable[[Kit, Step], Awaitable[Reply]]
Writes = Callable[[Kit, int], Awaitable[Step]]


@dataclass(frozen=True)
class Critique:
    """What a critic said of a solution.

    Attributes:
        text: its words; empty where there are none.
        content: whether it found nothing to change.
        limit: of the budget, that left no room for it.
    """

    text: str = ""
    content: bool = False
    limit: BudgetExceeded | None = None


async def criticised(kit: Kit, ask: Asks, solution: Step) -> Critique:
    """What a critic says; nothing where its reply is unusable."""
    try:
        with quiet():
            reply = await ask(kit.branch(), solution)
    except BudgetExceeded as limit:
        return Critique(limit=limit)
    except ModelUnavailable:
        raise
    except BadReply:
        return Critique()
    said = reply.text.strip()
    return Critique(said, CONTENT.fullmatch(said.partition("\n")[0]) is not None)


async def until_content(
    strategy: Strategy,
    state: State,
    kit: Kit,
    rounds: int,
    first: Writes,
    criticise: Asks,
    revise: Callable[[Step, Critique], Writes],
) -> Step:
    """The last solution with an answer, after at most so many rounds of a critique and a revision.

    Args:
        strategy: whose step it is.
        state: of the run.
        kit: pays.
        rounds: revisions at most.
        first: writes the first solution.
        criticise: asks the critic about a solution.
        revise: what writes a solution anew after a critique.
    """
    drawn = await draw_one(strategy.name, kit, first, 1)
    ended = f"after {rounds} rounds"
    for number in range(2, rounds + 2):
        if drawn.limit is not None:
            break
        last = next((step for step in reversed(drawn.steps) if step.text), None)
        if last is None:
            break
        critique = await criticised(kit, criticise, last)
        if critique.limit is not None:
            drawn += Drawn(limit=critique.limit)
        elif critique.content or not critique.text:
            ended = f"the critic {'is content' if critique.content else 'said nothing'} after {number - 2} rounds"
            break
        else:
            drawn += await draw_one(strategy.name, kit, revise(last, critique), number)
    shown = next((step for step in reversed(drawn.steps) if step.candidate is not None), None)
    answer = None if shown is None else answer_of(state, drawn.steps, shown)
    return chosen(strategy.name, kit, drawn, answer, ended, best=shown)
