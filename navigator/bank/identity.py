"""Identity: what a task is known by. Its id, and the fingerprint of what it shows, since a copy has another id."""

from __future__ import annotations

from collections.abc import Iterable

Named = Iterable[tuple[str, str]]
"""Tasks, each an id and a content fingerprint; the latter is empty where nobody noted it, and then it names no task."""


def identifiers(tasks: Named) -> set[str]:
    """Ids and content fingerprints of these tasks."""
    return {one for both in tasks for one in both if one}


def matching(tasks: Named, wanted: Iterable[str]) -> set[str]:
    """Ids of the tasks of which the id or the content fingerprint is among the wanted ones."""
    known = set(wanted) - {""}
    return {task for task, fingerprint in tasks if task in known or fingerprint in known}
