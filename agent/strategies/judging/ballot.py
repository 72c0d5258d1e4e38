"""Ballot: judges who each name the best of several solutions, which they see in an order of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from pilotage.agent.kit import Kit
from pilotage.agent.models.quiet import quiet
from pilotage.agent.prompting import describe
from pilotage.agent.state import State
from pilotage.agent.strategies.scorers.asked import SYSTEM
from pilotage.agent.strategies.showing import number_of, numbered, prompt, shuffled
from pilotage.agent.strategies.together import all_of, or_none
from pilotage.agent.trace import Step

WHICH = "Which of these solutions is the most likely to be right, as far as it goes? Reply with its number only."
NUMBER_TOKENS = 8


async def ballots(
    state: State, kit: Kit, steps: Sequence[Step], chance: Random, *, votes: int, temperature: float
) -> list[int]:
    """How many of so many judges name each solution; one alone has all votes without a call.

    The order is drawn anew for each judge, so that one who always names the first of them chooses by lot. A reply that
    names no single solution is no vote.
    """
    counts = [0] * len(steps)
    if len(steps) < 2:
        return [votes] * len(steps)
    orders = [shuffled(steps, chance) for _ in range(votes)]
    names = " | ".join(f'"{number}"' for number in range(1, len(steps) + 1))

    async def vote(own: Kit, order: Sequence[int], sample: int) -> int | None:
        asked = f"{describe(state.task)}\n\n{numbered([steps[place] for place in order])}\n\n{WHICH}"
        reply = await own.send(
            prompt(SYSTEM, asked),
            max_tokens=NUMBER_TOKENS,
            temperature=temperature if votes > 1 else 0.0,
            grammar=f"root ::= {names}",
            sample=sample,
        )
        named = {number_of(number) for number in re.findall(r"\d+", reply.text)}
        number = named.pop() if len(named) == 1 else 0
        return order[number - 1] if 1 <= number <= len(steps) else None

    with quiet():
        cast = await all_of(or_none(vote(kit.branch(), order, sample)) for sample, order in enumerate(orders, 1))
    for place in cast:
        if place is not None:
            counts[place] += 1
    return counts


def best_first(worth: Sequence[float], chance: Random) -> list[int]:
    """Places by their worth, equals in an order that is drawn."""
    lots = [chance.random() for _ in worth]
    return sorted(range(len(worth)), key=lambda place: (-worth[place], lots[place]))
