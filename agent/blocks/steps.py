"""The two ways in which most blocks reach a candidate: by reasoning in words, and by a program that is run."""

from __future__ import annotations

from typing import TypedDict, Unpack

from pilotage.agent.answers import extract
from pilotage.agent.blocks.programs import run_program
from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.trace import Step, Turn

MAX_TOKENS = 400


class Decoding(TypedDict, total=False):
    """How else than by default the model is asked; see `Kit.ask`."""

    continuing: bool
    temperature: float
    sample: int


async def reasoned(
    block: str, state: State, kit: Kit, asked: str, *, independent: bool = False, **how: Unpack[Decoding]
) -> Step:
    """One call whose reply marks its answer at the end. An answer that is not marked is a miss."""
    reply = await kit.ask(state, asked, max_tokens=MAX_TOKENS, independent=independent, **how)
    return kit.step(
        block,
        [reply],
        turns=[Turn(asked=asked, replied=reply.text)],
        candidate=extract(state.task.kind, reply.text, state.task.choices, cut=reply.cut),
        independent=independent,
    )


async def programmed(
    block: str, state: State, kit: Kit, asked: str, *, independent: bool = False, **how: Unpack[Decoding]
) -> Step:
    """One call whose reply is a program; it is run, and what it printed is the answer."""
    reply = await kit.ask(state, asked, max_tokens=MAX_TOKENS, independent=independent, **how)
    outcome = await run_program(state, kit, reply.text, cut=reply.cut)
    return kit.step(
        block,
        [reply],
        turns=[Turn(asked=asked, replied=reply.text)],
        result=outcome.result,
        candidate=outcome.candidate,
        independent=independent,
        evidence=outcome.evidence,
        program=outcome.source,
    )
