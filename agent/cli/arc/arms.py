"""Arms of a protocol: the memory that each begins with, and its runs, each of them one of `pilotage arc solve`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilotage.agent.arc.protocol.protocol import NOTHING, SEEDS, Arm, Protocol
from pilotage.agent.arc.protocol.seed import Seed
from pilotage.agent.arc.runs import Asked, RunResults, begin
from pilotage.agent.arc.seeding import Seeded, seeded
from pilotage.agent.arc.splits import Split
from pilotage.agent.arc.starting import give
from pilotage.agent.arc.tasks import DEFAULT, task_of
from pilotage.agent.batch.orders import memory_copy
from pilotage.agent.cli.arc.passes import STYLES, Passes, run_passes
from pilotage.agent.cli.terminal import interruptible, number_of, plain
from pilotage.agent.errors import UsageError
from pilotage.common.files import append_durably
from pilotage.common.files import replace as write
from pilotage.common.json_text import NotJson, read_json
from pilotage.common.text import json_line
from pilotage.memory import ConceptStore

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.settings import Settings

PLAIN: dict[str, Any] = {"memory_selection": "embedding", "memory_caption": False, "memory_form": "program"}
"""How a memory is used by an arm of none of ArcMemo's two styles."""


@dataclass(frozen=True)
class Sitting:
    """What the runs of a protocol have in common.

    Attributes:
        protocol: what is run.
        spec: of the puzzles.
        split: the puzzles.
        seed: what seeded arms begin with.
        out: folder of all runs.
        settings: of the model and its limits.
        model: solves.
        console: is told.
    """

    protocol: Protocol
    spec: str
    split: Split
    seed: Seed
    out: Path
    settings: Settings
    model: ModelClient
    console: Screen

    def folder(self, arm: Arm, seed: int) -> Path:
        """Of the run of an arm in one repeat."""
        return self.out / arm.folder / f"seed-{seed}"

    def run(self, arm: Arm, seed: int) -> RunResults:
        """Solves what is left of the run of an arm in one repeat."""
        solving, folder = self.protocol.solving, self.folder(arm, seed)
        begin(folder, Asked.of(self.spec, self.split, DEFAULT), resume=True)
        memory = NOTHING if arm.memory == NOTHING else str(self._memory(arm, folder))
        settings = self.settings_of(arm, seed, memory)
        tasks = [task_of(one, self.split.outputs.get(one.id)) for one in self.split.puzzles]
        how = Passes(solving.retries, solving.temperature, solving.repair, solving.direct)
        return run_passes(folder, tasks, settings, self.model, how, self.console)

    def settings_of(self, arm: Arm, seed: int, memory: str) -> Settings:
        """The settings of such a run: whatever a file or the environment says of it, the protocol decides."""
        plain_run: dict[str, Any] = {"effort": None, "holdout": 0.0, "observation": "free", "blocks": ()}
        plain_run |= {"keep_unverified": False, "min_confidence": None, "escalate_to": None, "memory_related": 0}
        stated = {"policy": self.protocol.solving.policy, "seed": seed, "memory": memory}
        stated |= {"learn": arm.learn_every > 0, "learn_every": arm.learn_every}
        return self.settings.model_copy(update={**plain_run, **PLAIN, **STYLES.get(arm.memory, {}), **stated})

    def _memory(self, arm: Arm, folder: Path) -> Path:
        """The memory of a run, as it begins where it has not begun yet."""
        kept = folder / "memory"
        if arm.seeded and self.seed.memory is not None:
            memory_copy(self.seed.memory, kept)
        elif arm.seeded and self.seed.split is not None:
            memory_copy(seeds_folder(self.out, arm) / "memory", kept)
        if arm.starting_concepts:
            with ConceptStore.open(kept, embedder=self.settings.embedder) as store:
                give(store)
        return kept

    def seed_memories(self) -> list[dict[str, Any]]:
        """Has the memories that seeded arms begin with learn from the seed's programs; what came of each program."""
        forms = {form_of(arm): arm for arm in self.protocol.arm if arm.seeded and self.seed.split is not None}
        return [line for arm in forms.values() for line in self._seed_memory(arm)]

    def _seed_memory(self, arm: Arm) -> list[dict[str, Any]]:
        assert self.seed.split is not None
        folder, form = seeds_folder(self.out, arm), form_of(arm)
        file = folder / "seeded.jsonl"
        done = _whole_lines(file)
        known = {line["id"] for line in done}
        split = replace(self.seed.split, puzzles=tuple(one for one in self.seed.split.puzzles if one.id not in known))
        if not split.puzzles:
            return done
        folder.mkdir(parents=True, exist_ok=True)
        write(file, (f"{json_line(line)}\n".encode() for line in done))

        async def everything(store: ConceptStore) -> None:
            how: dict[str, Any] = {"sandbox": self.settings.sandbox, "form": form}
            with file.open("ab", buffering=0) as lines:
                async for one in seeded(split, self.seed.programs, store, self.model, **how):
                    self._tell_seeded(form, one)
                    done.append({"form": form, **one.to_json()})
                    append_durably(lines, f"{json_line(done[-1])}\n".encode())

        kept = f"interrupted; what programs taught is kept in {folder}, and the same command with --resume goes on"
        with (
            ConceptStore.open(folder / "memory", embedder=self.settings.embedder) as store,
            interruptible(lambda: kept, also_by_sigterm=True),
        ):
            asyncio.run(everything(store))
        return done

    def _tell_seeded(self, form: str, one: Seeded) -> None:
        what = number_of(len(one.learned), "concept") if one.failed is None else f"wrong: {plain(one.failed)}"
        self.console.print_line(f"seed, {form}s: {plain(one.id)}: {what}")


def form_of(arm: Arm) -> str:
    """What the memory of an arm keeps of a solved puzzle: its program, or a lesson."""
    return str({**PLAIN, **STYLES.get(arm.memory, {})}["memory_form"])


def seeds_folder(out: Path, arm: Arm) -> Path:
    """Where the memory lies that such arms begin with."""
    return out / SEEDS / f"{form_of(arm)}s"


def _whole_lines(file: Path) -> list[dict[str, Any]]:
    """What is told of programs so far; a last line that a kill has torn is not."""
    if not file.exists():
        return []
    found = []
    for line in file.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            try:
                told = read_json(line)
                _ = told["usage"]["prompt_tokens"] + told["usage"]["completion_tokens"]  # which are added up
                found.append({**told, "id": str(told["id"])})
            except (NotJson, KeyError, TypeError) as error:
                raise UsageError(f"{file} is damaged: remove it, and what programs taught is looked up anew") from error
    return found
