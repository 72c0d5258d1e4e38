"""Protocol: which puzzles are judged, how they are solved, by which arms and how often, as a TOML file states it.

A puzzle is tried again where no program has all training pairs right, and for no other reason: a retry that looks at
tests gives away what they become, so no file can ask for one.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pilotage.agent.errors import UsageError
from pilotage.agent.tasks.source import did_you_mean
from pilotage.common.faults import first_fault, reason_of
from pilotage.common.files import read_ordinary
from pilotage.common.paths import expanded
from pilotage.common.seeds import LARGEST

FOLDER = Path(__file__).parent
MOST_SAMPLES = 7
"""As many programs as a run of 8 blocks can draw before it answers."""
NOTHING = "none"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,39}")

Seed = Annotated[int, Field(ge=0, le=LARGEST)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Puzzles(_Part):
    """What is judged.

    Attributes:
        split: as `pilotage arc check` takes it, without options.
        ids: a list of ids or a file of them, which takes the place of `size` and `seed`.
        size: how many are drawn; None for all.
        seed: of the draw; None for the order of the split.
    """

    split: str
    ids: str = ""
    size: int | None = Field(None, ge=1)
    seed: Seed | None = None

    @model_validator(mode="after")
    def _chosen_in_one_way(self) -> Self:
        if self.ids and (self.size is not None or self.seed is not None):
            raise ValueError("ids takes the place of size and seed: leave these out")
        return self

    def spec(self, limit: int | None = None) -> str:
        """The specification of the puzzles, or of the first `limit` of them."""
        sizes = [number for number in (self.size, limit) if number is not None]
        options = {"ids": self.ids, "size": min(sizes) if sizes else None, "seed": self.seed}
        return ";".join([self.split, *(f"{key}={value}" for key, value in options.items() if value not in ("", None))])


class Solving(_Part):
    """How a puzzle is solved; see `pilotage arc solve` for temperature, retries, repair and direct."""

    temperature: float = Field(ge=0, le=2, allow_inf_nan=False)
    samples: int = Field(1, ge=1, le=MOST_SAMPLES)
    retries: int = Field(0, ge=0, le=20)
    repair: bool = False
    direct: bool = False

    @property
    def policy(self) -> str:
        """One program, further draws of it while none is right on all training pairs, then the answer."""
        return f"fixed:program,{'sample,' * (self.samples - 1)}answer"


class Repeats(_Part):
    """Seeds by which everything is drawn, one for each repeat."""

    seeds: tuple[Seed, ...] = Field(min_length=1, max_length=100)


class Seeding(_Part):
    """What seeded arms begin with.

    Attributes:
        source: a folder of programs as `pilotage arc seed` takes it, a memory folder, or `none`.
        split: the puzzles that programs are for.
    """

    source: str = Field(NOTHING, min_length=1)
    split: str = "arc1:training"


class Arm(_Part):
    """One way to use a memory.

    Attributes:
        name: in tables; its folder is called so, too.
        memory: `none`; `programs`, found without a call; or one of ArcMemo's two, `concepts` and `lessons`.
        seeded: whether it begins with what the protocol's seed teaches.
        starting_concepts: whether it begins with the concepts that ship with pilotage.
        learn_every: puzzles after which it learns what these taught; 0 leaves the memory as it began.
    """

    name: str
    memory: Literal["none", "programs", "concepts", "lessons"]
    seeded: bool = False
    starting_concepts: bool = False
    learn_every: int = Field(0, ge=0, le=100_000)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r:.60} can be no folder's name: use letters, digits, blanks, - and _")
        uses = [name for name in ("seeded", "starting_concepts", "learn_every") if getattr(self, name)]
        if self.memory == NOTHING and uses:
            raise ValueError(f"{self.name!r} has no memory, so {uses[0]} says nothing: leave it out")
        if self.memory != NOTHING and not uses:
            raise ValueError(
                f"the memory of {self.name!r} would stay empty: set seeded, starting_concepts or learn_every"
            )
        return self

    @property
    def folder(self) -> str:
        """Name of the folder of its runs."""
        return self.name.lower().replace(" ", "-")


class Protocol(_Part):
    """A whole experiment: every arm, once for each repeat."""

    about: str = ""
    puzzles: Puzzles
    solving: Solving
    repeats: Repeats
    seed: Seeding = Seeding()
    arm: tuple[Arm, ...] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        folders: dict[str, str] = {}
        for arm in self.arm:
            if arm.folder in (*folders, SEEDS):
                raise ValueError(f"the arm {arm.name!r} is named twice, or as {folders.get(arm.folder, SEEDS)!r} is")
            folders[arm.folder] = arm.name
        passes, seeds = self.solving.retries + 1, sorted(self.repeats.seeds)
        near = next((pair for pair in zip(seeds, seeds[1:], strict=False) if pair[1] - pair[0] < passes), None)
        if near is not None:
            raise ValueError(
                f"the repeats of seeds {near[0]} and {near[1]} would draw the same: a run of {passes} passes takes "
                f"as many seeds, so choose seeds at least {passes} apart"
            )
        return self

    def require_something_to_recall(self) -> None:
        """Raises UsageError for an arm that has a memory and could never recall anything, since nothing seeds it."""
        for arm in self.arm:
            if self.seed.source == NOTHING and arm.seeded and not (arm.starting_concepts or arm.learn_every):
                raise UsageError(
                    f"the arm {arm.name!r} is seeded by nothing and learns nothing: give the protocol a seed, as "
                    "`source` of [seed] or by --seed-from"
                )


SEEDS = "seeds"
"""Folder of the memories that seeded arms begin with."""


def shipped_protocols() -> tuple[str, ...]:
    """Names of the protocols that ship with the package."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))


def read_protocol(given: str) -> Protocol:
    """The protocol of a name, or of a TOML file.

    Raises:
        UsageError: there is none, or the file states none.
    """
    names = shipped_protocols()
    is_path = given.endswith(".toml") or "/" in given
    if given not in names and not is_path:
        raise UsageError(
            f"there is no protocol {given!r:.80}{did_you_mean(given, names)}: use {', '.join(names)}, or the path of a "
            ".toml file"
        )
    path = expanded(given) if is_path else FOLDER / f"{given}.toml"
    try:
        tables = tomllib.loads(read_ordinary(path).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"the protocol {given} cannot be read: {reason_of(error)}") from error
    return stated(tables, given)


def stated(tables: dict[str, Any], name: str) -> Protocol:
    """The protocol of a file's content; raises UsageError, in a sentence on the first thing that is wrong."""
    try:  # as JSON, which has lists for tuples; a date is no value of it and fits nowhere
        return Protocol.model_validate_json(json.dumps(tables, default=lambda value: {"a date": str(value)}))
    except (ValidationError, RecursionError) as error:
        what = _fault(error) if isinstance(error, ValidationError) else "it is nested too deeply"
        raise UsageError(f"the protocol {name} cannot be followed: {what}") from None


def _fault(error: ValidationError) -> str:
    place, reason = first_fault(error)
    kind = error.errors(include_url=False)[0]["type"]
    if kind == "extra_forbidden":
        key = place.rpartition(".")[2]
        parts = (Protocol, Puzzles, Solving, Repeats, Seeding, Arm)
        known = dict.fromkeys(field for part in parts for field in part.model_fields)
        return f"there is no key `{place[:80]}`{did_you_mean(key, known)}"
    if kind == "missing":
        return f"`{place}` is missing"
    return f"`{place}`: {reason}" if place else reason
