"""pilotage: reasoning memory and adaptive routing. The names below are the public door; each is loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    from pilotage.common.lazy import lazy
except ModuleNotFoundError as error:
    if error.name != "pilotage.common":
        raise
    raise ImportError(
        f"{__path__[0]} lacks its links to the folders agent, common, memory and navigator, which archives leave out: "
        "run `pip install -e .` in the folder that holds pyproject.toml, which makes them"
    ) from None

if TYPE_CHECKING:
    from pilotage.agent import (
        Block,
        Budget,
        ConceptMemoryMiddleware,
        ModelClient,
        PilotageChatModel,
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
    "ConceptMemoryMiddleware": "agent",
    "ConceptStore": "memory",
    "ModelClient": "agent",
    "PilotageChatModel": "agent",
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
    "ConceptMemoryMiddleware",
    "ConceptStore",
    "ModelClient",
    "PilotageChatModel",
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

_of_a_package = lazy(__name__, _PACKAGE)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("pilotage")
    return _of_a_package(name)
