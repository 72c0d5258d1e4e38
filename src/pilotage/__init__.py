"""pilotage: reasoning memory and adaptive routing. The names below are the public door; each is loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotage.common.lazy import lazy

if TYPE_CHECKING:
    from pilotage.agent import (
        Block,
        Budget,
        ModelClient,
        PilotageError,
        ReasoningAgent,
        Registry,
        Run,
        ScriptedChatModel,
        Task,
        load_model,
        load_tasks,
    )
    from pilotage.memory import Concept, ConceptDraft, ConceptStore
    from pilotage.navigator import Policy, load_policy

_PACKAGE = {
    "Block": "agent",
    "Budget": "agent",
    "Concept": "memory",
    "ConceptDraft": "memory",
    "ConceptStore": "memory",
    "ModelClient": "agent",
    "PilotageError": "agent",
    "Policy": "navigator",
    "ReasoningAgent": "agent",
    "Registry": "agent",
    "Run": "agent",
    "ScriptedChatModel": "agent",
    "Task": "agent",
    "load_model": "agent",
    "load_policy": "navigator",
    "load_tasks": "agent",
}

__all__ = [
    "Block",
    "Budget",
    "Concept",
    "ConceptDraft",
    "ConceptStore",
    "ModelClient",
    "PilotageError",
    "Policy",
    "ReasoningAgent",
    "Registry",
    "Run",
    "ScriptedChatModel",
    "Task",
    "load_model",
    "load_policy",
    "load_tasks",
]

__getattr__ = lazy(__name__, _PACKAGE)
