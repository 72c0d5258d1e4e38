"""Chat models: one client for all of them, the embedded one included, and the weights that come by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotage.common.lazy import lazy

if TYPE_CHECKING:
    from pilotage.agent.messages import Message
    from pilotage.agent.models.cache import CacheStats, ResponseCache
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.models.embedded.chat_model import EmbeddedChatModel
    from pilotage.agent.models.factory import load_model
    from pilotage.agent.models.reply import Capabilities, Reply, Request, TokenLogprob, UnusableReply
    from pilotage.agent.models.scripted import Fault, ScriptedCall, ScriptedChatModel, ScriptedReply
    from pilotage.agent.models.transport.retry import RetryPolicy

# Public names by module; those load at first use, because some of them bring LangChain in.
_NAMES = {
    "cache": ("CacheStats", "ResponseCache"),
    "client": ("ModelClient",),
    "embedded.chat_model": ("EmbeddedChatModel",),
    "factory": ("load_model",),
    "reply": ("Capabilities", "Message", "Reply", "Request", "RequestRefused", "TokenLogprob", "UnusableReply"),
    "scripted": ("Fault", "ScriptedCall", "ScriptedChatModel", "ScriptedReply"),
    "transport.retry": ("RetryPolicy",),
}
_MODULE = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "CacheStats",
    "Capabilities",
    "EmbeddedChatModel",
    "Fault",
    "Message",
    "ModelClient",
    "Reply",
    "Request",
    "RequestRefused",
    "ResponseCache",
    "RetryPolicy",
    "ScriptedCall",
    "ScriptedChatModel",
    "ScriptedReply",
    "TokenLogprob",
    "UnusableReply",
    "load_model",
]

__getattr__ = lazy(__name__, _MODULE)
