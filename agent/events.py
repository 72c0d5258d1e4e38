"""Events of a run, in the order in which they happen; `ReasoningAgent.astream` yields them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.trace import Hint, Step

if TYPE_CHECKING:
    from agent.run import Run


@dataclass(frozen=True)
class Recalled:
    """Memory was asked; `hints` is empty where it had nothing to say."""

    hints: tuple[Hint, ...]


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
class Stepped:
    """A block is done."""

    step: Step


@dataclass(frozen=True)
class Learned:
    """Memory was written; `concept_ids` is empty where nothing was worth keeping."""

    concept_ids: tuple[str, ...]


@dataclass(frozen=True)
class Finished:
    """The run is over."""

    run: Run


Event = Recalled | Chosen | Token | Stepped | Learned | Finished
