"""StochasticChatModel: a scripted model that draws its replies, so that a method can be held against its theory."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, cast

from langchain_core.messages import BaseMessage

from pilotage.agent.models.scripted import ScriptedCall, ScriptedChatModel, ScriptLine

Drawing = Callable[[list[BaseMessage], Random], ScriptLine]


class StochasticChatModel(ScriptedChatModel):
    """Answers by a function of the messages and of a random stream.

    The stream is that of the call: the same messages under the same seed get the same reply, whatever was asked before
    or beside them; at temperature 0 the seed counts for nothing, as for a greedy model.

    Args:
        script: `(messages, random.Random) -> reply`.
    """

    def __init__(self, script: Drawing, **settings: Any) -> None:
        super().__init__(cast(Any, script), **settings)

    def _line(self, call: ScriptedCall, number: int) -> ScriptLine:
        seed = call.options.get("seed") if call.options.get("temperature") else None
        line: ScriptLine = self.script(list(call.messages), Random(f"{seed}\n{call.text}"))
        return line
