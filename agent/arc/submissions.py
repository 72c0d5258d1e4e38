"""Submissions: answers as Kaggle, the public harness and the community's leaderboard take them; and reading them.

Kaggle takes one file, `{id: [{"attempt_1": grid, "attempt_2": grid}, ...]}`, which must have every puzzle, with both
attempts at each test. The harness (arcprize/arc-agi-benchmarking) reads a folder with a file for each puzzle, a list of
the same attempts, each with what it took.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pilotage.agent.arc.arckit_data import PARTS, VERSIONS
from pilotage.agent.arc.attempts import MOST, Answers, Attempts
from pilotage.agent.arc.grids import Grid, grid_from
from pilotage.agent.arc.puzzle import Puzzle
from pilotage.agent.arc.scoring import score_split
from pilotage.agent.arc.splits import Split
from pilotage.agent.errors import TaskError, UsageError
from pilotage.common.files import read_ordinary, replace
from pilotage.common.json_text import NotJson, read_json

NO_GUESS: Grid = ((0, 0), (0, 0))
"""What stands where nothing was tried: Kaggle takes no submission without both attempts, and its sample has this."""

NAMES = tuple(f"attempt_{number}" for number in range(1, MOST + 1))


@dataclass(frozen=True)
class Spent:
    """What the attempts at one puzzle took, for the harness."""

    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    began: datetime = datetime.fromtimestamp(0, UTC)
    ended: datetime = datetime.fromtimestamp(0, UTC)


def kaggle(split: Split, answers: Answers) -> dict[str, list[dict[str, list[list[int]]]]]:
    """What Kaggle takes: every puzzle of the split, in its order, with exactly two attempts at each of its tests."""
    return {puzzle.id: _both(puzzle, answers.get(puzzle.id, ()), NO_GUESS) for puzzle in split.puzzles}


def _both(puzzle: Puzzle, attempts: Attempts, no_guess: Grid) -> list[dict[str, list[list[int]]]]:
    """Both attempts at each test; a single one stands twice, since another guess could only be made up."""
    padded = [*attempts, *[()] * (len(puzzle.tests) - len(attempts))]
    found = []
    for grids in padded[: len(puzzle.tests)]:
        first = grids[0] if grids else no_guess
        second = grids[1] if len(grids) > 1 else first
        found.append(dict(zip(NAMES, (_lists(first), _lists(second)), strict=True)))
    return found


def _lists(grid: Grid) -> list[list[int]]:
    return [list(row) for row in grid]


def write_kaggle(path: Path, split: Split, answers: Answers) -> None:
    """Writes what Kaggle takes, at one stroke; raises UsageError where it cannot be written."""
    _write(path, json.dumps(kaggle(split, answers)).encode())


def write_harness(folder: Path, split: Split, answers: Answers, spent: Mapping[str, Spent]) -> int:
    """Writes a file for each puzzle that was worked on, as the public harness reads them; returns how many.

    A test without a guess has empty attempts, which the harness counts as wrong whatever is right.

    What a puzzle took is told with its first attempt, since its attempts come of one run.

    Raises:
        UsageError: the folder holds other puzzles, which would be scored with these; or a file cannot be written.
    """
    others = sorted(file.stem for file in folder.glob("*.json") if file.stem not in {*answers, "results"})
    if others:
        raise UsageError(f"{folder} holds {others[0]}.json already, which would be scored, too: name another folder")
    written = 0
    for puzzle in split.puzzles:
        if puzzle.id not in answers:
            continue
        tests = [
            {
                name: {
                    "answer": grid,
                    "metadata": _metadata(puzzle.id, test, spent.get(puzzle.id), not (test or place)),
                }
                for place, (name, grid) in enumerate(both.items())
            }
            for test, both in enumerate(_both(puzzle, answers[puzzle.id], ()))
        ]
        _write(folder / f"{puzzle.id}.json", json.dumps(tests).encode())
        written += 1
    return written


def _metadata(id: str, test: int, spent: Spent | None, is_first: bool) -> dict[str, Any]:
    spent = spent or Spent("")
    prompt, completion, cost = (spent.prompt_tokens, spent.completion_tokens, spent.cost) if is_first else (0, 0, 0.0)
    share = cost * prompt / (prompt + completion) if prompt + completion else 0.0
    return {
        "model": spent.model,
        "provider": "pilotage",
        "start_timestamp": spent.began.isoformat(),
        "end_timestamp": spent.ended.isoformat(),
        "choices": [],
        "kwargs": {},
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "accepted_prediction_tokens": completion,
                "rejected_prediction_tokens": 0,
            },
        },
        "cost": {"prompt_cost": share, "completion_cost": cost - share, "total_cost": cost},
        "task_id": id,
        "pair_index": test,
        "test_id": id,
    }


def community(name: str, score: float, benchmark: str, part: str, models: Iterable[str], cost: float | None) -> str:
    """The `submission.yaml` of the community's leaderboard, with what only its author knows left to fill in.

    Args:
        name: of the method.
        score: official, 0 to 1.
        benchmark: `arc1` or `arc2`.
        part: of the benchmark; its evaluation is the public set.
        models: by name.
        cost: US dollars for the split; None where prices are not known.
    """
    money = "" if cost is None else f"        cost: {cost:.2f}\n"
    listed = "".join(f"      - name: {json.dumps(one)}\n" for one in models)
    return (
        f"name: {json.dumps(name)}\n"
        'authors:\n  - name: ""  # to fill in\n    github: ""  # to fill in: one link at least\n'
        'description: ""  # to fill in\ncode_url: ""  # to fill in: a public repository\n'
        f'versions:\n  - version: "1.0"\n    date: {datetime.now(UTC):%Y-%m-%d}\n    models:\n{listed}'
        f'    scores:\n      - benchmark: "arc-agi-{benchmark[-1]}"\n        score: {100 * score:.2f}\n'
        f'        set: "{"public" if part == "evaluation" else part}"\n{money}'
    )


def write_community(
    path: Path, name: str, split: Split, answers: Answers, models: Iterable[str], spent: Mapping[str, Spent]
) -> None:
    """Writes the community's file with the official score; raises UsageError where nothing can be scored or written."""
    benchmark, _, part = split.name.partition("@")[0].partition(":")
    if benchmark not in VERSIONS or part not in PARTS or ";" in split.name:
        raise UsageError(f"the community's leaderboard is for whole splits of arc1 and arc2, and {split.name} is none")
    costs = [one.cost for one in spent.values()]
    cost = sum(costs) if all(costs) else None
    score = score_split(split, answers).official.value
    _write(path, community(name, score, benchmark, part, models, cost).encode())


@dataclass(frozen=True)
class Malformed:
    """An attempt of a submission that is no grid.

    Attributes:
        id: of the puzzle.
        test: its number, from 1; 0 where the puzzle has no list of attempts at all.
        attempt: `attempt_1` or `attempt_2`; empty where it is all of a test, or of a puzzle.
        why: what is wrong with it.
    """

    id: str
    test: int
    attempt: str
    why: str

    def __str__(self) -> str:
        where = [f"{self.id}"] + [f"test {self.test}"] * bool(self.test) + [self.attempt] * bool(self.attempt)
        return f"{', '.join(where)}: {self.why}"


@dataclass(frozen=True)
class Submission:
    """What somebody handed in.

    Attributes:
        answers: the attempts at each puzzle; a malformed one is no guess, and right nowhere.
        malformed: the attempts that are no grids, in the order in which they stand.
    """

    answers: Answers
    malformed: tuple[Malformed, ...] = ()


def read_submission(path: Path) -> Submission:
    """A submission: a file as Kaggle takes it, or a folder as the harness reads it.

    Raises:
        UsageError: there is none; or nothing in it has the form of one.
    """
    if path.is_dir():
        files = [file for file in sorted(path.glob("*.json")) if file.name != "results.json"]
        if not files:
            raise UsageError(f"there is no submission in {path}: it has no file of a puzzle")
        content = {file.stem: _json(file) for file in files}
    else:
        content = _json(path)
        if not isinstance(content, dict):
            raise UsageError(f"{path} is no submission: it has no attempts by the ids of puzzles")
    malformed: list[Malformed] = []
    answers = {id: _attempts(tests, id, malformed) for id, tests in content.items()}
    if content and all(one.test == 0 for one in malformed) and len(malformed) == len(content):
        raise UsageError(f"{path} is no submission: {malformed[0]}")
    return Submission(answers, tuple(malformed))


def _attempts(tests: Any, id: str, malformed: list[Malformed]) -> Attempts:
    """The attempts at a puzzle; what is none is added to `malformed`."""
    if not isinstance(tests, list):
        malformed.append(Malformed(id, 0, "", "it has no list of attempts, an object for each test"))
        return ()
    return tuple(_at_test(test, number, id, malformed) for number, test in enumerate(tests, 1))


def _at_test(test: Any, number: int, id: str, malformed: list[Malformed]) -> tuple[Grid, ...]:
    """The attempts at one test, a third one left out; one that is empty, or null, is no guess and right nowhere."""
    if not isinstance(test, dict):
        malformed.append(Malformed(id, number, "", "it is no object with attempt_1 and attempt_2"))
        return ()
    grids: list[Grid] = []
    for name in NAMES:
        given = test.get(name)
        given = given.get("answer") if isinstance(given, dict) else given
        try:
            given = read_json(given) if isinstance(given, str) else given
            grids.append(() if given in (None, []) else grid_from(given))
        except (TaskError, NotJson) as error:
            malformed.append(Malformed(id, number, name, str(error)))
            grids.append(())
    while grids and not grids[-1]:
        grids.pop()
    return tuple(grids)


def _json(path: Path) -> Any:
    try:
        return read_json(read_ordinary(path), strict=True)
    except OSError as error:
        raise UsageError(f"the submission {path} cannot be read ({(error.strerror or str(error)).lower()})") from error
    except NotJson as error:
        raise UsageError(f"{path} is no JSON ({error})") from error


def _write(path: Path, content: bytes) -> None:
    try:
        replace(path, content + b"\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}): name another place") from error
