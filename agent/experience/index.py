"""ExperienceIndex: what earlier runs came to, looked up by what a task is about.

The vectors are those that the memory searches with, so that a task is embedded once a run. What is near has a say, and
what is far only the general means (`pilotage.navigator.experience`).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from weakref import WeakKeyDictionary, proxy

import numpy as np
from numpy.typing import NDArray

from pilotage.agent.experience.attempts import Attempts, Evidence, attempts_of
from pilotage.agent.experience.records import Record, Records, Version
from pilotage.agent.prompting import content_fingerprint
from pilotage.agent.state import State
from pilotage.memory.errors import EmbedderError
from pilotage.navigator.errors import SpecMismatch
from pilotage.navigator.experience.columns import column_values
from pilotage.navigator.experience.estimates import Estimates, Experience, Float64s, Outcomes, Smoothing
from pilotage.navigator.experience.situations import Situations
from pilotage.navigator.spaces import ActionSpec, Observation, ObservationSpec

if TYPE_CHECKING:
    from pilotage.memory import ConceptStore

ANEW = 1.25
"""Growth after which it is chosen anew how far earlier tasks reach: it takes a moment, and changes little."""
CHOSEN_ON = 500
"""Newest runs that this is chosen on."""
FAR = 1e9
"""A reach within which all tasks are alike."""
REMEMBERED = 64
"""Tasks whose estimates are kept while they are solved."""
_NO_VECTORS = np.zeros((0, 0), np.float32)


Row = tuple[int, int, float, float]
"""Situation, action, score, thousands of tokens."""


@dataclass(frozen=True)
class Runs:
    """What n runs tell of studying, each of shape (n,).

    Attributes:
        studied: whether it went on when it had an answer.
        corrected: whether that corrected the first one.
        first_right: whether the first answer was right; NaN where nobody knows.
        hinted: whether it was shown concepts.
        studying: thousands of tokens that it took beyond solving.
        hinting: those of them for hints.
        cost: all that it took.
    """

    studied: NDArray[np.bool_]
    corrected: NDArray[np.bool_]
    first_right: Float64s
    hinted: NDArray[np.bool_]
    studying: Float64s
    hinting: Float64s
    cost: Float64s


class Spent(NamedTuple):
    """Thousands of tokens: of all runs, of these for studying, and of these for hints without proven worth."""

    cost: float
    studying: float
    hinting: float


@dataclass(frozen=True)
class Near:
    """Earlier runs as they bear on one task.

    Attributes:
        weights: how near each is, 0 to 1, shape (n,).
        runs: what they tell.
    """

    weights: Float64s
    runs: Runs


@dataclass(frozen=True)
class _Known:
    """A record as it is read, with what follows from it, so that nothing is worked out twice."""

    record: Record
    rows: tuple[Row, ...]
    facts: tuple[bool, bool, float, bool, float, float, float]

    @classmethod
    def of(cls, record: Record, situations: Mapping[str, int], actions: Mapping[str, int]) -> Self:
        tried = record.attempts
        rows = tuple(
            (situations[situation], actions[block], score, cost)
            for situation, block, score, cost in tried.outcomes()
            if situation in situations and block in actions
        )
        first = tried.first_right
        right = float("nan") if first is None else first
        costs = (tried.studying, tried.hinting, tried.cost)
        return cls(record, rows, (tried.is_studied, tried.corrected, right, tried.hinted, *costs))


def _runs(known: Sequence[_Known]) -> Runs:
    columns = [*zip(*(one.facts for one in known), strict=True)] or [()] * 7
    kinds = (bool, bool, float, bool, float, float, float)
    return Runs(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))


_indexes: WeakKeyDictionary[ConceptStore, dict[tuple[str, str, str], ExperienceIndex]] = WeakKeyDictionary()
_opening = Lock()


def index_of(
    store: ConceptStore, model: str, actions: ActionSpec, observations: ObservationSpec
) -> ExperienceIndex | None:
    """The experience of a model in a memory, the same one for all agents on both.

    None where it can be none: the features do not tell what a run did so far, or the memory has no embedder.
    """
    key = (model, actions.schema_hash, observations.schema_hash)
    with _opening:
        known = _indexes.setdefault(store, {})
        if key not in known:
            try:
                store.vectors.identity.key  # noqa: B018 (raises where there is none)
                known[key] = ExperienceIndex(store, model, actions, observations)
            except (SpecMismatch, EmbedderError):
                return None
        return known[key]


class ExperienceIndex:
    """The experience of a model in a namespace. Every method works in the caller's thread, from several at once.

    Args:
        store: the memory.
        model: name of the model that is asked: what another one came to says nothing of it.
        actions: the action list; what runs with other blocks came to is left out.
        observations: features that tell situations apart.

    Raises:
        SpecMismatch: they do not.
    """

    def __init__(self, store: ConceptStore, model: str, actions: ActionSpec, observations: ObservationSpec) -> None:
        self._store = proxy(store)  # which the index is found by, as long as it lives
        self.records = Records(self._store)
        self._actions = actions
        self.model = model
        self.situations = Situations(actions, observations)
        self._situations = {name: place for place, name in enumerate(self.situations.names)}
        self._places = {name: place for place, name in enumerate(actions.names)}
        self._lock = Lock()
        self._known: dict[str, _Known] = {}
        self._version = Version(0, 0, 0)
        self._comparable: list[_Known] = []
        self._runs = self._near_runs = _runs(())
        self._vectors = _NO_VECTORS
        self._experience: Experience | None = None
        self._chosen_at = 0
        self._columns: OrderedDict[tuple[Version, str], Observation] = OrderedDict()

    def __len__(self) -> int:
        with self._lock:
            self._catch_up()
            return len(self._live())

    def columns(self, prompt: str) -> Observation | None:
        """The columns of experience in every situation of a task, float32 (situations, 3 * actions).

        None where nothing is known yet of any task.

        Raises:
            ConceptStoreError: the memory cannot be read, or has no embedder.
        """
        with self._lock:
            self._catch_up()
            if self._experience is None:
                return None
            key = (self._version, prompt)
            if key not in self._columns:
                estimates = self._experience.estimates(self._store.vectors.embed_query(prompt)[None])
                situations = np.arange(len(self.situations))
                self._columns[key] = column_values(estimates, np.zeros_like(situations), situations)
                while len(self._columns) > REMEMBERED:
                    self._columns.popitem(last=False)
            return self._columns[key]

    def near(self, prompt: str) -> Near:
        """Earlier runs of all evidence, and how near their tasks are to this one's."""
        with self._lock:
            self._catch_up()
            if not self._comparable:
                return Near(np.zeros(0), self._near_runs)
            reach = self._experience.smoothing if self._experience is not None else Smoothing()
            cosines = self._vectors @ self._store.vectors.embed_query(prompt)
            weights = np.exp((np.minimum(cosines.astype(np.float64), 1.0) - 1.0) / reach.bandwidth)
            return Near(weights, self._near_runs)

    @property
    def spent(self) -> Spent:
        """What all runs that are kept took, and what of it was for finding out."""
        with self._lock:
            self._catch_up()
            runs = self._runs
        return Spent(float(runs.cost.sum()), float(runs.studying.sum()), float(runs.hinting.sum()))

    def about(self, prompt: str | None = None) -> dict[str, Any]:
        """What is known, for people: of tasks like one, or of all; see `pilotage memory experience --json`."""
        with self._lock:
            self._catch_up()
            live, experience = self._live(), self._experience
            estimates = None
            if experience is not None:
                vectors = np.zeros((1, experience.outcomes.vectors.shape[1]), np.float32)
                far = Experience(experience.outcomes, Smoothing(prior=0.5, bandwidth=FAR))  # all count alike
                looked_up = experience if prompt else far
                estimates = looked_up.estimates(self._store.vectors.embed_query(prompt)[None] if prompt else vectors)
        spent = self.spent
        evidence = Counter(one.record.evidence or "unknown" for one in live)
        return {
            "model": self.model,
            "runs": len(live),
            "evidence": {name: evidence[name] for name in ("verified", "feedback", "grade", "unknown")},
            "tokens": {
                "usual": round(1000 * (spent.cost - spent.studying)),
                "studying": round(1000 * spent.studying),
            },
            "estimates": [] if experience is None or estimates is None else self._told(experience, estimates),
        }

    def _told(self, experience: Experience, estimates: Estimates) -> list[dict[str, Any]]:
        counts = experience.outcomes.tables[2].sum(axis=0)
        return [
            {
                "situation": self.situations.names[situation],
                "block": self._actions.names[action],
                "success": round(float(estimates.success[0, situation, action]), 4),
                "error": round(float(estimates.error[0, situation, action]), 4),
                "tokens": round(1000 * float(estimates.cost[0, situation, action])),
                "known": int(counts[situation, action]),
            }
            for situation, action in np.argwhere(counts > 0).tolist()
        ]

    def keep(self, state: State) -> None:
        """Keeps what a finished run tried; by public evidence alone it is known what that came to.

        Raises:
            ConceptStoreError: it cannot be written, or the memory has no embedder.
        """
        found = attempts_of(state, self._actions.terminal)
        if state.run and found is not None:
            self.records.put([self._record(state, *found)])

    def learn(self, runs: Iterable[tuple[State, float]], writer: str) -> int:
        """Keeps what finished runs tried whose answers somebody has graded; returns how many tell something.

        Args:
            runs: each at its end, with its score, 0 to 1. They may be of any agent with these blocks.
            writer: by which all of it is taken back.

        Raises:
            ConceptStoreError: it cannot be written, or the memory has no embedder.
        """
        records = [
            self._record(state, attempts.judged(score), "grade", writer)
            for state, score in runs
            if (found := attempts_of(state, self._actions.terminal)) is not None and (attempts := found[0])
        ]
        self.records.put(records)
        return len(records)

    def _record(self, state: State, attempts: Attempts, evidence: Evidence, writer: str = "") -> Record:
        vector, key = self._store.vectors.embed_query(state.task.prompt), self._store.vectors.identity.key
        shown = content_fingerprint(state.task)
        return Record(state.run, self.model, state.task.id, shown, key, vector, attempts, evidence, writer)

    def _live(self) -> list[_Known]:
        return [one for one in self._known.values() if one.record.model == self.model and not one.record.undone]

    def _catch_up(self) -> None:
        """Reads what was written since, by whomever."""
        version = self.records.version()
        if version == self._version:
            return
        news = self._known | self._read(self._version.newest)
        self._known = {run: one for run, one in news.items() if one.record.changed >= version.oldest}
        if len(self._known) != version.records:  # others are gone than the oldest, or were never to be read
            self._known = self._read(0)
        self._version, key = version, self._store.vectors.identity.key
        live = self._live()
        self._comparable = [one for one in live if one.record.embedder == key]
        self._vectors = np.stack([one.record.vector for one in self._comparable]) if self._comparable else _NO_VECTORS
        self._runs, self._near_runs = _runs(live), _runs(self._comparable)
        self._experience = self._fitted()

    def _read(self, since: int) -> dict[str, _Known]:
        news = self.records.since(since)
        return {one.run: _Known.of(one, self._situations, self._places) for one in news}

    def _fitted(self) -> Experience | None:
        count, before = len(self._comparable), self._experience
        if not any(one.rows for one in self._comparable):
            return None
        smoothing = None if before is None or count >= ANEW * self._chosen_at else before.smoothing
        if smoothing is None:
            self._chosen_at = count
            smoothing = self._of_newest(CHOSEN_ON, None).smoothing
        return self._of_newest(count, smoothing)

    def _of_newest(self, count: int, smoothing: Smoothing | None) -> Experience:
        """What the newest runs teach; how far they reach is chosen by them where it is not given."""
        newest, vectors = self._comparable[-count:], self._vectors[-count:]
        rows = [(place, *row) for place, one in enumerate(newest) for row in one.rows]
        task, situation, action, score, cost = np.array(rows, dtype=float).reshape(-1, 5).T
        shape = (len(self.situations), len(self._actions))
        whole = (task.astype(np.int64), situation.astype(np.int64), action.astype(np.int64))
        outcomes = Outcomes(vectors, *whole, score, cost, shape)
        return Experience(outcomes, smoothing, tuple(one.record.fingerprint for one in newest))
