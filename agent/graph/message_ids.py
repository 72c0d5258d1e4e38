"""ReplyListener: under which id callbacks saw a reply, so that a message which repeats it is known for the same."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.outputs import ChatGeneration, LLMResult
from langgraph.config import get_config


class ReplyListener(BaseCallbackHandler):
    """Notes the replies of the chat models that are called under it."""

    run_inline = True

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """Notes one reply."""
        for generation in response.generations[0] if response.generations else ():
            if isinstance(generation, ChatGeneration) and generation.message.id:
                self._ids[generation.message.text.strip()] = generation.message.id

    def id_of(self, text: str | None) -> str | None:
        """The id of the reply that said exactly this; None where none did."""
        return self._ids.get(text.strip()) if text is not None else None


def listen_for_replies() -> ReplyListener:
    """Listens to the models that the running node calls from here on."""
    listener = ReplyListener()
    callbacks = get_config().get("callbacks")
    if isinstance(callbacks, BaseCallbackManager):
        callbacks.add_handler(listener)
    return listener
