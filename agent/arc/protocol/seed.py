"""Seed: what seeded arms begin with, programs of people or a memory, and which judged puzzles it gives away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as with_other
from pathlib import Path

from pilotage.agent.arc.checks import overlaps, taught
from pilotage.agent.arc.protocol.protocol import NOTHING, Seeding
from pilotage.agent.arc.seeding import programs_in
from pilotage.agent.arc.splits import Split, load_split
from pilotage.agent.errors import UsageError
from pilotage.common.paths import expanded
from pilotage.memory import ConceptStore
from pilotage.memory.embedders.embedder import resolve_embedder
from pilotage.memory.location import LEDGER


@dataclass(frozen=True)
class Seed:
    """What a protocol seeds memories from: a memory, or programs by the ids of puzzles of a split; else nothing.

    Attributes:
        name: of the folder, as it was given.
        memory: folder of a memory.
        programs: sources by the ids of their puzzles.
        split: these puzzles, and no others.
    """

    name: str = NOTHING
    memory: Path | None = None
    programs: Mapping[str, str] = field(default_factory=dict)
    split: Split | None = None


def read_seed(seeding: Seeding) -> Seed:
    """What a protocol's seed names.

    Raises:
        UsageError: there is no such folder, it holds neither a memory nor programs, or none of its programs is for a
            puzzle of the split.
    """
    if seeding.source == NOTHING:
        return Seed()
    folder = expanded(seeding.source)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder} to seed memories from: name one of programs ID.py, or a memory")
    if (folder / LEDGER).is_file():
        return Seed(str(folder), memory=folder)
    programs, split = programs_in(folder), load_split(seeding.split)
    puzzles = tuple(puzzle for puzzle in split.puzzles if puzzle.id in programs)
    if not puzzles:
        raise UsageError(
            f"no program of {folder} is for a puzzle of {split.name}: name their split as `split` of [seed]"
        )
    return Seed(str(folder), programs=programs, split=with_other(split, puzzles=puzzles))


def require_embedder(seed: Seed, embedder: str) -> None:
    """Raises EmbedderError where memories cannot be searched by an embedder, or the seed's was made by another one."""
    if seed.memory is None:
        resolve_embedder(embedder)
    else:
        ConceptStore.open(seed.memory, embedder=embedder).close()


def require_apart(seed: Seed, judged: Split) -> None:
    """Raises UsageError where a seed teaches what is judged, which `pilotage arc check` would tell, too."""
    if seed.memory is not None:
        with ConceptStore.open(seed.memory, embedder=None) as store:
            shown = [one.id for one in taught(judged, store.events(None))]
    else:
        shown = [] if seed.split is None else [one.id for one in overlaps(judged, seed.split)]
    shown = list(dict.fromkeys(shown))
    if shown:
        more = f" and {len(shown) - 3} more" if shown[3:] else ""
        raise UsageError(
            f"the seed {seed.name} teaches {len(shown)} of the {len(judged.puzzles)} puzzles that are judged "
            f"({', '.join(shown[:3])}{more}): take them out of the seed, or judge others"
        )
