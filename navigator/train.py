"""Train: a bank in, a policy file out. No LLM call, and the same bank, plan and version give the same bytes.

The tasks are split, never their states: a policy is trained on one part, the seed and the moment of training are chosen
on the second, and what it then scores on the third was used for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from navigator.bank import Bank
from navigator.errors import PolicyError
from navigator.training.plan import ALGORITHMS, Plan, Progress, SeedResult, TrainingResult


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
        resume: a policy file to start from instead of a random network; its scaling and dial are kept.
        tensorboard: folder for TensorBoard logs.
        progress: called after every piece.

    Raises:
        BankError: the bank is damaged, or has too few tasks to split.
        PolicyError: plan, `resume` and bank do not fit each other, or a library is missing.
    """
    try:
        from navigator.training.session import Session
    except ImportError as error:
        raise PolicyError(f"training needs {error.name}: install it with pip install 'pilotage[train]'") from error
    session = Session(
        bank if isinstance(bank, Bank) else Bank.open(bank),
        plan or Plan(),
        resume=Path(resume) if resume is not None else None,
        work=Path(out).with_name(Path(out).name + ".work") if out is not None else None,
        tensorboard=Path(tensorboard) if tensorboard is not None else None,
        progress=progress,
    )
    with session:
        policy, seeds = session.run()
        if out is not None:
            policy.save(out)
            session.discard_work()
    return TrainingResult(policy, seeds, session.tasks, Path(out) if out is not None else None)


__all__ = ["ALGORITHMS", "Plan", "Progress", "SeedResult", "TrainingResult", "train"]
