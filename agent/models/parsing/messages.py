"""Messages: a request in LangChain's messages, and what a model gave back as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pilotage.agent.models.parsing.finish_reasons import WHOLE
from pilotage.agent.models.reply import Request, UnusableReply
from pilotage.common.text import carriable

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


def messages_of(request: Request, *, one_role: bool = False) -> list[BaseMessage]:
    """LangChain's messages; with `one_role` the system's stands at the beginning of the user's first."""
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds: dict[str, Any] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    messages = [(message.role, carriable(message.content)) for message in request.messages]
    if one_role and len(messages) > 1 and (messages[0][0], messages[1][0]) == ("system", "user"):
        messages[:2] = [("user", f"{messages[0][1]}\n\n{messages[1][1]}")]
    return [kinds[role](content=content) for role, content in messages]


def message_of(output: Any) -> BaseMessage:
    """What a chat model or a chain around one gave back, as a message."""
    from langchain_core.messages import AIMessage, BaseMessage

    if isinstance(output, BaseMessage):
        return output
    if isinstance(output, str):  # a chain that ends in a parser of text, which takes away why the reply ended
        return AIMessage(output, response_metadata={"finish_reason": WHOLE})
    raise UnusableReply(
        f"The model gave back a {type(output).__name__} and no message; give the chat model without a parser behind it."
    )
