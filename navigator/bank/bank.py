"""Bank: recorded reasoning trees in a folder, one file a task, read one tree at a time.

    bank.json                format version, actions, features with bounds, model, budget, prompt hash
    tasks/<task>.jsonl       a task header, then one node a line, parents before children
    tasks/<task>.jsonl.gz    the same, packed
    embeddings.safetensors   what each task is about, as a vector, where the bank was given them

Once a bank is recorded, training and evaluation cost no LLM call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from pilotage.navigator.arguments import require_seed
from pilotage.navigator.bank.embeddings import TaskEmbeddings
from pilotage.navigator.bank.files import is_torn, task_files
from pilotage.navigator.bank.identity import identifiers, matching
from pilotage.navigator.bank.reader import read_header, read_meta, read_nodes
from pilotage.navigator.bank.records import ROOT, BankMeta, TaskHeader, Tree
from pilotage.navigator.errors import BankError
from pilotage.navigator.spaces import ActionSpec, ObservationSpec


@dataclass
class Bank:
    """A bank opened for reading, its headers and files by task id, ordered. Trees are read when asked for, and kept."""

    path: Path
    meta: BankMeta
    headers: dict[str, TaskHeader]
    files: dict[str, Path]
    _trees: dict[str, Tree] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """The bank in a folder; only `bank.json` and the tasks' headers are read now.

        Raises:
            BankError: there is no bank, it has another format version, it is damaged, or it holds no task.
        """
        path = Path(path)
        meta = read_meta(path)
        headers: dict[str, TaskHeader] = {}
        files: dict[str, Path] = {}
        for file in task_files(path):
            header = read_header(file)
            if header is None:  # killed before its first node
                continue
            if header.task in headers:
                raise BankError(f"{file} and {files[header.task]} hold the same task {header.task!r}: delete one")
            headers[header.task], files[header.task] = header, file
        if not headers:
            raise BankError(f"the bank {path} holds no task yet: record some with `pilotage collect --out {path}`")
        return cls(path, meta, dict(sorted(headers.items())), dict(sorted(files.items())))

    def __deepcopy__(self, memo: object) -> Self:
        return self  # Gymnasium copies the arguments of environments, which only read it

    @property
    def actions(self) -> ActionSpec:
        """The action list."""
        return self.meta.actions

    @property
    def observations(self) -> ObservationSpec:
        """Features and bounds."""
        return self.meta.observations

    @property
    def tasks(self) -> list[str]:
        """Ids of the tasks, in order."""
        return list(self.headers)

    @cached_property
    def embeddings(self) -> TaskEmbeddings | None:
        """What the tasks are about, as vectors; None where the bank was given none. Raises BankError where damaged."""
        return TaskEmbeddings.read(self.path)

    @cached_property
    def families(self) -> dict[str, list[str]]:
        """Task ids by family, both in order."""
        groups: dict[str, list[str]] = {}
        for task, header in self.headers.items():
            groups.setdefault(header.family, []).append(task)
        return dict(sorted(groups.items()))

    def tree(self, task: str) -> Tree:
        """The recorded tree of a task; raises BankError where it is unknown, or damaged, with file and line."""
        if task not in self._trees:
            if task not in self.files:
                raise BankError(f"the bank {self.path} has no task {task!r}; `pilotage bank info` lists what it has")
            header, nodes = read_nodes(self.files[task], self.meta)
            if ROOT not in nodes:
                raise BankError(
                    f"{self.files[task]} has no root: record its task with `pilotage collect`, or delete it"
                )
            self._trees[task] = Tree(header, nodes)
        return self._trees[task]

    def select(self, tasks: Iterable[str] | None) -> list[str]:
        """These tasks, in order; all of them for None. Raises BankError where one is unknown, or there is none."""
        if tasks is None:
            return self.tasks
        if isinstance(tasks, str) or not isinstance(tasks, Iterable):
            raise BankError(f"tasks are chosen by a list of their ids, not by {tasks!r}")
        chosen = set(tasks)
        if unknown := sorted(chosen - self.headers.keys()):
            raise BankError(f"the bank {self.path} has no task {unknown[0]!r}; `pilotage bank info` lists what it has")
        if not chosen:
            raise BankError("no task was chosen: name at least one, or leave the choice out for all")
        return [task for task in self.headers if task in chosen]

    def only(self, tasks: Iterable[str]) -> Self:
        """The bank as if it held these tasks alone, so that what is trained on it cannot see another."""
        kept = self.select(tasks)
        headers, files = {task: self.headers[task] for task in kept}, {task: self.files[task] for task in kept}
        return type(self)(self.path, self.meta, headers, files, {t: self._trees[t] for t in kept if t in self._trees})

    def of_families(self, only: Collection[str] = (), leave_out: Collection[str] = ()) -> Self:
        """The bank as if it held the tasks of some families alone: nothing that was recorded of others is read.

        Args:
            only: families to keep; all where none is named.
            leave_out: families to leave out.

        Raises:
            BankError: a family is not there, or none is left.
        """
        for names, what in ((only, "chosen"), (leave_out, "left out")):
            self.require_families(names, what)
        kept = [name for name in self.families if (not only or name in only) and name not in leave_out]
        if not kept:
            raise BankError(f"no family of the bank {self.path} is left: leave fewer out")
        whole = len(kept) == len(self.families)
        return self if whole else self.only(task for name in kept for task in self.families[name])

    def require_families(self, names: Collection[str], what: str) -> None:
        """Raises BankError where one of these, which are to be `what`, is not there."""
        if missing := sorted(set(names) - self.families.keys()):
            there = ", ".join(self.families)
            raise BankError(f"the family {missing[0]!r} cannot be {what}: the bank {self.path} has {there}")

    def split(self, fractions: Mapping[str, float], seed: int = 0) -> dict[str, list[str]]:
        """Tasks by the name of their part, `{"train": 0.7, "test": 0.3}` say.

        Whole tasks, never single nodes; every family in every part as evenly as its size allows. Tasks that show the
        same under several ids stay together. The same tasks,
        fractions and seed give the same split.

        Raises:
            BankError: the fractions do not sum to 1, a part would be empty, or the seed is none.
        """
        later = {other for others in self.twins.values() for other in others}
        firsts = {family: kept for family, ids in self.families.items() if (kept := [i for i in ids if i not in later])}
        parts = stratified(firsts, fractions, seed)
        return {name: sorted(one for id in ids for one in (id, *self.twins.get(id, ()))) for name, ids in parts.items()}

    @cached_property
    def twins(self) -> dict[str, list[str]]:
        """Tasks that show the same under several ids: the first id, and the others of each."""
        groups: dict[str, list[str]] = {}
        for task in self.headers:
            groups.setdefault(self.tree(task).content_fingerprint or task, []).append(task)
        return {first: others for first, *others in groups.values() if others}

    @property
    def torn(self) -> list[str]:
        """Tasks whose files end within a line: recording goes on, a kill came, or the copy is none of the whole."""
        return [task for task, file in self.files.items() if is_torn(file)]

    def identifiers(self, tasks: Iterable[str]) -> set[str]:
        """What these tasks are known by: their ids, and the fingerprints of what they show."""
        return identifiers(self._named(tasks))

    def matching(self, wanted: Iterable[str]) -> set[str]:
        """Tasks of this bank that are known by one of these ids or fingerprints."""
        return matching(self._named(self.headers), wanted)

    def _named(self, tasks: Iterable[str]) -> Iterator[tuple[str, str]]:
        return ((task, self.tree(task).content_fingerprint) for task in tasks)


def stratified(
    families: Mapping[str, Sequence[str]], fractions: Mapping[str, float], seed: int
) -> dict[str, list[str]]:
    """Task ids by the name of their part; `families` are ids by family, `fractions` the share of every part.

    The tasks, family after family, are dealt to whichever part lags furthest behind its share. So the whole comes out
    exact to one task, and each family to about one task. Raises BankError where the shares do not sum to 1, a part
    would be empty, or the seed is none.
    """
    shares = np.array(list(fractions.values()), dtype=float)
    if not len(shares) or not (shares > 0).all() or not np.isclose(shares.sum(), 1):
        raise BankError(f"the parts of a split must be above 0 and sum to 1, not {dict(fractions)}")
    generator = np.random.default_rng(require_seed(seed, BankError))
    names = sorted(families)
    order = [
        str(task)
        for place in generator.permutation(len(names))
        for task in generator.permutation(sorted(families[names[place]]))
    ]
    labels, counts = list(fractions), np.zeros(len(shares))
    parts: dict[str, list[str]] = {name: [] for name in labels}
    for dealt, task in enumerate(order, 1):
        lagging = int(np.argmax(shares * dealt - counts))
        counts[lagging] += 1
        parts[labels[lagging]].append(task)
    empty = [name for name, tasks in parts.items() if not tasks]
    if empty:
        raise BankError(
            f"{len(order)} task{'s' if len(order) != 1 else ''} cannot be split into {', '.join(labels)}: "
            f"{empty[0]} would be empty; record more tasks"
        )
    return {name: sorted(tasks) for name, tasks in parts.items()}
