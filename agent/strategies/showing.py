"""Showing: what a model wrote as data in a prompt, and the step of a solution that a reply holds."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from pilotage.agent.answers import extract
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message
from pilotage.agent.models.reply import Reply
from pilotage.agent.prompting import describe
from pilotage.agent.state import State
from pilotage.agent.strategies.scorers.asked import TAIL
from pilotage.agent.trace import Step
from pilotage.memory.text.quoting import quoted_text

DIGITS = 4
"""Of the number of a solution at most; Python itself reads no number of some thousand digits."""


def tagged(tag: str, text: str) -> str:
    """A text as data between tags: its end, where the answer stands."""
    return f"<{tag}>\n{quoted_text(text[-TAIL:])}\n</{tag}>"


def shown(state: State, *quotations: tuple[str, str]) -> str:
    """A task, and texts about it as data: each by the tag that it stands in."""
    return "\n\n".join([describe(state.task), *(tagged(tag, text) for tag, text in quotations)])


def numbered(steps: Sequence[Step]) -> str:
    """Solutions as data, numbered from 1."""
    return "\n\n".join(f"Solution {place}:\n{tagged('solution', step.text)}" for place, step in enumerate(steps, 1))


def shuffled(steps: Sequence[Step], chance: Random) -> list[int]:
    """Places of steps in an order that is drawn: what is read first or last is favoured by many models."""
    return chance.sample(range(len(steps)), len(steps))


def number_of(digits: str) -> int:
    """The number that a model wrote; 0, which no solution has, for one that is longer than any list is."""
    return int(digits) if len(digits) <= DIGITS else 0


def prompt(system: str, asked: str) -> tuple[Message, ...]:
    """A conversation of one turn."""
    return Message(role="system", content=system), Message(role="user", content=asked)


def written(state: State, kit: Kit, name: str, reply: Reply, **fields: Any) -> Step:
    """The step of a solution that one reply holds; fields as for `Kit.step`."""
    answer = extract(state.task.kind, reply.text, state.task.choices, cut=reply.cut)
    return kit.step(name, [reply], candidate=answer, **fields)
