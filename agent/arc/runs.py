"""A run over a split, as a folder: what was asked, the results of each pass, and the answers that these come to.

Each pass has a results file of its own (`pilotage.agent.batch.results`), so it survives kill -9 and goes on. What all
passes found about a puzzle is put together: its attempts are the candidates with the most evidence of all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilotage.agent.arc.attempts import Attempts, ranked
from pilotage.agent.arc.splits import Split, load_split
from pilotage.agent.arc.submissions import Spent
from pilotage.agent.arc.tasks import outputs_in, task_of
from pilotage.agent.errors import UsageError
from pilotage.agent.state import candidates
from pilotage.agent.trace import Step, Usage
from pilotage.common.files import read_ordinary, replace
from pilotage.common.json_text import NotJson, read_json

FILE = "arc.json"
FORMAT = 1


@dataclass(frozen=True)
class Asked:
    """What a run is about.

    Attributes:
        split: its specification.
        name: of the split, with the version of its data.
        contents: the hash of each puzzle's content by its id, in the order of the split.
        encoding: in which the model reads grids.
    """

    split: str
    name: str
    contents: Mapping[str, str]
    encoding: str

    @classmethod
    def of(cls, spec: str, split: Split, encoding: str) -> Asked:
        """What a run over a split is about."""
        return cls(spec, split.name, {puzzle.id: puzzle.content for puzzle in split.puzzles}, encoding)


def begin(folder: Path, asked: Asked, *, resume: bool) -> None:
    """Notes in a folder what a run is about, before anything is paid.

    Raises:
        UsageError: it holds a run already and that is not to go on; it is one of something else; or it cannot be
            written.
    """
    file = folder / FILE
    if file.exists():
        before = read_asked(folder)
        if not resume:
            raise UsageError(f"{folder} holds a run already; add --resume to go on with it, or choose another --out")
        differing = [name for name in ("name", "contents", "encoding") if getattr(asked, name) != getattr(before, name)]
        if differing:
            what = {"name": "split", "contents": "puzzles", "encoding": "encoding"}[differing[0]]
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
        return Asked(told["split"], told["name"], dict(told["contents"]), told["encoding"])
    except OSError as error:
        raise UsageError(f"{folder} holds no run of `pilotage arc solve`") from error
    except (NotJson, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{folder / FILE} is damaged: it does not say what the run is about") from error


def pass_file(folder: Path, number: int) -> Path:
    """The results of a pass, numbered from 0."""
    return folder / f"pass-{number}.jsonl"


class RunResults:
    """What the passes of a run came to.

    Args:
        folder: of the run.

    Attributes:
        asked: what it is about.

    Raises:
        UsageError: the folder holds no run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, read_asked(folder)
        self._passes = [dict(_lines(file)) for file in sorted(folder.glob("pass-*.jsonl"), key=_number)]

    def split(self) -> Split:
        """The split as it is now; raises UsageError where a puzzle of it shows something else than when it was run."""
        split = load_split(self.asked.split)
        now = {puzzle.id: puzzle.content for puzzle in split.puzzles}
        if changed := [id for id, content in self.asked.contents.items() if now.get(id) != content]:
            raise UsageError(
                f"{changed[0]} is another puzzle than when it was solved, or is gone from {self.asked.split}: give the "
                "data that the run was made of"
            )
        return split

    def is_solved(self, id: str, *, before: int) -> bool:
        """Whether a program of an earlier pass is right on all training pairs of a puzzle."""
        return any(results[id]["verified"] for results in self._passes[:before] if id in results)

    def lines(self, id: str) -> list[dict[str, Any]]:
        """The result of a puzzle in each pass that worked on it."""
        return [results[id] for results in self._passes if id in results]

    def answers(self, split: Split) -> dict[str, Attempts]:
        """The attempts at each puzzle that was worked on."""
        found = {}
        for puzzle in split.puzzles:
            if lines := self.lines(puzzle.id):
                task = task_of(puzzle, encoding=self.asked.encoding)
                best = candidates(task, [step for line in lines for step in _steps(line)])
                found[puzzle.id] = ranked([outputs_in(one.text) for one in best], len(puzzle.tests))
        return found

    def spent(self) -> dict[str, Spent]:
        """What each puzzle took in all passes."""
        return {id: _spent(self.lines(id)) for id in self.asked.contents if self.lines(id)}

    @property
    def models(self) -> tuple[str, ...]:
        """The models that were asked, by name."""
        return tuple(dict.fromkeys(line["model"] for results in self._passes for line in results.values()))


def _lines(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with file.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return  # torn by a kill: its puzzle is not done yet
            try:
                result = read_json(line)
                yield result["task_id"], result
            except (NotJson, KeyError, TypeError) as error:
                raise UsageError(f"{file} is damaged: a line of it is no result") from error


def _number(file: Path) -> int:
    digits = file.stem.removeprefix("pass-")
    return int(digits) if digits.isdecimal() else 0


def _steps(line: Mapping[str, Any]) -> list[Step]:
    """The steps of a result that reached a candidate, without the last one, which only puts them in order."""
    steps = [Step.model_validate(step) for step in line["steps"]]
    return [step for step in steps if step.block != "answer" or len(steps) == 1 or step.usage.llm_calls]


def _spent(lines: list[dict[str, Any]]) -> Spent:
    usages = [Usage.model_validate(line["usage"]) for line in lines]
    return Spent(
        lines[-1]["model"],
        sum(usage.prompt_tokens for usage in usages),
        sum(usage.completion_tokens for usage in usages),
        sum(usage.cost or 0.0 for usage in usages),
    )
