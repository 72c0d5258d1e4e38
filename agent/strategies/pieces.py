"""Pieces: a text that is written on in several calls, by its own end where the backend can, else in a user's turn."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage.agent.answers import extract
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message
from pilotage.agent.state import State


@dataclass(frozen=True)
class Written:
    """A text as far as it is written.

    Attributes:
        text: all of it.
        begun: how much of it stood when its last piece was asked for as a message of its own, which is read by itself.
        cut: whether the last piece stops in the middle.
    """

    text: str = ""
    begun: int = 0
    cut: bool = False

    def answer(self, state: State) -> str | None:
        """The answer that it marks: of several the last one."""
        task = state.task
        if task.kind != "program" and (own := extract(task.kind, self.text[self.begun :], task.choices, cut=self.cut)):
            return own
        return extract(task.kind, self.text, task.choices, cut=self.cut)

    def then(self, kit: Kit, more: str, *, cut: bool) -> Written:
        """It with one more piece."""
        if not self.text or kit.model.capabilities.prefill:
            return Written(self.text + more, self.begun, cut)
        before = self.text.rstrip() + "\n"
        return Written(before + more, len(before), cut)


def going_on(kit: Kit, asked: tuple[Message, ...], text: str, how: str) -> tuple[Message, ...]:
    """What asks for more of a text.

    Args:
        kit: whose model writes it.
        asked: the conversation that the text replies to.
        text: as far as it is written; empty, it begins.
        how: asks for more where a backend would begin a message anew.
    """
    if not text:
        return asked
    so_far = Message(role="assistant", content=text)
    if kit.model.capabilities.prefill:
        return (*asked, so_far)
    return (*asked, so_far, Message(role="user", content=how))
