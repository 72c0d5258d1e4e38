"""A run over a split, as a folder: what was asked, the results of each pass, and the answers that these come to.

Each pass has a results file of its own (`pilotage.agent.batch.results`), so it survives kill -9 and goes on. What all
passes found about a puzzle is put together: its attempts are the candidates with the most evidence of all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_other
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from pilotage.agent.answers import parse_attempts
from pilotage.agent.arc.attempts import Attempts
from pilotage.agent.arc.blocks.voting import attempts_of
from pilotage.agent.arc.puzzle import Puzzle
from pilotage.agent.arc.splits import Split, absolute, load_split
from pilotage.agent.arc.submissions import Spent
from pilotage.agent.arc.tasks import task_of
from pilotage.agent.batch.summary import EARLIER, spent
from pilotage.agent.errors import UsageError
from pilotage.agent.trace import Step, Usage, total
from pilotage.common.files import read_ordinary, replace
from pilotage.common.json_text import NotJson, read_json

FILE = "arc.json"
FORMAT = 1
_PASS = re.compile(r"pass-([0-9]{1,3})\.jsonl")


@dataclass(frozen=True)
class Asked:
    """What a run is about.

    Attributes:
        split: its specification, with whole paths.
        name: of the split, with the version of its data and what part of it.
        contents: `Puzzle.exact` of each puzzle by its id, in the order of the split.
        encoding: in which the model reads grids.
    """

    split: str
    name: str
    contents: Mapping[str, str]
    encoding: str

    @classmethod
    def of(cls, spec: str, split: Split, encoding: str) -> Asked:
        """What a run over a split is about."""
        return cls(absolute(spec), split.name, {puzzle.id: puzzle.exact for puzzle in split.puzzles}, encoding)


def begin(folder: Path, asked: Asked, *, resume: bool) -> None:
    """Notes in a folder what a run is about, before anything is paid.

    Raises:
        UsageError: it holds a run already and that is not to go on; it is one of something else; or it cannot be
            written.
    """
    file = folder / FILE
    if not file.exists() and passes_of(folder):
        raise UsageError(f"{folder} holds results, and no {FILE} that says of what: choose another --out")
    if file.exists():
        before = read_asked(folder)
        if not resume:
            raise UsageError(f"{folder} holds a run already; add --resume to go on with it, or choose another --out")
        differing = [name for name in ("name", "contents", "encoding") if getattr(asked, name) != getattr(before, name)]
        if differing:
            what = {"name": "split", "contents": "data", "encoding": "encoding"}[differing[0]]
            raise UsageError(f"{folder} holds a run with another {what} (of {before.name}): choose another --out")
        return
    content = {"format": FORMAT, **vars(asked)}
    try:
        replace(file, (json.dumps(content, indent=1) + "\n").encode())
    except OSError as error:
        raise UsageError(f"a run cannot be kept in {folder}: {error.strerror}; choose another --out") from error


def read_asked(folder: Path) -> Asked:
    """What the run of a folder is about; raises UsageError where it holds none."""
    try:
        told = read_json(read_ordinary(folder / FILE), strict=True)
        if told["format"] != FORMAT:
            raise UsageError(f"the run in {folder} is of another version of pilotage: use that one")
        asked = Asked(told["split"], told["name"], dict(told["contents"]), told["encoding"])
        if not all(
            isinstance(text, str) for text in (asked.split, asked.name, asked.encoding, *asked.contents.values())
        ):
            raise TypeError
        return asked
    except OSError as error:
        raise UsageError(f"{folder} holds no run of `pilotage arc solve`") from error
    except (NotJson, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{folder / FILE} is damaged: it does not say what the run is about") from error


def pass_file(folder: Path, number: int) -> Path:
    """The results of a pass, numbered from 0."""
    return folder / f"pass-{number}.jsonl"


def passes_of(folder: Path) -> dict[int, Path]:
    """The results files of a folder by the numbers of their passes, in order; other files are nobody's."""
    found = {int(match[1]): file for file in folder.glob("pass-*.jsonl") if (match := _PASS.fullmatch(file.name))}
    return dict(sorted(found.items()))


class RunResults:
    """What the passes of a run came to.

    Args:
        folder: of the run.
        before: number of a pass, from 0: only those before it count; None for all.

    Attributes:
        asked: what it is about.

    Raises:
        UsageError: the folder holds no run.
    """

    def __init__(self, folder: Path, *, before: int | None = None) -> None:
        self.folder, self.asked = folder, read_asked(folder)
        passes = {number: file for number, file in passes_of(folder).items() if before is None or number < before}
        self._passes = {number: dict(_lines(file)) for number, file in passes.items()}

    def split(self) -> Split:
        """The puzzles of the run, as their split has them now.

        Raises:
            UsageError: one shows something else than when it was run, or is gone.
        """
        split = load_split(self.asked.split)
        now = {puzzle.id: puzzle for puzzle in split.puzzles}
        for id, shown in self.asked.contents.items():
            if id not in now or now[id].exact != shown:
                raise UsageError(
                    f"{id} is another puzzle than when it was solved, or is gone from {self.asked.split}: give the "
                    "data that the run was made of"
                )
        return with_other(split, name=self.asked.name, puzzles=tuple(now[id] for id in self.asked.contents))

    def is_solved(self, id: str) -> bool:
        """Whether a program is right on all training pairs of a puzzle, and runs on its tests."""
        return any(line.solved for line in self.lines(id))

    def programs(self) -> dict[str, str]:
        """The last program that was run for each puzzle, by its id; those without one are left out."""
        found = {}
        for id in self.asked.contents:
            written = [step.program for line in self.lines(id) for step in line.steps if step.program]
            if written:
                found[id] = written[-1]
        return found

    def lines(self, id: str) -> list[Result]:
        """The result of a puzzle in each pass that worked on it."""
        return [results[id] for results in self._passes.values() if id in results]

    def answers(self, split: Split) -> dict[str, Attempts]:
        """The attempts at each puzzle that was worked on."""
        found = {}
        for puzzle in split.puzzles:
            if lines := [line for line in self.lines(puzzle.id) if line.error is None]:
                task = task_of(puzzle, encoding=self.asked.encoding)
                found[puzzle.id] = attempts_of(task, list(_reached(lines, len(puzzle.tests))))
        return found

    def answers_of(self, puzzle: Puzzle) -> dict[str, Attempts]:
        """The attempts at one puzzle, by its id.

        Raises:
            UsageError: the run is not over this puzzle.
        """
        if self.asked.contents.get(puzzle.id) != puzzle.exact:
            raise UsageError(
                f"the run in {self.folder} is not over this puzzle {puzzle.id}: name the split that it is of"
            )
        return self.answers(Split(self.asked.name, (puzzle,), {}))

    def spent(self) -> dict[str, Spent]:
        """What each puzzle took in all passes."""
        began = _changed(self.folder / FILE)
        ended = max((_changed(file) for file in passes_of(self.folder).values()), default=began)
        return {id: _spent(lines, began, ended) for id in self.asked.contents if (lines := self.lines(id))}

    @property
    def usage(self) -> Usage:
        """What all of it took together."""
        return total(line.usage for results in self._passes.values() for line in results.values())

    @property
    def failed(self) -> tuple[str, ...]:
        """The puzzles of which the newest pass came to an error."""
        return tuple(id for id in self.asked.contents if (lines := self.lines(id)) and lines[-1].error is not None)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that were asked, by name."""
        return tuple(dict.fromkeys(line.model for results in self._passes.values() for line in results.values()))


class Result(BaseModel):
    """What is read again of a result's line; `usage` has that of the runs before it that came to nothing, too."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _with_earlier(cls, line: Any) -> Any:
        return {**line, "usage": spent(line)} if isinstance(line, dict) and line.get(EARLIER) else line

    task_id: str
    route: tuple[str, ...]
    steps: tuple[Step, ...]
    verified: bool
    usage: Usage
    model: str
    error: str | None = None

    @property
    def solved(self) -> bool:
        """Whether a program of it is right on all training pairs, and runs on the tests."""
        return any(step.evidence.examples_passed == 1 for step in self.steps)


def _lines(file: Path) -> Iterator[tuple[str, Result]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return  # torn by a kill: its puzzle is not done yet
            try:
                result = Result.model_validate(read_json(line))
            except (NotJson, ValidationError, KeyError, TypeError) as error:
                raise UsageError(f"{file}, line {number} is no result of a puzzle") from error
            yield result.task_id, result


def _reached(lines: Iterable[Result], tests: int) -> Iterator[Step]:
    """The steps that reached outputs for all tests.

    A last step that only puts them in order has no call of the model and is left out; a reply that a later pass repeats
    word for word is one reply, and agrees with nobody.
    """
    seen = set[tuple[str, str, tuple[str | None, ...]]]()
    for line in lines:
        for step in line.steps:
            attempts = None if step.candidate is None else parse_attempts(step.candidate)
            if attempts is None or len(attempts) != tests or not all(attempts):
                continue
            if step.block == "answer" and not step.usage.llm_calls:
                continue
            said = (step.block, step.text, tuple(draw.candidate for draw in step.draws))
            if said not in seen:
                seen.add(said)
                yield step


def _spent(lines: Sequence[Result], began: datetime, ended: datetime) -> Spent:
    return Spent(
        lines[-1].model,
        sum(line.usage.prompt_tokens for line in lines),
        sum(line.usage.completion_tokens for line in lines),
        sum(line.usage.cost or 0.0 for line in lines),
        began,
        ended,
    )


def _changed(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)
