"""`pilotage train`: a policy from a recorded bank, or live; the same command goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pilotage.agent.cli.command import AsJson
from pilotage.agent.cli.options import Force, Hyper, Steps, expert
from pilotage.agent.cli.outputs import file_to_write, keep
from pilotage.agent.cli.terminal import interruptible, plain, print_json, progress, screen
from pilotage.agent.cli.train.live import LiveOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotage.agent.cli.screen import Screen
    from pilotage.navigator.training.train import Plan, Progress, TrainingResult


def train(
    out: Annotated[Path, typer.Option(help="Policy file to write (.safetensors).")],
    live_options: LiveOptions,
    bank: Annotated[Path | None, typer.Option(help="Folder of a recorded bank.", show_default=False)] = None,
    live: Annotated[bool, typer.Option("--live", help="Train on real runs of --tasks instead of a bank.")] = False,
    algo: Annotated[
        str, typer.Option(help="double-dueling-dqn, qr-dqn, maskable-ppo, cql, linear or nearest.")
    ] = "double-dueling-dqn",
    cost_weight: Annotated[
        float | None, typer.Option(help="What 1,000 tokens are worth, in right answers. (default: 0.1)")
    ] = None,
    effort_input: Annotated[
        bool, typer.Option("--effort-input", help="Train for all cost weights at once; `solve --effort` then chooses.")
    ] = False,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Trainings; the best on the validation tasks is kept. (default: 5, with --live 1)"),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Preset that the bank must be of, or that --live observes by; rlot trains as its paper does, on a "
            "bank: --base rlot, --step-scores values, --cost-weight 0."
        ),
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Policy file to start from, of the same algorithm.")] = None,
    seed: Annotated[int, expert(min=0, help="Of the first training.")] = 0,
    steps: Steps = None,
    ensemble: Annotated[bool, expert("--ensemble", help="Keep the mean of all seeds instead of the best.")] = False,
    base: Annotated[
        str | None, expert(help="Hyperparameters to start from: default, or rlot, whose steps are episodes.")
    ] = None,
    step_scores: Annotated[
        str | None,
        expert(
            metavar="SCORES",
            help="Pay each step for how good it is: values (the bank's), a FILE of `pilotage bank score`, or none. "
            "(default: none; with --preset rlot: values)",
        ),
    ] = None,
    shaping: Annotated[
        str | None, expert(help="Step rewards from the bank's values: exact or uniform. (default: none)")
    ] = None,
    hyper: Hyper = None,
    parts: Annotated[
        str | None,
        expert(
            metavar="NAME=SHARE,...",
            help="Split of the tasks; test may be left out. (default: train=0.6,validation=0.2,test=0.2; "
            "with --live train=0.7,validation=0.3)",
        ),
    ] = None,
    split_seed: Annotated[int, expert(help="Of the split.")] = 0,
    tensorboard: Annotated[Path | None, expert(help="Folder for TensorBoard logs.")] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Train a navigator on a bank, without any LLM call, or --live; split by task, every seed reported."""
    from pilotage.agent.cli.bank.bank import shares
    from pilotage.agent.cli.train.live import train_on_live
    from pilotage.agent.errors import UsageError
    from pilotage.navigator.bank.bank import Bank
    from pilotage.navigator.policies.policy_file import SUFFIX
    from pilotage.navigator.training.train import Plan
    from pilotage.navigator.training.train import train as run

    if out.suffix != SUFFIX:
        raise UsageError(f"--out {out} must end in {SUFFIX}, by which a policy file is known")
    file_to_write(out)
    if not live and resume != out:  # live training goes on where a limit ended it, by the same command
        keep(out, force)
    if effort_input and cost_weight is not None:
        raise UsageError("give --cost-weight or --effort-input, which trains for all of them, not both")
    papers = preset == "rlot"
    if preset is not None:
        _require_preset(preset, bank, live)
    weight = (0.0 if papers else 0.1) if cost_weight is None else cost_weight
    baseline = algo in ("linear", "nearest")
    if baseline and step_scores not in (None, "none"):
        raise UsageError(f"{algo} is fitted to the values of whole answers: leave --step-scores out")
    step_scores = step_scores or ("values" if papers and not baseline else None)
    live_options.require_sense(live, bank, algo)
    fractions = shares(parts or ("train=0.7,validation=0.3" if live else "train=0.6,validation=0.2,test=0.2"))
    if bank is not None and baseline:
        unused: dict[str, object] = {
            "--resume": resume,
            "--ensemble": ensemble or None,
            "--steps": steps,
            "--hyper": hyper,
        }
        unused |= {"--shaping": shaping, "--seeds": seeds, "--tensorboard": tensorboard}
        if given_in_vain := [option for option, value in unused.items() if value is not None]:
            raise UsageError(f"{algo} is fitted anew, in one go: leave {given_in_vain[0]} out")
        _fit_baseline(algo, Bank.open(bank), out, weight, effort_input, fractions, split_seed, as_json)
        return
    given: dict[str, Any] = {
        "cost_weight": weight,
        "effort_input": effort_input,
        "seeds": seeds or (1 if live else 5),
        "seed": seed,
        "steps": steps,
        "ensemble": ensemble,
        "fractions": fractions,
        "split_seed": split_seed,
        "hyper": hyperparameters(hyper or []),
        "base": base or ("rlot" if papers else "default"),
        "shaping": _shaping(shaping),
        "step_scores": None if step_scores == "none" else step_scores,
    }
    console = screen(errors=True)
    kept = f"interrupted; the checkpoints beside {out} are kept; the same command goes on from there"
    with interruptible(lambda: kept):
        if bank is None:
            result = train_on_live(live_options, preset, algo, given, out, resume, tensorboard, console)
        else:
            plan = Plan(algo, **given)
            with _shown(console, plan) as on_piece:
                result = run(bank, plan, out=out, resume=resume, tensorboard=tensorboard, progress=on_piece)
    if as_json:
        print_json({"policy": str(out), **result.card})
    else:
        _report(console, result)


def _fit_baseline(
    algo: str,
    bank: Any,
    out: Path,
    cost_weight: float,
    effort_input: bool,
    fractions: dict[str, float],
    split_seed: int,
    as_json: bool,
) -> None:
    from pilotage.agent.errors import UsageError
    from pilotage.navigator.training.algorithms.linear import fit_linear
    from pilotage.navigator.training.algorithms.nearest import fit_nearest

    if algo == "nearest" and effort_input:
        raise UsageError("nearest neighbour has no effort input: give --cost-weight")
    tasks = bank.split(fractions, split_seed)["train"]
    policy = (
        fit_linear(bank, tasks, cost_weight, effort_input=effort_input)
        if algo == "linear"
        else fit_nearest(bank, tasks, cost_weight)
    )
    policy.save(out)
    if as_json:
        print_json({"policy": str(out), **policy.header.card})
    else:
        screen(errors=True).print_line(f"written to {plain(out)}, from {len(tasks)} tasks")


def _require_preset(preset: str, bank: Path | None, live: bool) -> None:
    from pilotage.agent.errors import UsageError
    from pilotage.agent.routing.observation import PRESETS
    from pilotage.navigator.bank.reader import read_meta

    if preset not in PRESETS:
        raise UsageError(f"unknown observation preset {preset!r}; choose from {', '.join(PRESETS)}")
    if live and preset == "rlot":
        raise UsageError(
            "the preset rlot is trained on step scores, of which live training has none: record a bank by `pilotage "
            "collect --preset rlot` and give --bank, or take --preset rlot+free"
        )
    if bank is None and not live:
        raise UsageError("--preset says which bank is meant: give --bank too")
    if bank is not None and (recorded := read_meta(bank).preset) != preset:
        raise UsageError(
            f"the bank {bank} was recorded with the preset {recorded!r}: record one with `pilotage collect --preset "
            f"{preset}`, or leave --preset out"
        )


def _shaping(given: str | None) -> Literal["exact", "uniform"] | None:
    from pilotage.agent.errors import UsageError

    match given:
        case None | "exact" | "uniform":
            return given
        case _:
            raise UsageError(f"--shaping is exact or uniform, not {given!r}")


def hyperparameters(given: list[str]) -> dict[str, Any]:
    """Hyperparameters from `learning_rate=0.001`, `hidden=64,64`."""
    from pilotage.agent.errors import UsageError

    values: dict[str, Any] = {}
    for item in given:
        name, sign, text = item.partition("=")
        try:
            if name == "hidden":
                values[name] = tuple(int(size) for size in text.split(","))
            else:
                values[name] = int(text) if text.lstrip("-").isdecimal() else float(text)
        except ValueError:
            sign = ""
        if not sign:
            raise UsageError(
                f"{item!r} is no hyperparameter; write --hyper learning_rate=0.001 or --hyper hidden=64,64"
            )
    return values


@contextmanager
def _shown(console: Screen, plan: Plan) -> Iterator[Callable[[Progress], None]]:
    from rich.progress import BarColumn, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), TimeRemainingColumn(), "{task.fields[scores]}")
    with progress(console, *columns) as bar:
        task = bar.add_task("training", total=plan.seeds * plan.length, scores="")

        def on_piece(piece: Progress) -> None:
            done = (piece.seed - plan.seed) * plan.length + piece.step
            scores = f"{piece.accuracy:.1%} right for {1000 * piece.cost:,.0f} tokens"
            bar.update(task, completed=done, description=f"seed {piece.seed}", scores=scores)
            if not console.is_terminal and piece.step == piece.steps:
                console.print(f"seed {piece.seed}: {scores} on the validation tasks")

        yield on_piece


def _report(console: Screen, result: TrainingResult) -> None:
    from pilotage.agent.cli.train.policy import print_scores

    rewards = ", ".join(f"{seed.reward:.3f}" for seed in result.seeds)
    console.print(f"reward on the validation tasks, by seed: {rewards}")
    print_scores(console, result.card)
    console.print_line(f"written to {plain(result.path)}; next: pilotage policy show {plain(result.path)}")
