"""StochasticChatModel: a scripted model that draws its replies, so that a method can be held against its theory."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, cast

from langchain_core.messages import BaseMessage

from pilotage.agent.models.scripted import ScriptedCall, ScriptedChatModel, ScriptLine, stream_of

Drawing = Callable[[list[BaseMessage], Random], ScriptLine]


class StochasticChatModel(ScriptedChatModel):
    """Answers by a function of the messages and of a random stream.

    The stream is that of the call (`pilotage.agent.models.scripted.stream_of`).

    Args:
        script: `(messages, random.Random) -> reply`.
    """

    def __init__(self, script: Drawing, **settings: Any) -> None:
        super().__init__(cast(Any, script), **settings)

    def _line(self, call: ScriptedCall, number: int) -> ScriptLine:
        line: ScriptLine = self.script(list(call.messages), stream_of(call))
        return line
