"""`pilotage train`: a policy from a recorded bank, without any LLM call; the same command goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from agent.cli.memory_open import AsJson, print_json, screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from navigator.train import Plan, Progress, TrainingResult


def train(
    bank: Annotated[Path, typer.Option(help="Folder of a recorded bank.")],
    out: Annotated[Path, typer.Option(help="Policy file to write (.safetensors).")],
    algo: Annotated[
        str, typer.Option(help="double-dueling-dqn, qr-dqn, maskable-ppo, cql, linear or nearest.")
    ] = "double-dueling-dqn",
    cost_weight: Annotated[
        float | None, typer.Option(help="What 1,000 tokens are worth, in right answers. (default: 0.1)")
    ] = None,
    effort_input: Annotated[
        bool, typer.Option("--effort-input", help="Train for all cost weights at once; `solve --effort` then chooses.")
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings; the best on the validation tasks is kept.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of the first training.")] = 0,
    steps: Annotated[int | None, typer.Option(min=20, help="Of each training. (default: the algorithm's)")] = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Keep the mean of all seeds instead of the best.")
    ] = False,
    base: Annotated[str, typer.Option(help="Hyperparameters to start from: default or rlot.")] = "default",
    shaping: Annotated[
        str | None, typer.Option(help="Step rewards from the bank's values: exact or uniform. (default: none)")
    ] = None,
    hyper: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Change one; repeatable.")] = None,
    parts: Annotated[
        str, typer.Option(metavar="NAME=SHARE,...", help="Split of the tasks; test may be left out.")
    ] = "train=0.6,validation=0.2,test=0.2",
    split_seed: Annotated[int, typer.Option(help="Of the split.")] = 0,
    resume: Annotated[Path | None, typer.Option(help="Policy file to start from, of the same algorithm.")] = None,
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for TensorBoard logs.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train a navigator on a bank: split by task, several seeds, no LLM call."""
    from agent.cli.bank import shares
    from agent.errors import UsageError
    from navigator.bank import Bank
    from navigator.policy_file import SUFFIX
    from navigator.train import Plan
    from navigator.train import train as run

    if out.suffix != SUFFIX:
        raise UsageError(f"--out {out} must end in {SUFFIX}, by which a policy file is known")
    if effort_input and cost_weight is not None:
        raise UsageError("give --cost-weight or --effort-input, which trains for all of them, not both")
    weight = 0.1 if cost_weight is None else cost_weight
    if algo in ("linear", "nearest"):
        _fit_baseline(algo, Bank.open(bank), out, weight, effort_input, shares(parts), split_seed, as_json)
        return
    plan = Plan(
        algo,
        weight,
        effort_input,
        seeds,
        seed,
        steps,
        ensemble,
        fractions=shares(parts),
        split_seed=split_seed,
        hyper=_hyper(hyper or []),
        base=base,
        shaping=_shaping(shaping),
    )
    console = screen(errors=True)
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
    from agent.errors import UsageError
    from navigator.linear import fit_linear
    from navigator.nearest import NearestPolicy

    if algo == "nearest" and effort_input:
        raise UsageError("nearest neighbour has no effort input: give --cost-weight")
    tasks = bank.split(fractions, split_seed)["train"]
    policy = (
        fit_linear(bank, tasks, cost_weight, effort_input=effort_input)
        if algo == "linear"
        else NearestPolicy.fit(bank, tasks, cost_weight)
    )
    policy.save(out)
    if as_json:
        print_json({"policy": str(out), **policy.header.card})
    else:
        screen(errors=True).print(f"written to {out}, from {len(tasks)} tasks", soft_wrap=True)


def _shaping(given: str | None) -> Literal["exact", "uniform"] | None:
    from agent.errors import UsageError

    match given:
        case None | "exact" | "uniform":
            return given
        case _:
            raise UsageError(f"--shaping is exact or uniform, not {given!r}")


def _hyper(given: list[str]) -> dict[str, Any]:
    from agent.errors import UsageError

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
def _shown(console: Console, plan: Plan) -> Iterator[Callable[[Progress], None]]:
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[scores]}"),
    )
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("training", total=plan.seeds * plan.length, scores="")

        def on_piece(piece: Progress) -> None:
            done = (piece.seed - plan.seed) * plan.length + piece.step
            scores = f"{piece.accuracy:.1%} right for {1000 * piece.cost:,.0f} tokens"
            bar.update(task, completed=done, description=f"seed {piece.seed}", scores=scores)
            if not console.is_terminal and piece.step == piece.steps:
                console.print(f"seed {piece.seed}: {scores} on the validation tasks")

        yield on_piece


def _report(console: Console, result: TrainingResult) -> None:
    from agent.cli.policy_print import print_scores

    rewards = ", ".join(f"{seed.reward:.3f}" for seed in result.seeds)
    console.print(f"reward on the validation tasks, by seed: {rewards}")
    print_scores(console, result.card)
    console.print(f"written to {result.path}; next: pilotage policy show {result.path}", soft_wrap=True)
