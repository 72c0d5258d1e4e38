"""Where tasks come from: `load_tasks("FILE.jsonl")`, `load_tasks("gsm8k:FILE;size=20")`, `load_tasks("gym:FAMILY")`.

source.py says what a source gives and how one is asked for; the sources themselves are jsonl.py and gym.py.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from pilotage.agent.errors import UsageError
from pilotage.agent.tasks.gym import GYM
from pilotage.agent.tasks.jsonl import GSM8K, JSONL
from pilotage.agent.tasks.source import Source, Spec, TaskDefect, TaskSource, did_you_mean, parse_spec
from pilotage.common.paths import expanded

SOURCES: dict[str, Source] = {source.name: source for source in (JSONL, GSM8K, GYM)}


def load_tasks(spec: str) -> TaskSource:
    """The tasks that a specification names, to iterate over; malformed ones end up in its `defects`.

    Args:
        spec: `[SOURCE:]TARGET[;size=N][;seed=N][;offset=N]`; without a source, TARGET is a JSON Lines file.

    Raises:
        UsageError: there is no such source, file, family or option.
        MissingExtra: the source needs an optional dependency.
    """
    installed = {entry.name: entry for entry in entry_points(group="pilotage.tasks")}
    sources = SOURCES | {name: entry.load() for name, entry in installed.items() if name not in SOURCES}
    parsed = parse_spec(spec, sources)
    if parsed.source is None and not expanded(parsed.target).exists() and ":" in parsed.target:
        name = parsed.target.partition(":")[0]
        forms = ", ".join(source.usage for source in sources.values())
        raise UsageError(f"unknown task source {name!r}{did_you_mean(name, sources)}: use {forms}")
    return TaskSource(parsed, sources[parsed.source or JSONL.name])


__all__ = ["SOURCES", "Source", "Spec", "TaskDefect", "TaskSource", "load_tasks"]
