"""Files of step scores: how good each recorded step is, kept beside the bank so that training needs no scorer.

A file holds a header and one score a line. Each line carries a hash of what was scored, so that a score is never taken
for another text's. Scores that nobody could tell are kept as unknown (null), with what they cost.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from pilotage.common.locks import FileLock
from pilotage.navigator.bank.bank import Node, Tree
from pilotage.navigator.bank.files import append, cut_torn_line, encode, parse, read_whole_lines, safe_name
from pilotage.navigator.errors import BankError

FORMAT = 1
FOLDER = "step-scores"


@dataclass(frozen=True)
class StepScore:
    """How good a step is: `value` from 0 to 1, None where nobody could tell; and what finding out cost."""

    value: float | None
    usage: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.value is not None and not (math.isfinite(self.value) and 0 <= self.value <= 1):
            raise BankError(f"a step's score must be between 0 and 1, not {self.value}")


Scores = dict[tuple[str, str], tuple[str, StepScore]]
"""By task and node: the hash of what was scored, and its score."""


def step_hash(tree: Tree, node: Node) -> str:
    """Changes with what the task shows and with anything that was written on the way to a node, its step included."""
    steps = [(one.action, one.text) for one in tree.path(node.id)[1:]]
    content = json.dumps([tree.root.extras.get("prompt"), steps], ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def default_file(bank: Path, scorer: str) -> Path:
    """Where a scorer's scores of a bank go if nobody says otherwise."""
    return bank / FOLDER / f"{safe_name(scorer)}.jsonl"


class StepScoreWriter(FileLock):
    """Adds scores to a file; each is on disk once `add` returns. Safe to use from several threads; a context manager.

    Args:
        path: the file; made where it is not there. A last line that a kill has torn is cut off.
        scorer: who scores.
        identity: changes with anything that the scores depend on.

    Raises:
        BankError: the file holds another scorer's scores or something else, or another process is writing to it.
    """

    def __init__(self, path: str | Path, scorer: str, identity: str) -> None:
        self.path = Path(path)
        self._guard = Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BankError(f"cannot write to {self.path}: {error.strerror}; choose another --out") from error
        busy = BankError(f"another process writes to {self.path}: wait for it, or give another --out")
        super().__init__(self.path.with_name(self.path.name + ".lock"), busy)
        try:
            self._scores = self._begin(scorer, identity)
        except BaseException:
            self.close()
            raise

    def _begin(self, scorer: str, identity: str) -> Scores:
        if self.path.exists():
            cut_torn_line(self.path)
        if not self.path.exists() or self.path.stat().st_size == 0:
            append(self.path, encode({"format": FORMAT, "scorer": scorer, "identity": identity}))
            return {}
        header, scores = read_scores(self.path)
        if (header["scorer"], header["identity"]) != (scorer, identity):
            raise BankError(
                f"{self.path} holds scores of {header['scorer']} with other settings than these ({scorer}): give "
                "another --out"
            )
        return scores

    def has(self, task: str, node: str, digest: str) -> bool:
        """Whether this step, as it is, has been scored; with an unknown score too."""
        known = self._scores.get((task, node))
        return known is not None and known[0] == digest

    def add(self, task: str, node: str, digest: str, score: StepScore) -> None:
        """Keeps the score of a step."""
        line = {"task": task, "node": node, "hash": digest, "score": score.value, "usage": dict(score.usage)}
        with self._guard:
            append(self.path, encode(line))
            self._scores[task, node] = digest, score


def read_scores(path: Path) -> tuple[dict[str, Any], Scores]:
    """Header of a file, and its scores by task and node with the hash of what was scored; the newest of each.

    Raises:
        BankError: it is no file of step scores.
        FileNotFoundError: there is none.
    """
    try:
        lines = read_whole_lines(path)
    except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise BankError(f"cannot read the step scores {path}: {error.strerror}") from error
    header = parse(lines[0], path, 1) if lines else {}
    if header.get("format") != FORMAT or not isinstance(header.get("scorer"), str) or "identity" not in header:
        raise BankError(f"{path} is no file of step scores of this version: make one with `pilotage bank score`")
    scores: Scores = {}
    for number, line in enumerate(lines[1:], 2):
        data = parse(line, path, number)
        try:
            scores[data["task"], data["node"]] = data["hash"], StepScore(data["score"], data["usage"])
        except (KeyError, TypeError, BankError) as error:
            raise BankError(f"{path}, line {number} is no step score ({error}): delete the line") from error
    return header, scores
