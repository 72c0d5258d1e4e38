"""`pilotage train`: a policy from a recorded bank, or live; the same command goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.command import Output
from pilotage.agent.cli.options import A_SEED, FORCE, HYPER, STEPS, expert, hyperparameters, shares
from pilotage.agent.cli.outputs import file_to_write, keep
from pilotage.agent.cli.terminal import interruptible, plain, progress, screen
from pilotage.agent.cli.train.live import LiveOptions, train_on_live
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.policies.learned import LearnedPolicy
    from pilotage.navigator.policies.nearest import NearestPolicy
    from pilotage.navigator.training.train import Plan, Progress

BASELINES = ("linear", "nearest")
"""Algorithms that are fitted in one go, with no plan of a training."""


@dataclass(frozen=True)
class PlanOptions:
    """How a policy is trained."""

    algo: str = typer.Option(
        "double-dueling-dqn", help="double-dueling-dqn, qr-dqn, maskable-ppo, cql, linear or nearest."
    )
    cost_weight: float | None = typer.Option(None, help="What 1,000 tokens are worth, in right answers. (default: 0.1)")
    effort_input: bool = typer.Option(
        False, "--effort-input", help="Train for all cost weights at once; `solve --effort` then chooses."
    )
    seeds: int | None = typer.Option(
        None, min=1, help="Trainings; the best on the validation tasks is kept. (default: 5, with --live 1)"
    )
    preset: str | None = typer.Option(
        None,
        help="Preset that the bank must be of, or that --live observes by; rlot trains as its paper does, on a "
        "bank: --base rlot, --step-scores values, --cost-weight 0.",
    )
    resume: Path | None = typer.Option(None, help="Policy file to start from, of the same algorithm.")
    seed: int = expert(0, min=0, callback=A_SEED, help="Of the first training.")
    steps: int | None = STEPS
    ensemble: bool = expert(False, "--ensemble", help="Keep the mean of all seeds instead of the best.")
    base: str | None = expert(None, help="Hyperparameters to start from: default, or rlot, whose steps are episodes.")
    step_scores: str | None = expert(
        None,
        metavar="SCORES",
        help="Pay each step for how good it is: values (the bank's), a FILE of `pilotage bank score`, or none. "
        "(default: none; with --preset rlot: values)",
    )
    shaping: str | None = expert(None, help="Step rewards from the bank's values: exact or uniform. (default: none)")
    hyper: list[str] | None = HYPER
    parts: str | None = expert(
        None,
        metavar="NAME=SHARE,...",
        help="Split of the tasks; test may be left out. (default: train=0.6,validation=0.2,test=0.2; "
        "with --live train=0.7,validation=0.3)",
    )
    split_seed: int = expert(0, min=0, callback=A_SEED, help="Of the split.")
    tensorboard: Path | None = expert(None, help="Folder for TensorBoard logs.")

    def require_sense(self, bank: Path | None, live: bool) -> None:
        """Raises UsageError where the options contradict each other, or the bank."""
        if self.effort_input and self.cost_weight is not None:
            raise UsageError("give --cost-weight or --effort-input, which trains for all of them, not both")
        if self.preset is not None:
            _require_preset(self.preset, bank, live)
        if self.shaping not in (None, "exact", "uniform"):
            raise UsageError(f"--shaping is exact or uniform, not {self.shaping!r}")
        if self.algo not in BASELINES or live:
            return
        if self.step_scores not in (None, "none"):
            raise UsageError(f"{self.algo} is fitted to the values of whole answers: leave --step-scores out")
        for name in ("resume", "ensemble", "steps", "hyper", "shaping", "seeds", "tensorboard"):
            if getattr(self, name) not in (None, False):
                raise UsageError(f"{self.algo} is fitted anew, in one go: leave --{name} out")
        if self.algo == "nearest" and self.effort_input:
            raise UsageError("nearest neighbour has no effort input: give --cost-weight")

    @property
    def weight(self) -> float:
        """The cost weight."""
        return (0.0 if self.preset == "rlot" else 0.1) if self.cost_weight is None else self.cost_weight

    def fields(self, live: bool) -> dict[str, Any]:
        """They as fields of a `Plan`, its algorithm left out."""
        papers = self.preset == "rlot"
        step_scores = self.step_scores or ("values" if papers else "none")
        return {
            **{name: getattr(self, name) for name in ("effort_input", "seed", "steps", "ensemble", "split_seed")},
            "cost_weight": self.weight,
            "seeds": self.seeds or (1 if live else 5),
            "fractions": self.fractions(live),
            "hyper": hyperparameters(self.hyper or []),
            "base": self.base or ("rlot" if papers else "default"),
            "shaping": self.shaping,
            "step_scores": None if step_scores == "none" else step_scores,
        }

    def fractions(self, live: bool = False) -> dict[str, float]:
        """Shares of the tasks for each part."""
        return shares(self.parts or ("train=0.7,validation=0.3" if live else "train=0.6,validation=0.2,test=0.2"))

    def fit_baseline(self, bank: Bank) -> tuple[LearnedPolicy | NearestPolicy, int]:
        """A policy that is fitted in one go, and to how many tasks."""
        from pilotage.navigator.training.algorithms.linear import fit_linear
        from pilotage.navigator.training.algorithms.nearest import fit_nearest

        tasks = bank.split(self.fractions(), self.split_seed)["train"]
        if self.algo == "linear":
            return fit_linear(bank, tasks, self.weight, effort_input=self.effort_input), len(tasks)
        return fit_nearest(bank, tasks, self.weight), len(tasks)


def train(
    out: Path = typer.Option(..., help="Policy file to write (.safetensors)."),
    *,
    bank: Path | None = typer.Option(None, help="Folder of a recorded bank.", show_default=False),
    live: bool = typer.Option(False, "--live", help="Train on real runs of --tasks instead of a bank."),
    live_options: LiveOptions,
    options: PlanOptions,
    force: bool = FORCE,
) -> Output:
    """Train a navigator on a bank, without any LLM call, or --live; split by task, every seed reported."""
    from pilotage.agent.cli.train.policy import print_scores
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.policies.policy_file import SUFFIX
    from pilotage.navigator.training.train import Plan
    from pilotage.navigator.training.train import train as run

    if out.suffix != SUFFIX:
        raise UsageError(f"--out {out} must end in {SUFFIX}, by which a policy file is known")
    file_to_write(out)
    if not live and options.resume != out:  # live training goes on where a limit ended it, by the same command
        keep(out, force)
    live_options.require_sense(live, bank, options.algo)
    options.require_sense(bank, live)
    console = screen(errors=True)
    if bank is not None and options.algo in BASELINES:
        policy, tasks = options.fit_baseline(Bank.open(bank))
        policy.save(out)
        written = f"written to {plain(out)}, from {tasks} tasks"
        return Output({"policy": str(out), **policy.header.card}, lambda _: console.print_line(written))
    given = options.fields(live)
    kept = f"interrupted; the checkpoints beside {out} are kept; the same command goes on from there"
    with interruptible(lambda: kept):
        places: dict[str, Any] = {"out": out, "resume": options.resume, "tensorboard": options.tensorboard}
        if bank is None:
            result = train_on_live(live_options, options.preset, options.algo, given, places, console)
        else:
            plan = Plan(options.algo, **given)
            with _shown(console, plan) as on_piece:
                result = run(bank, plan, **places, progress=on_piece)

    def report(_: Screen) -> None:
        rewards = ", ".join(f"{seed.reward:.3f}" for seed in result.seeds)
        console.print(f"reward on the validation tasks, by seed: {rewards}")
        print_scores(console, result.card)
        console.print_line(f"written to {plain(result.path)}; next: pilotage policy show {plain(result.path)}")

    return Output({"policy": str(out), **result.card}, report)


def _require_preset(preset: str, bank: Path | None, live: bool) -> None:
    from pilotage.agent.routing.observation import PRESETS
    from pilotage.navigator.bank.reader import read_meta

    if preset not in PRESETS:
        raise UsageError(f"unknown observation preset {preset!r}; choose from {', '.join(PRESETS)}")
    if live and preset == "rlot":
        raise UsageError(
            "the preset rlot is trained on step scores, of which live training has none: record a bank by `pilotage "
            "collect --preset rlot` and give --bank, or take --preset rlot+free"
        )
    if bank is not None and (recorded := read_meta(bank).preset) != preset:
        raise UsageError(
            f"the bank {bank} was recorded with the preset {recorded!r}: record one with `pilotage collect --preset "
            f"{preset}`, or leave --preset out"
        )


@contextmanager
def _shown(console: Screen, plan: Plan) -> Iterator[Callable[[Progress], None]]:
    total = plan.seeds * plan.length
    with progress(console, "training", "{task.fields[scores]}", left=True, total=total, scores="") as update:

        def on_piece(piece: Progress) -> None:
            done = (piece.seed - plan.seed) * plan.length + piece.step
            scores = f"{piece.accuracy:.1%} right for {1000 * piece.cost:,.0f} tokens"
            update(completed=done, description=f"seed {piece.seed}", scores=scores)
            if not console.is_terminal and piece.step == piece.steps:
                console.print(f"seed {piece.seed}: {scores} on the validation tasks")

        yield on_piece
