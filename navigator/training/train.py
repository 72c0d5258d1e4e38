"""Train: a bank in, a policy file out. No LLM call, and the same bank, plan and version give the same bytes.

The tasks are split, never their states: a policy is trained on one part, the seed and the moment of training are chosen
on the second, and what it then scores on the third was used for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pilotage.common.paths import expanded
from pilotage.navigator.bank.bank import Bank
from pilotage.navigator.errors import PolicyError
from pilotage.navigator.training.plan import (
    ALGORITHMS,
    Plan,
    Progress,
    SeedResult,
    TrainingOutputs,
    TrainingResult,
    live_plan,
)

if TYPE_CHECKING:
    from pilotage.navigator.training.live import LiveSource


@contextmanager
def _libraries() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise PolicyError(f"training needs {error.name}: install it with pip install 'pilotage[train]'") from error


def train(
    bank: Bank | str | Path,
    plan: Plan | None = None,
    *,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    tensorboard: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> TrainingResult:
    """Trains a policy on a bank.

    Args:
        bank: the bank, or its folder.
        plan: how; the default plan if None.
        out: where to write the policy file. Beside it, in `<out>.work`, checkpoints are kept until it is written: the
            same call goes on where a killed one stopped.
        resume: a policy file to start from instead of a random network; its scaling and its weighting of cost are kept.
        tensorboard: folder for TensorBoard logs.
        progress: called after every piece.

    Raises:
        BankError: the bank is damaged, or has too few tasks to split.
        PolicyError: plan, `resume` and bank do not fit each other, or a library is missing.
    """
    with _libraries():
        from pilotage.navigator.training.session import Session
    bank = bank if isinstance(bank, Bank) else Bank.open(bank)
    out = expanded(out) if out is not None else None
    work = out.with_name(out.name + ".work") if out is not None else None
    with Session(bank, plan or Plan(), resume, TrainingOutputs(out, work, tensorboard, progress)) as session:
        return session.run()


def train_live(
    source: LiveSource,
    plan: Plan | None = None,
    *,
    episodes: int | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    tensorboard: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    on_step: Callable[[], None] | None = None,
) -> TrainingResult:
    """Trains a policy on reasoning that goes on while it trains.

    A training that was killed is begun again: it takes the same way, for nothing as far as the source knows it.

    Args:
        source: what runs the tasks and keeps what they reached.
        plan: how; `live_plan` makes one. Its `steps` are steps of the environment, replayed ones included.
        episodes: on the training tasks; after them the training goes on over what is known. None for no limit.
        out: where to write the policy file.
        resume: a policy file to start from instead of a random network.
        tensorboard: folder for TensorBoard logs.
        progress: called after every piece.
        on_step: called after every step of a training episode.

    Raises:
        BankError: there are too few tasks to split.
        PolicyError: the plan needs a recorded bank, a limit is used up before every task was begun, or a library is
            missing.
    """
    with _libraries():
        from pilotage.navigator.training.live import LiveSession
    outputs = TrainingOutputs(expanded(out) if out is not None else None, None, tensorboard, progress)
    with LiveSession(source, plan or live_plan(), episodes, resume, outputs, on_step) as session:
        return session.run()


__all__ = ["ALGORITHMS", "Plan", "Progress", "SeedResult", "TrainingResult", "live_plan", "train", "train_live"]
