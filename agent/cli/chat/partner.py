"""Partner: who replies, be it an agent in this process or a server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from pilotage.agent.cli.chat.reply import Event, Reply
from pilotage.agent.messages import Message


class Partner(Protocol):
    """Who replies. Each method raises an error whose text is one sentence."""

    @property
    def name(self) -> str:
        """What a person knows it by."""
        ...

    def reply(self, messages: Sequence[Message], sample: int) -> AsyncGenerator[Event, None]:
        """What happens until the reply is there; `Ended` comes last. `sample` numbers replies to the same messages."""
        ...

    async def feedback(self, reply: Reply, helped: bool, correction: str) -> str:
        """Has a reply count as good or bad; what came of it, for people."""
        ...

    async def take_back(self, reply: Reply) -> str:
        """Takes back what a reply, and feedback on it, changed in memory; what came of it, or empty for nothing."""
        ...

    async def models(self) -> list[str]:
        """Names that `choose` takes."""
        ...

    async def choose(self, name: str) -> None:
        """Has the model of this name reply from now on."""
        ...

    async def set_effort(self, effort: str) -> None:
        """Has it work with this effort from now on: low, medium or high."""
        ...

    async def aclose(self) -> None:
        """Releases what it holds."""
        ...
