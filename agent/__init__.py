"""agent: tasks, blocks, models, the graph and the command line. `from pilotage import agent` loads nothing heavy.

The names below are the public door; each is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pilotage_command import require_own_packages

if TYPE_CHECKING:
    from pilotage.agent.blocks import Block, Registry
    from pilotage.agent.budget import Budget
    from pilotage.agent.errors import PilotageError
    from pilotage.agent.models import ModelClient, ScriptedChatModel, load_model
    from pilotage.agent.run import Run
    from pilotage.agent.runner import ReasoningAgent
    from pilotage.agent.task import Task
    from pilotage.agent.tasks import load_tasks
    from pilotage.agent.trace import Step, Trace, Usage

require_own_packages()  # now, and with a sentence: later it would fail on a name that the user's own file lacks

_HOME = {
    "Block": "pilotage.agent.blocks",
    "Budget": "pilotage.agent.budget",
    "ModelClient": "pilotage.agent.models",
    "PilotageError": "pilotage.agent.errors",
    "ReasoningAgent": "pilotage.agent.runner",
    "Registry": "pilotage.agent.blocks",
    "Run": "pilotage.agent.run",
    "ScriptedChatModel": "pilotage.agent.models",
    "Step": "pilotage.agent.trace",
    "Task": "pilotage.agent.task",
    "Trace": "pilotage.agent.trace",
    "Usage": "pilotage.agent.trace",
    "load_model": "pilotage.agent.models",
    "load_tasks": "pilotage.agent.tasks",
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
