"""ExperienceIndex: what earlier runs came to, looked up by what a task is about.

The vectors are those that the memory searches with, so that a task is embedded once a run. What is near has a say, and
what is far only the general means (`pilotage.navigator.experience`).
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, proxy

import numpy as np

from pilotage.agent.experience.attempts import Attempts, Evidence, attempts_of
from pilotage.agent.experience.facts import Known, Near, Runs, Spent, shares
from pilotage.agent.experience.records import Record, Records, Version
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
"""Growth in writes after which it is chosen anew how far earlier tasks reach: it takes a moment, and changes little."""
CHOSEN_ON = 500
"""Newest runs that this is chosen on, of those that tell something."""
RESERVED = 1_000
"""Runs at once whose exploring is counted before it is over."""
LONGEST = 3_600.0
"""Seconds after which a run that was not kept is taken for one that never will be: its client left, or it failed."""
FAR = 1e9
"""A reach within which all tasks are alike."""
REMEMBERED = 64
"""Tasks whose estimates are kept while they are solved."""
_NO_VECTORS = np.zeros((0, 0), np.float32)


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
        clock: seconds.

    Raises:
        SpecMismatch: they do not.
    """

    def __init__(
        self,
        store: ConceptStore,
        model: str,
        actions: ActionSpec,
        observations: ObservationSpec,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._store = proxy(store)  # which the index is found by, as long as it lives
        self.records = Records(self._store)
        self._actions = actions
        self.model = model
        self.situations = Situations(actions, observations)
        self._situations = {name: place for place, name in enumerate(self.situations.names)}
        self._places = {name: place for place, name in enumerate(actions.names)}
        self._lock = Lock()
        self._known: dict[str, Known] = {}
        self._version = Version(0, 0, 0)
        self._comparable: list[Known] = []
        self._runs = self._near_runs = Runs(())
        self._share = np.zeros(0)
        self._reserved: OrderedDict[str, tuple[float, float]] = OrderedDict()  # price, and when it was reserved
        self._vectors = _NO_VECTORS
        self._experience: Experience | None = None
        self._chosen_at = 0
        """Number of the write at which it was chosen how far earlier tasks reach."""
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
            return Near(weights * self._share, self._near_runs)

    @property
    def spent(self) -> Spent:
        """What all runs that are kept took, and what of it was for finding out."""
        with self._lock:
            self._catch_up()
            runs, since = self._runs, self._clock() - LONGEST
            reserved = sum(price for price, at in self._reserved.values() if at > since)
        studying = float(runs.studying.sum()) + reserved
        return Spent(float(runs.cost.sum()) + reserved, studying, float(runs.hinting.sum()))

    def reserve(self, run: str, price: float) -> None:
        """Counts what a run is going to explore until it is kept, so that runs beside it do not spend the same."""
        with self._lock:
            self._reserved[run] = price, self._clock()
            while len(self._reserved) > RESERVED:
                self._reserved.popitem(last=False)

    def is_reserved(self, run: str) -> bool:
        """Whether a run explores, and is not over yet."""
        with self._lock:
            return run in self._reserved

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
            "elsewhere": len(live) - len(self._comparable),
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

    def keep(self, state: State, guess: float | None = None, *, explores: bool = False) -> None:
        """Keeps what a finished run tried; by public evidence alone it is known what that came to.

        Args:
            state: the run at its end.
            guess: how likely its answer is right, by the agent's confidence.
            explores: whether second routes of it were taken to find out.

        Raises:
            ConceptStoreError: it cannot be written, or the memory has no embedder.
        """
        found = attempts_of(state, self._actions.terminal, guess, explores=explores)
        try:
            if state.run and found is not None:
                self.records.put([self._record(state, *found)])
        finally:
            with self._lock:
                self._reserved.pop(state.run, None)

    def learn(self, runs: Sequence[tuple[State, float]], writer: str) -> int:
        """Keeps what finished runs tried whose answers somebody has graded; returns how many tell something.

        Of a run that is kept already the grade is noted, and no more.

        Args:
            runs: each at its end, with its score, 0 to 1. They may be of any agent with these blocks.
            writer: by which all of it is taken back.

        Raises:
            ConceptStoreError: it cannot be written, or the memory has no embedder.
        """
        known = self.records.known([state.run for state, _ in runs])
        told = sum(self.records.judge(state.run, score, "grade", writer) for state, score in runs if state.run in known)
        records = [
            self._record(state, found[0].judged(score), "grade", writer)
            for state, score in runs
            if state.run not in known and (found := attempts_of(state, self._actions.terminal)) is not None
        ]
        return told + (self.records.put(records, anew=False) if records else 0)

    def _record(self, state: State, attempts: Attempts, evidence: Evidence, writer: str = "") -> Record:
        vector, key = self._store.vectors.embed_query(state.task.about), self._store.vectors.identity.key
        shown = content_fingerprint(state.task)
        return Record(state.run, self.model, state.task.id, shown, key, vector, attempts, evidence, writer)

    def _live(self) -> list[Known]:
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
        self._runs, self._near_runs = Runs(live), Runs(self._comparable)
        self._share = shares([one.record.fingerprint for one in self._comparable])
        self._experience = self._fitted()

    def _read(self, since: int) -> dict[str, Known]:
        news = self.records.since(since)
        return {one.run: Known.of(one, self._situations, self._places) for one in news}

    def _fitted(self) -> Experience | None:
        telling = [place for place, one in enumerate(self._comparable) if one.rows]
        if not telling:
            return None
        before = self._experience
        smoothing = None if before is None else before.smoothing
        if smoothing is None or self._version.newest >= ANEW * self._chosen_at:
            self._chosen_at = self._version.newest
            smoothing = self._of(telling[-CHOSEN_ON:], None).smoothing
        return self._of(telling, smoothing)

    def _of(self, places: Sequence[int], smoothing: Smoothing | None) -> Experience:
        """What some runs teach; how far they reach is chosen by them where it is not given.

        Runs of one task are one task: what the same block came to there is the mean of them.
        """
        marks = list(dict.fromkeys(self._comparable[place].record.fingerprint for place in places))
        task_of = {mark: number for number, mark in enumerate(marks)}
        vectors = np.zeros((len(marks), self._vectors.shape[1]), np.float32)
        met: dict[tuple[int, int, int], list[tuple[float, float]]] = {}
        for place in places:
            known = self._comparable[place]
            task = task_of[known.record.fingerprint]
            vectors[task] = self._vectors[place]
            for situation, action, score, cost in known.rows:
                met.setdefault((task, situation, action), []).append((score, cost))
        cells = np.array(list(met), dtype=np.int64).reshape(-1, 3).T
        means = np.array([np.mean(rows, axis=0) for rows in met.values()]).reshape(-1, 2)
        shape = (len(self.situations), len(self._actions))
        outcomes = Outcomes(vectors, cells[0], cells[1], cells[2], means[:, 0], means[:, 1], shape)
        return Experience(outcomes, smoothing, tuple(marks))
