"""ExperienceIndex: what earlier runs came to, looked up by what a task is about.

The vectors are those that the memory searches with, so that a task is embedded once a run. What is near has a say, and
what is far only the general means (`pilotage.navigator.experience`).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, proxy

import numpy as np
from numpy.typing import NDArray

from pilotage.agent.experience.attempts import Attempts, Evidence, attempts_of
from pilotage.agent.experience.records import Record, Records
from pilotage.agent.prompting import content_fingerprint
from pilotage.agent.state import State
from pilotage.memory.errors import EmbedderError
from pilotage.navigator.errors import SpecMismatch
from pilotage.navigator.experience.columns import column_values
from pilotage.navigator.experience.estimates import Estimates, Experience, Outcomes, Smoothing
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


Row = tuple[int, int, int, float, float]
"""Place of a run, situation, action, score, thousands of tokens."""


@dataclass(frozen=True)
class Near:
    """Earlier runs as they bear on one task.

    Attributes:
        weights: how near each is, 0 to 1, shape (n,).
        attempts: what each tried.
    """

    weights: NDArray[np.float64]
    attempts: tuple[Attempts, ...]


_indexes: WeakKeyDictionary[ConceptStore, dict[tuple[str, str], ExperienceIndex]] = WeakKeyDictionary()
_opening = Lock()


def index_of(store: ConceptStore, actions: ActionSpec, observations: ObservationSpec) -> ExperienceIndex | None:
    """The experience of a memory, the same one for all agents on it.

    None where it can be none: the features do not tell what a run did so far, or the memory has no embedder.
    """
    key = (actions.schema_hash, observations.schema_hash)
    with _opening:
        known = _indexes.setdefault(store, {})
        if key not in known:
            try:
                store.embedder_key  # noqa: B018 (raises where there is none)
                known[key] = ExperienceIndex(store, actions, observations)
            except (SpecMismatch, EmbedderError):
                return None
        return known[key]


class ExperienceIndex:
    """The experience of one namespace of a memory. Every method works in the caller's thread, from several at once.

    Args:
        store: the memory.
        actions: the action list; what runs with other blocks came to is left out.
        observations: features that tell situations apart.

    Raises:
        SpecMismatch: they do not.
    """

    def __init__(self, store: ConceptStore, actions: ActionSpec, observations: ObservationSpec) -> None:
        self._store = proxy(store)  # which the index is found by, as long as it lives
        self.records = Records(self._store)
        self._actions = actions
        self.situations = Situations(actions, observations)
        self._places = {name: place for place, name in enumerate(self.situations.names)}
        self._lock = Lock()
        self._known: dict[str, Record] = {}
        self._version = (0, 0)
        self._experience: Experience | None = None
        self._chosen_at = 0
        self._columns: OrderedDict[tuple[tuple[int, int], str], Observation] = OrderedDict()

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
                estimates = self._experience.estimates(self._store.embed(prompt)[None])
                situations = np.arange(len(self.situations))
                self._columns[key] = column_values(estimates, np.zeros_like(situations), situations)
                while len(self._columns) > REMEMBERED:
                    self._columns.popitem(last=False)
            return self._columns[key]

    def near(self, prompt: str) -> Near:
        """Earlier runs of all evidence, and how near their tasks are to this one's."""
        with self._lock:
            self._catch_up()
            key = self._store.embedder_key
            live = [one for one in self._live() if one.embedder == key]
            if not live:
                return Near(np.zeros(0), ())
            reach = self._experience.smoothing if self._experience is not None else Smoothing()
            cosines = np.stack([one.vector for one in live]) @ self._store.embed(prompt)
            weights = np.exp((np.minimum(cosines.astype(np.float64), 1.0) - 1.0) / reach.bandwidth)
            return Near(weights, tuple(one.attempts for one in live))

    @property
    def spent(self) -> tuple[float, float]:
        """Thousands of tokens of all runs that are kept, without studying and for it."""
        with self._lock:
            self._catch_up()
            runs = [one.attempts for one in self._live()]
        studying = sum(one.studying for one in runs)
        return sum(one.cost for one in runs) - studying, studying

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
                estimates = looked_up.estimates(self._store.embed(prompt)[None] if prompt else vectors)
        usual, studying = self.spent
        evidence = Counter(one.evidence or "unknown" for one in live)
        return {
            "runs": len(live),
            "evidence": {name: evidence[name] for name in ("verified", "feedback", "grade", "unknown")},
            "tokens": {"usual": round(1000 * usual), "studying": round(1000 * studying)},
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
        vector, key = self._store.embed(state.task.prompt), self._store.embedder_key
        shown = content_fingerprint(state.task)
        return Record(state.run, state.task.id, shown, key, vector, attempts, evidence, writer)

    def _live(self) -> list[Record]:
        return [one for one in self._known.values() if not one.undone]

    def _catch_up(self) -> None:
        """Reads what was written since, by whomever."""
        version = self.records.version()
        if version == self._version:
            return
        news = self.records.since(self._version[1])
        self._known |= {one.run: one for one in news}
        if len(self._known) != version[0]:  # some are gone, or were never to be read
            self._known = {one.run: one for one in self.records.since()}
        self._version = version
        self._experience = self._fitted()

    def _fitted(self) -> Experience | None:
        key = self._store.embedder_key
        live = [one for one in self._live() if one.embedder == key]
        rows = [
            (place, self._places[situation], self._actions.names.index(block), score, cost)
            for place, one in enumerate(live)
            for situation, block, score, cost in one.attempts.outcomes()
            if situation in self._places and block in self._actions.names
        ]
        if not rows:
            return None
        experience = self._experience
        if experience is None or len(live) >= ANEW * self._chosen_at:
            recent = [row for row in rows if row[0] >= len(live) - CHOSEN_ON]
            self._chosen_at = len(live)
            smoothing = self._experienced(live, recent, None).smoothing
        else:
            smoothing = experience.smoothing
        return self._experienced(live, rows, smoothing)

    def _experienced(self, live: list[Record], rows: list[Row], smoothing: Smoothing | None) -> Experience:
        """What some outcomes teach; how far they reach is chosen by them where it is not given."""
        first = rows[0][0] if smoothing is None else 0
        kept = live[first:]
        task, situation, action, score, cost = map(np.array, zip(*rows, strict=True))
        shape = (len(self.situations), len(self._actions))
        vectors = np.stack([one.vector for one in kept])
        outcomes = Outcomes(vectors, task - first, situation, action, score.astype(float), cost.astype(float), shape)
        return Experience(outcomes, smoothing, tuple(one.fingerprint for one in kept))
