"""Writing: the model as the writer that memory asks for text. Every call is charged through the kit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotage.agent.errors import BudgetExceeded
from pilotage.agent.kit import Kit
from pilotage.agent.models.reply import Message

if TYPE_CHECKING:
    from pilotage.memory.learning.writer import Writer, WritingRequest


def writer_from(kit: Kit) -> Writer:
    """The kit's model as a writer. Where the budget allows no call it writes nothing, which memory takes as a miss."""

    async def write(request: WritingRequest) -> str:
        messages = (Message(role="system", content=request.system), Message(role="user", content=request.prompt))
        try:
            reply = await kit.send(
                messages, max_tokens=request.max_tokens, json_schema=request.json_schema, silent=True
            )
        except BudgetExceeded:
            return ""  # what can be kept without a writer is kept
        return reply.text

    return write
