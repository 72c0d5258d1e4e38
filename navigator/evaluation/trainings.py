"""Trainings: every network that an evaluation asks for, one for each fold, seed and setting, each kept as a file.

A file is named after what it depends on, so that an evaluation that was stopped goes on with what is there, and two
that ask for the same network train it once.
"""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from pilotage.navigator.bank.arrays import BankArrays
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.learned import LearnedPolicy
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.policies.policy_file import SUFFIX
from pilotage.navigator.training.plan import PIECES, Plan, Progress

OnProgress = Callable[[int, int, str], None]
"""Called with how many pieces of work are done, of how many, and what is being done."""


@dataclass(frozen=True)
class Training:
    """One network: a plan of one seed, and the tasks that it may be trained on."""

    plan: Plan
    tasks: tuple[str, ...]

    @classmethod
    def of(cls, bank: Bank, plan: Plan, seed: int) -> Training:
        """The training of one seed on all tasks of a bank, a part of which it validates on."""
        return cls(replace(plan, seeds=1, seed=seed), tuple(bank.tasks))


class Trainings:
    """Trains what is asked for and hands it out.

    Args:
        bank: the bank that all tasks are from.
        folder: where the files are kept.
        jobs: trainings at once, each in a process of its own; with 1 they run in this process.
    """

    def __init__(self, bank: Bank, folder: Path, jobs: int = 1) -> None:
        self.bank, self.folder, self.jobs = bank, folder, jobs
        self._loaded: dict[Path, LearnedPolicy] = {}
        self._contents: dict[tuple[str, ...], str] = {}

    def run(self, trainings: Iterable[Training], on_progress: OnProgress | None = None) -> None:
        """Trains those that are not there yet.

        Raises:
            BankError: there are too few tasks to train and validate on.
            PolicyError: a plan cannot be carried out, or a library is missing.
        """
        missing = {path: one for one in trainings if not (path := self.path(one)).is_file()}
        report = on_progress or (lambda done, total, what: None)
        if self.jobs == 1 or len(missing) <= 1:
            self._here(missing, report)
        else:
            self._elsewhere(missing, report)

    def policy(self, training: Training) -> LearnedPolicy:
        """The trained network; trains it now where `run` has not."""
        path = self.path(training)
        if path not in self._loaded:
            self.run([training])
            policy = load_policy(path, self.bank.actions, self.bank.observations)
            assert isinstance(policy, LearnedPolicy)  # what `run` trains is a network
            self._loaded[path] = policy
        return self._loaded[path]

    def path(self, training: Training) -> Path:
        """Where a network is kept; the name changes with plan, tasks, what was recorded of them, and version."""
        if training.tasks not in self._contents:
            self._contents[training.tasks] = BankArrays.of(self.bank, training.tasks).fingerprint
        plan = training.plan
        content = [
            self._contents[training.tasks],
            {**asdict(plan), "length": plan.length, "hyper": asdict(plan.hyperparameters)},
            version("pilotage"),
        ]
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
        return self.folder / f"{plan.algorithm}-seed{plan.seed}-{digest}{SUFFIX}"

    def _here(self, missing: dict[Path, Training], report: OnProgress) -> None:
        for number, (path, one) in enumerate(missing.items()):

            def on_piece(piece: Progress, number: int = number, name: str = one.plan.algorithm) -> None:
                done = number * PIECES + round(PIECES * piece.step / piece.steps)
                report(done, len(missing) * PIECES, f"training {name}, seed {piece.seed}")

            _train(self.bank, one, path, on_piece)

    def _elsewhere(self, missing: dict[Path, Training], report: OnProgress) -> None:
        total, workers = len(missing) * PIECES, min(self.jobs, len(missing))
        report(0, total, f"training {len(missing)} networks, {workers} at once")
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_quietly) as pool:
            running = {pool.submit(_train, self.bank.path, one, path): one.plan for path, one in missing.items()}
            try:
                for done, future in enumerate(as_completed(running), 1):
                    future.result()
                    plan = running[future]
                    report(done * PIECES, total, f"training {plan.algorithm}, seed {plan.seed}")
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _end_quietly() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches all processes; one of them says so


def _train(
    bank: Bank | Path, training: Training, path: Path, progress: Callable[[Progress], None] | None = None
) -> None:
    from pilotage.navigator.training.train import train

    whole = bank if isinstance(bank, Bank) else Bank.open(bank)
    train(whole.only(training.tasks), training.plan, out=path, progress=progress)


def require_training() -> None:
    """Raises PolicyError where the libraries that train are not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None or find_spec("stable_baselines3") is None:
        raise PolicyError("training needs torch and stable-baselines3: install them with pip install 'pilotage[train]'")
