"""Chat models: one client for all of them, the embedded one included, and the weights that come by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotage.common.lazy import lazy

if TYPE_CHECKING:
    from pilotage.agent.models.cache import CacheStats as CacheStats
    from pilotage.agent.models.cache import ResponseCache as ResponseCache
    from pilotage.agent.models.client import ModelClient as ModelClient
    from pilotage.agent.models.embedded.chat_model import EmbeddedChatModel as EmbeddedChatModel
    from pilotage.agent.models.factory import load_model as load_model
    from pilotage.agent.models.reply import Capabilities as Capabilities
    from pilotage.agent.models.reply import Message as Message
    from pilotage.agent.models.reply import Reply as Reply
    from pilotage.agent.models.reply import Request as Request
    from pilotage.agent.models.reply import RequestRefused as RequestRefused
    from pilotage.agent.models.reply import TokenLogprob as TokenLogprob
    from pilotage.agent.models.reply import UnusableReply as UnusableReply
    from pilotage.agent.models.scripted import Fault as Fault
    from pilotage.agent.models.scripted import ScriptedCall as ScriptedCall
    from pilotage.agent.models.scripted import ScriptedChatModel as ScriptedChatModel
    from pilotage.agent.models.scripted import ScriptedReply as ScriptedReply
    from pilotage.agent.models.stochastic import StochasticChatModel as StochasticChatModel
    from pilotage.agent.models.transport.retry import RetryPolicy as RetryPolicy

# Public names by module, above for type checkers; those load at first use, because some of them bring LangChain in.
_NAMES = {
    "cache": ("CacheStats", "ResponseCache"),
    "client": ("ModelClient",),
    "embedded.chat_model": ("EmbeddedChatModel",),
    "factory": ("load_model",),
    "reply": ("Capabilities", "Message", "Reply", "Request", "RequestRefused", "TokenLogprob", "UnusableReply"),
    "scripted": ("Fault", "ScriptedCall", "ScriptedChatModel", "ScriptedReply"),
    "stochastic": ("StochasticChatModel",),
    "transport.retry": ("RetryPolicy",),
}
_MODULE = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_MODULE)

__getattr__ = lazy(__name__, _MODULE)
