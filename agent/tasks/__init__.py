"""Where tasks come from: `load_tasks("FILE.jsonl")`, `load_tasks("gsm8k:FILE;size=20")`, `load_tasks("gym:FAMILY")`.

source.py says what a source gives and how one is asked for; the sources themselves are jsonl.py, gym.py and
data_sets.py, records.py and fields.py read their files, and own_source.py makes one of what others write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pilotage.agent.errors import UsageError
from pilotage.agent.tasks.data_sets import GPQA, MATH, MMLU, PROCBENCH
from pilotage.agent.tasks.gym import GYM
from pilotage.agent.tasks.jsonl import GSM8K, JSONL
from pilotage.agent.tasks.own_source import TaskFunction, as_source
from pilotage.agent.tasks.source import Source, Spec, TaskDefect, TaskSource, did_you_mean, parse_spec
from pilotage.common.paths import expanded
from pilotage.common.plugins import label, loaded, plugins

GROUP = "pilotage.tasks"
"""Entry points by which third parties add sources."""

BUILT_IN = (JSONL, GSM8K, GYM, MATH, GPQA, MMLU, PROCBENCH)

SOURCES: dict[str, Source | TaskFunction] = {source.name: source for source in BUILT_IN}
"""Sources by name. What this process adds here is found before what is installed."""


def load_tasks(spec: str, fields: Mapping[str, str] | None = None) -> TaskSource:
    """The tasks that a specification names, to iterate over; malformed ones end up in its `defects`.

    Args:
        spec: `[SOURCE:]TARGET[;size=N][;seed=N][;offset=N]`; without a source, TARGET is a file: JSON Lines, CSV or
            Parquet.
        fields: which field of a file's records holds what (`prompt`, `answer`, ...); for files without a source.

    Raises:
        UsageError: there is no such source, file, family or option; or somebody else's source is none.
        MissingExtra: the source needs an optional dependency.
    """
    known = [*SOURCES, *plugins(GROUP)]
    parsed = parse_spec(spec, known)
    if parsed.source is None and not expanded(parsed.target).exists() and ":" in parsed.target:
        name = parsed.target.partition(":")[0]
        forms = ", ".join(dict.fromkeys(map(_usage, known)))
        raise UsageError(f"unknown task source {name!r}{did_you_mean(name, known)}: use {forms}")
    if fields and parsed.source not in (None, JSONL.name):
        raise UsageError(f"--map is for files whose form is not known, and {spec!r:.80} says what it is: leave one out")
    parsed = replace(parsed, fields=tuple((fields or {}).items()))
    return TaskSource(parsed, source_named(parsed.source or JSONL.name))


def source_named(name: str) -> Source:
    """The source of a name that is known.

    Raises:
        UsageError: somebody else's is no source, or cannot be loaded.
    """
    if name in SOURCES:
        given = SOURCES[name]
        return given if given in BUILT_IN else as_source(name, given, f"the task source {name!r}")
    entry = plugins(GROUP)[name]
    return as_source(name, loaded(entry, UsageError), label(entry))


def _usage(name: str) -> str:
    """How a source is asked for; one that cannot be loaded is in nobody's way."""
    try:
        return source_named(name).usage
    except UsageError:
        return f"{name}:..."


__all__ = ["SOURCES", "Source", "Spec", "TaskDefect", "TaskSource", "load_tasks"]
