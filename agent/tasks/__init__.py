"""Where tasks come from: `load_tasks("FILE.jsonl")`, `load_tasks("gsm8k:FILE;size=20")`, `load_tasks("gym:FAMILY")`.

source.py says what a source gives, spec.py how one is asked for; the sources themselves are jsonl.py, gsm8k.py and
gym.py, registered in registry.py.
"""

from pilotage.agent.tasks.registry import SOURCES, load_tasks
from pilotage.agent.tasks.source import Source, TaskDefect, TaskSource
from pilotage.agent.tasks.spec import Spec

__all__ = ["SOURCES", "Source", "Spec", "TaskDefect", "TaskSource", "load_tasks"]
