"""agent: tasks, blocks, models, the graph and the command line. `import agent` loads nothing heavy.

The names below are the public door; each is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pilotage_command import require_own_packages

if TYPE_CHECKING:
    from agent.blocks import Block, Registry
    from agent.budget import Budget
    from agent.errors import PilotageError
    from agent.models import ModelClient, ScriptedChatModel, load_model
    from agent.run import Run
    from agent.runner import ReasoningAgent
    from agent.task import Task
    from agent.tasks import load_tasks
    from agent.trace import Step, Trace, Usage

require_own_packages()  # now, and with a sentence: later it would fail on a name that the user's own file lacks

_HOME = {
    "Block": "agent.blocks",
    "Budget": "agent.budget",
    "ModelClient": "agent.models",
    "PilotageError": "agent.errors",
    "ReasoningAgent": "agent.runner",
    "Registry": "agent.blocks",
    "Run": "agent.run",
    "ScriptedChatModel": "agent.models",
    "Step": "agent.trace",
    "Task": "agent.task",
    "Trace": "agent.trace",
    "Usage": "agent.trace",
    "load_model": "agent.models",
    "load_tasks": "agent.tasks",
}

__all__ = [
    "Block",
    "Budget",
    "ModelClient",
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


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'agent' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
