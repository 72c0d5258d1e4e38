"""agent: tasks, blocks, models, the graph and the command line. Importing it loads nothing heavy.

The names below are the public door; each is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotage.common.lazy import lazy

if TYPE_CHECKING:
    from pilotage.agent.blocks import Block, Registry
    from pilotage.agent.budget import Budget
    from pilotage.agent.errors import PilotageError
    from pilotage.agent.langchain.chat_model import PilotageChatModel
    from pilotage.agent.langchain.memory_middleware import ConceptMemoryMiddleware
    from pilotage.agent.models import ModelClient, ScriptedChatModel, load_model
    from pilotage.agent.run import Run
    from pilotage.agent.runner import ReasoningAgent
    from pilotage.agent.task import Task
    from pilotage.agent.tasks import load_tasks
    from pilotage.agent.trace import Step, Trace, Usage

if __name__ != "pilotage.agent":  # two copies of its classes would be worse than an error
    raise ImportError(f"import pilotage.agent, not {__name__}: the folder that holds this package is on the path")

_MODULE = {
    "Block": "blocks",
    "Budget": "budget",
    "ConceptMemoryMiddleware": "langchain.memory_middleware",
    "ModelClient": "models",
    "PilotageChatModel": "langchain.chat_model",
    "PilotageError": "errors",
    "ReasoningAgent": "runner",
    "Registry": "blocks",
    "Run": "run",
    "ScriptedChatModel": "models",
    "Step": "trace",
    "Task": "task",
    "Trace": "trace",
    "Usage": "trace",
    "load_model": "models",
    "load_tasks": "tasks",
}

__all__ = [
    "Block",
    "Budget",
    "ConceptMemoryMiddleware",
    "ModelClient",
    "PilotageChatModel",
    "PilotageError",
    "ReasoningAgent",
    "Registry",
    "Run",
    "ScriptedChatModel",
    "Step",
    "Task",
    "Trace",
    "Usage",
    "load_model",
    "load_tasks",
]

__getattr__ = lazy(__name__, _MODULE)
