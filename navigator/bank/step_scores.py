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
from typing import Any, Self

import numpy as np

from pilotage.common.locks import FileLock
from pilotage.navigator.bank.arrays import BankArrays, Float64s
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.bank.files import append, cut_torn_line, encode, parse, read_whole_lines, safe_name
from pilotage.navigator.bank.records import Node, Tree
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


def step_hash(tree: Tree, node: Node) -> str:
    """Changes with what the task shows and with anything that was written on the way to a node, its step included."""
    steps = [(one.action, one.text) for one in tree.path(node.id)[1:]]
    content = json.dumps([tree.root.extras.get("prompt"), steps], ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def default_file(bank: Path, scorer: str) -> Path:
    """Where a scorer's scores of a bank go if nobody says otherwise."""
    return bank / FOLDER / f"{safe_name(scorer)}.jsonl"


@dataclass(frozen=True)
class RecordedRewards:
    """The scores in a file, as rewards of the steps; an unknown score pays nothing.

    `scores` holds, by task and node, the hash of what was scored and its score.
    """

    path: Path
    scorer: str
    identity: str
    scores: dict[tuple[str, str], tuple[str, StepScore]]

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The scores in a file, the newest of each step; raises BankError where it holds none."""
        path = Path(path)
        try:
            lines = read_whole_lines(path)
        except FileNotFoundError as error:
            how = "make them with `pilotage bank score`, or give `values`"
            raise BankError(f"there are no step scores in {path}: {how}") from error
        except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
            raise BankError(f"cannot read the step scores {path}: {error.strerror}") from error
        header = parse(lines[0], path, 1) if lines else {}
        if header.get("format") != FORMAT or not isinstance(header.get("scorer"), str) or "identity" not in header:
            raise BankError(f"{path} is no file of step scores of this version: make one with `pilotage bank score`")
        rewards = cls(path, header["scorer"], header["identity"], {})
        for number, line in enumerate(lines[1:], 2):
            data = parse(line, path, number)
            try:
                score = StepScore(data["score"], data["usage"])
                rewards.scores[data["task"], data["node"]] = data["hash"], score
            except (KeyError, TypeError, BankError) as error:
                raise BankError(f"{path}, line {number} is no step score ({error}): delete the line") from error
        return rewards

    def has(self, task: str, node: str, digest: str) -> bool:
        """Whether this step, as it is, has been scored; with an unknown score too."""
        return (task, node) in self.scores and self.scores[task, node][0] == digest

    def rewards(self, bank: Bank, arrays: BankArrays) -> Float64s:
        """Scores of the steps, float (n,); raises BankError where one was not scored, or was another one then."""
        rewards, missing = np.zeros(len(arrays)), []
        for place in np.flatnonzero(arrays.parent >= 0).tolist():
            task, id = arrays.tasks[arrays.task[place]], arrays.ids[place]
            if self.has(task, id, step_hash(bank.tree(task), bank.tree(task).nodes[id])):
                rewards[place] = self.scores[task, id][1].value or 0.0
            else:
                missing.append(f"{id} of task {task}")
        if missing:
            raise BankError(
                f"{self.path} has no score for {len(missing)} of {len(arrays) - len(arrays.roots)} steps of the bank, "
                f"{missing[0]} for one: run `pilotage bank score` again, which scores what is missing"
            )
        return rewards

    def about(self) -> dict[str, Any]:
        """Who scored, how many steps, at what cost, and a hash of the scores."""
        content = sorted((*key, digest, score.value) for key, (digest, score) in self.scores.items())
        usage: dict[str, float] = {}
        for _, score in self.scores.values():
            for name, value in score.usage.items():
                if name != "seconds":  # the same scores give the same card
                    usage[name] = usage.get(name, 0) + value
        return {
            "scorer": self.scorer,
            "identity": self.identity,
            "hash": hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16],
            "steps": len(self.scores),
            "unknown": sum(score.value is None for _, score in self.scores.values()),
            "usage": dict(sorted(usage.items())),
        }


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
            self._recorded = self._begin(scorer, identity)
        except BaseException:
            self.close()
            raise

    def _begin(self, scorer: str, identity: str) -> RecordedRewards:
        if self.path.exists():
            cut_torn_line(self.path)
        if not self.path.exists() or self.path.stat().st_size == 0:
            append(self.path, encode({"format": FORMAT, "scorer": scorer, "identity": identity}))
        there = RecordedRewards.read(self.path)
        if (there.scorer, there.identity) != (scorer, identity):
            raise BankError(
                f"{self.path} holds scores of {there.scorer} with other settings than these ({scorer}): give "
                "another --out"
            )
        return there

    def has(self, task: str, node: str, digest: str) -> bool:
        """Whether this step, as it is, has been scored; with an unknown score too."""
        return self._recorded.has(task, node, digest)

    def add(self, task: str, node: str, digest: str, score: StepScore) -> None:
        """Keeps the score of a step."""
        line = {"task": task, "node": node, "hash": digest, "score": score.value, "usage": dict(score.usage)}
        with self._guard:
            append(self.path, encode(line))
            self._recorded.scores[task, node] = digest, score
