"""Study: Optuna proposes architectures, a judge says what each is worth, and a journal keeps what is known.

A killed search goes on where it was: every proposal is drawn from a stream of the seed and its own number, so that the
trials are those that an undisturbed search would have made, and one that was under way is judged first.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from pilotage.agent.bench.search.space import Architecture, Space, in_words, toml_of
from pilotage.agent.errors import BeyondBudget, PilotageError, Unable, UsageError
from pilotage.common.files import is_torn, replace
from pilotage.common.locks import FileLock

Objective = Literal["pareto", "accuracy"]
Sampler = Literal["tpe", "random"]

JOURNAL, STUDY = "journal.log", "architectures"
SETTING, TOLD = "setting", "told"
STARTUP = 8
"""Trials that are drawn at random before the sampler learns from them."""


@dataclass(frozen=True)
class Judged:
    """What an architecture is worth on the search tasks.

    Attributes:
        accuracy: mean score.
        tokens: mean tokens of a task, all calls in full.
        calls: mean calls of a task.
        spent: tokens of all tasks.
        failed: runs that had no usable reply, and count as wrong until they are tried again.
        why: what the first of them met, where no run had one, so that nothing is known; else empty.
    """

    accuracy: float
    tokens: float
    calls: float
    spent: int
    failed: int = 0
    why: str = ""


@dataclass(frozen=True)
class Tried:
    """One trial.

    Attributes:
        number: from 0.
        name: of the architecture's file, without the ending.
        words: the architecture in a line.
        judged: what it is worth; None where it could not be run within the budget, or not by this model or machine.
        why: what kept it from being run.
        again: whether an earlier trial had proposed the same, so that this one cost nothing.
    """

    number: int
    name: str
    words: str
    judged: Judged | None
    why: str = ""
    again: bool = False


Judge = Callable[[Path], Awaitable[Judged]]


class _NoLock(JournalFileOpenLock):
    """None: the folder is locked as a whole, by a lock that a kill gives back."""

    def acquire(self) -> bool:
        """Has nothing to wait for."""
        return True

    def release(self) -> None:
        """Has nothing to give back."""


class ArchitectureSearch(FileLock):
    """A search in a folder, with one process at a time.

    Args:
        folder: of the journal and the architectures; it is there.
        space: what can be proposed.
        objective: accuracy and tokens, or accuracy alone.
        sampler: Optuna's TPE, or random draws to compare it with.
        seed: of the proposals.
        setting: what else the trials depend on; a search under another one is refused.
        resume: go on with what the folder holds.

    Raises:
        UsageError: the folder holds a search and is not to be resumed, or one of another setting, or a damaged one.
    """

    def __init__(
        self,
        folder: Path,
        space: Space,
        *,
        objective: Objective = "pareto",
        sampler: Sampler = "tpe",
        seed: int = 0,
        setting: Mapping[str, Any] | None = None,
        resume: bool = False,
    ) -> None:
        self._open: dict[int, Tried] = {}
        self.folder, self._space, self._objective, self._sampler, self._seed = folder, space, objective, sampler, seed
        busy = UsageError(f"another process searches in {folder}: wait for it, or choose another --out")
        super().__init__(folder / "search.lock", busy)
        try:
            self._open_study(resume)
            own = {"objective": objective, "sampler": sampler, "seed": seed, "space": asdict(space)}
            self._require_setting({**own, **(setting or {})})
        except BaseException:
            self.close()
            raise

    def _open_study(self, resume: bool) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        path = self.folder / JOURNAL
        there = path.read_bytes() if path.exists() else b""
        if there and not resume:
            raise UsageError(f"{self.folder} holds a search already; add --resume to go on, or choose another --out")
        none = UsageError(f"{path} is no journal of a search; choose another --out")
        end = there.rfind(b"\n") + 1
        if not is_torn(there[end:], b'{"op_code":'):
            raise none
        if there:
            os.truncate(path, end)  # a line that a kill has torn would spoil those after it
        directions: list[Literal["maximize", "minimize"]] = (
            ["maximize", "minimize"] if self._objective == "pareto" else ["maximize"]
        )
        try:
            storage = JournalStorage(JournalFileBackend(str(path), lock_obj=_NoLock(str(path))))
            self._study = (
                optuna.load_study(study_name=STUDY, storage=storage)  # which writes nothing
                if end
                else optuna.create_study(study_name=STUDY, storage=storage, directions=directions)
            )
            _ = self.tried, dict(self._study.user_attrs.get(SETTING, {}))  # whether they can be read
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError) as error:
            raise none from error

    def _require_setting(self, setting: Mapping[str, Any]) -> None:
        now = json.loads(json.dumps(setting))
        before = self._study.user_attrs.get(SETTING)
        if before is None:
            self._study.set_user_attr(SETTING, now)
        elif other := [name for name in now if before.get(name) != now[name]]:
            raise UsageError(
                f"{self.folder} holds a search with another {' and another '.join(other)}; resume with the same "
                "options or choose another --out"
            )

    @property
    def tried(self) -> list[Tried]:
        """The trials that have come to something, in order; those of this sitting that had failed runs, too."""
        states = (TrialState.COMPLETE, TrialState.FAIL)
        ended = {trial.number: _tried(trial) for trial in self._study.get_trials(deepcopy=False, states=states)}
        return [one for _, one in sorted((ended | self._open).items())]

    @property
    def best(self) -> Tried:
        """The winner so far; raises as `best_of`."""
        return best_of(self.tried)

    @property
    def spent(self) -> int:
        """Tokens of all trials."""
        return sum(one.judged.spent for one in self.tried if one.judged is not None and not one.again)

    async def run(
        self,
        judge: Judge,
        trials: int,
        *,
        seconds: float | None = None,
        most_tokens: int | None = None,
        on_trial: Callable[[Tried], object] = lambda tried: None,
    ) -> None:
        """Tries architectures until there are `trials` trials.

        Args:
            judge: says what the architecture in a file is worth; raises BeyondBudget or Unable where the budget of a
                task, the model or the machine cannot hold this one. A trial with failed runs stays open: it is judged
                again by the next sitting.
            trials: how many there are to be, with those of earlier sittings.
            seconds: begin none after so many.
            most_tokens: begin none once all have spent so many.
            on_trial: called with each.

        Raises:
            PilotageError: the judge failed; what is known is kept.
        """
        started = time.monotonic()
        while len(self.tried) < trials:
            if seconds is not None and time.monotonic() - started >= seconds:
                break
            if most_tokens is not None and self.spent >= most_tokens:
                break
            on_trial(await self._next(judge))

    async def _next(self, judge: Judge) -> Tried:
        trial = self._begun() or self._asked()
        layers = self._space.proposed(trial)
        name = self.keep(layers)
        earlier = next((one for one in self.tried if one.name == name), None)
        told: dict[str, Any] = {"name": name, "words": in_words(layers), "again": earlier is not None}
        judged, why = (earlier.judged, earlier.why) if earlier is not None else (None, "")
        if earlier is None:
            try:
                judged = await judge(self.file(name))
            except (BeyondBudget, Unable) as error:
                why = str(error)
        if judged is not None and judged.failed:
            tried = Tried(trial.number, name, told["words"], judged, again=told["again"])
            self._open[trial.number] = tried
            return tried
        told |= {"why": why} if judged is None else {"judged": asdict(judged)}
        trial.set_user_attr(TOLD, told)
        if judged is None:
            return _tried(self._study.tell(trial, state=TrialState.FAIL))
        values = [judged.accuracy, judged.tokens] if self._objective == "pareto" else [judged.accuracy]
        return _tried(self._study.tell(trial, values))

    def _begun(self) -> Trial | None:
        """A trial that an earlier sitting left open; its choices are those in the journal.

        Those that a kill kept it from making are drawn as they would have been, behind those that were.
        """
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        begun = next((one for one in running if one.number not in self._open), None)
        if begun is None:
            return None
        made = dict(begun.distributions)
        self._draw_from_stream(begun.number)
        trial = Trial(self._study, begun._trial_id)
        for name, choices in made.items():
            if not choices.single() and name not in trial.relative_params:
                self._study.sampler.sample_independent(self._study, begun, name, choices)
        return trial

    def _asked(self) -> Trial:
        self._draw_from_stream(len(self._study.get_trials(deepcopy=False)))
        return self._study.ask()

    def _draw_from_stream(self, number: int) -> None:
        """Lets the sampler draw from the stream of a trial."""
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study.sampler = (
                optuna.samplers.RandomSampler(seed=seed)
                if self._sampler == "random"
                else optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=STARTUP)
            )

    def file(self, name: str) -> Path:
        """Where an architecture is described."""
        return self.folder / "architectures" / f"{name}.toml"

    def keep(self, layers: Architecture) -> str:
        """Describes an architecture in a file of the folder, and returns its name there."""
        text = toml_of(layers)
        name = hashlib.sha256(text.encode()).hexdigest()[:8]
        if not self.file(name).exists():
            replace(self.file(name), text.encode())
        return name


def _tried(trial: FrozenTrial) -> Tried:
    told = trial.user_attrs[TOLD]
    judged = Judged(**told["judged"]) if "judged" in told else None
    return Tried(trial.number, told["name"], told["words"], judged, told.get("why", ""), told["again"])


def front_of(tried: list[Tried]) -> list[Tried]:
    """The architectures that no other beats in accuracy and tokens both, the cheapest first; each once."""
    known = {one.name: one for one in reversed(tried) if one.judged is not None and not one.judged.why}
    ordered = sorted(known.values(), key=lambda one: (one.judged.tokens, -one.judged.accuracy))  # type: ignore[union-attr]
    front: list[Tried] = []
    for one in ordered:
        assert one.judged is not None
        if not front or one.judged.accuracy > front[-1].judged.accuracy:  # type: ignore[union-attr]
            front.append(one)
    return front


def best_of(tried: list[Tried]) -> Tried:
    """The most accurate, the cheapest of several.

    Raises:
        UsageError: none could be run within the budget.
        PilotageError: none had a usable reply.
    """
    if front := front_of(tried):
        return front[-1]
    if failed := next((one.judged.why for one in tried if one.judged is not None), ""):
        raise PilotageError(
            f"nothing could be judged, since no run of any trial had a usable reply: {failed} --resume tries them again"
        )
    why = f": {tried[0].why}" if tried else ""
    raise UsageError(f"no architecture was tried that the budget of a task can hold{why}")
