"""Events of a run, in the order in which they happen; `ReasoningAgent.astream` yields them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotage.agent.trace import Hint, Step, Usage

if TYPE_CHECKING:
    from pilotage.agent.run import Run


@dataclass(frozen=True)
class Decided:
    """The first decision on a conversation's message has it worked on before the reply, for the reason `why`."""

    why: str


@dataclass(frozen=True)
class Recalled:
    """Memory was asked; `hints` is empty where it had nothing. A run of the control group has `withheld` instead."""

    hints: tuple[Hint, ...]
    withheld: tuple[Hint, ...] = ()


@dataclass(frozen=True)
class Chosen:
    """The navigator chose the next block."""

    block: str
    why: str


@dataclass(frozen=True)
class Token:
    """The model wrote a piece of text."""

    block: str
    text: str


@dataclass(frozen=True)
class Thought:
    """The model wrote a piece of its thinking before a conversation's reply."""

    block: str
    text: str


@dataclass(frozen=True)
class Stepped:
    """A block is done."""

    step: Step


@dataclass(frozen=True)
class Learned:
    """The run was looked at for what to keep: `titles` by concept id, empty where nothing was, and what that cost."""

    titles: Mapping[str, str]
    usage: Usage


@dataclass(frozen=True)
class Escalated:
    """The answer was not sure enough, so that the model of this name solves the task anew; `confidence` as in a run."""

    model: str
    confidence: float | None


@dataclass(frozen=True)
class Finished:
    """The run is over."""

    run: Run


Event = Decided | Recalled | Chosen | Token | Thought | Stepped | Learned | Escalated | Finished
