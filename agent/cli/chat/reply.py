"""Reply: what the conversation keeps of an answer: its text, how it came about, what it cost, what it taught."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pilotage.agent import events
from pilotage.agent.trace import Hint, Step, Usage

ANSWER = "answer"
"""The block that writes the reply."""


class Chosen(BaseModel):
    """A block that was chosen, and why."""

    model_config = ConfigDict(frozen=True)

    block: str
    why: str


class Reply(BaseModel):
    """One reply of the assistant. Feedback and taking back need its ids alone, so that they work after a restart.

    Attributes:
        id: of the run, which is that of a server's completion; empty where there is none.
        decision: why the message was worked on before the reply; empty where it was not, or the server tells not.
        chosen: the blocks in the order in which they were chosen.
        hints: concepts that memory gave; `withheld` those that it kept back, where the run was held out.
        followed: ids of the concepts that it followed.
        learned: ids of those that it wrote to memory; `titles` has theirs.
        cost: in the currency of the server's prices (USD); None where it tells none.
        helped: what was said of it.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    id: str = ""
    task_id: str = ""
    decision: str = ""
    chosen: tuple[Chosen, ...] = ()
    steps: tuple[Step, ...] = ()
    hints: tuple[Hint, ...] = ()
    withheld: tuple[Hint, ...] = ()
    followed: tuple[str, ...] = ()
    learned: tuple[str, ...] = ()
    titles: dict[str, str] = {}
    verified: bool = False
    cut: bool = False
    stopped_by: str = ANSWER
    usage: Usage = Usage()
    cost: float | None = None
    seconds: float = 0.0
    helped: Literal["yes", "no", ""] = ""

    @property
    def route(self) -> tuple[str, ...]:
        """Names of the blocks run, in order."""
        return tuple(step.block for step in self.steps)


@dataclass(frozen=True)
class Ended:
    """The reply is over; the fields are those of `Reply`, as far as no event before has told them."""

    facts: dict[str, Any]


Event = events.Event | Ended


@dataclass
class Heard:
    """Puts a reply together from what is heard of it."""

    text: str = ""
    whole: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    chosen: list[Chosen] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Takes one event in."""
        match event:
            case events.Recalled(hints, withheld):
                self.facts |= {"hints": hints, "withheld": withheld}
            case events.Chosen(block, why):
                self.chosen.append(Chosen(block=block, why=why))
            case events.Token(block, text) if block == ANSWER:
                self.text += text
            case events.Stepped(step):
                self.steps.append(step.model_copy(update={"turns": ()}))  # later prompts had them; no reader needs them
                self.whole = self.whole or step.block == ANSWER
            case events.Learned(titles):
                self.facts |= {"titles": dict(titles), "learned": tuple(titles)}
            case Ended(facts):
                self.facts |= facts
                self.whole = True

    @property
    def reply(self) -> Reply:
        """The reply so far."""
        return Reply(**{"text": self.text, "chosen": tuple(self.chosen), "steps": tuple(self.steps)} | self.facts)
