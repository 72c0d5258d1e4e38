"""`pilotage bench`: methods side by side on live tasks; the same command with --resume goes on where it stopped."""

from __future__ import annotations

import math
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.command import Command, Output
from pilotage.agent.cli.options import BOOTSTRAP, IN_SAMPLE, LIMIT, MAP, RunOptions, expert, for_tasks
from pilotage.agent.cli.outputs import gone_if_refused
from pilotage.agent.cli.terminal import plain, screen
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.bench.figures import Terms
    from pilotage.agent.bench.methods import Method
    from pilotage.agent.bench.outcomes import Outcomes
    from pilotage.agent.bench.schema import Benched
    from pilotage.agent.cli.bench.sitting import Sitting
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.settings import Settings

SEVERAL = ("--tasks", "--methods")
"""Options whose values may follow one another."""


class Bench(Command):
    """A command two of whose options take all the values that follow them, which Typer's own can't."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Writes the option before each of its values."""
        if args and not args[0].startswith("-"):
            from pilotage.agent.tasks.source import did_you_mean

            near = did_you_mean(args[0], ["search"])
            raise UsageError(f"`pilotage bench` has no command {args[0]!r:.80}{near}; see `pilotage bench --help`")
        given: list[str] = []
        option = None
        for arg in args:
            if arg.startswith("-") or option is None:
                option = arg if arg in SEVERAL else None
                given += [] if option else [arg]
            else:
                given += [option, arg]
        bare = [one for one in SEVERAL if one in args and one not in given]
        return super().parse_args(ctx, given + bare)


@dataclass(frozen=True)
class TaskOptions:
    """Which tasks, how often, and where the results go."""

    out: Path | None = for_tasks(None, help="Folder of the results and the report. (default: none is kept)")
    fields: str | None = MAP
    limit: int | None = LIMIT
    repeats: int = for_tasks(1, min=1, max=1000, help="Runs of each task by each method, under K seeds.")
    resume: bool = for_tasks(False, "--resume", help="Go on with what --out holds.")
    in_sample: bool = IN_SAMPLE


@dataclass(frozen=True)
class FigureOptions:
    """How figures are made."""

    prices: Path | None = for_tasks(None, help="Prices (TOML), a table for each model. (default: money is unknown)")
    prompt_weight: float = expert(1.0, min=0.0, help="Of a token that is read, in the idealised cost.")
    decode_weight: float = expert(4.0, min=0.0, help="Of a token that is written, in the idealised cost.")
    model_weight: list[str] | None = expert(
        None, metavar="MODEL=TIMES", help="What a second model's tokens weigh, in those of --model; repeatable."
    )
    bootstrap: int = BOOTSTRAP

    def terms(self, model: str) -> Terms:
        """The terms that they describe.

        Raises:
            UsageError: the prices cannot be read, or are not those of the model; or a weight is none.
        """
        from pilotage.agent.bench.figures import Terms
        from pilotage.agent.bench.schema import CostModel
        from pilotage.agent.models.prices import Price, price_file, price_of

        for option, weight in (("--prompt-weight", self.prompt_weight), ("--decode-weight", self.decode_weight)):
            if not math.isfinite(weight):
                raise UsageError(f"{option} {weight} is no weight: write a number, as in {option} 4")
        price, known = None, dict[str, Price]()
        if self.prices is not None:
            known = price_file(self.prices)
            price = price_of(model, self.prices, known)
        weights = CostModel(prompt=self.prompt_weight, decode=self.decode_weight, models=self._weights())
        return Terms(weights, price, known, self.bootstrap)

    def _weights(self) -> dict[str, float]:
        weights = {}
        for given in self.model_weight or ():
            model, _, times = given.rpartition("=")
            try:
                weights[model] = float(times)
            except ValueError:
                weights[model] = -1.0
            if not model or not 0 <= weights[model] < float("inf"):
                raise UsageError(f"--model-weight {given!r:.80} is no weight: write MODEL=TIMES, as in large=6")
        return weights


def bench(
    tasks: list[str] = typer.Option(
        ..., metavar="SPEC...", help="FILE (JSON Lines, CSV, Parquet), gsm8k:FILE, math:FILE, gym:FAMILY,..., ..."
    ),
    methods: list[str] | None = typer.Option(
        None,
        metavar="M...",
        help="Policies of `solve`: default, default@high, fixed:program,answer, 'strategy:self-consistency;n=5', ...; "
        "or those of other toolkits: peer:optillm/moa, 'peer:its_hub/self-consistency;budget=8'. "
        "The first is what the others are compared with.",
    ),
    preset: str | None = typer.Option(
        None, help="The methods of a study: bag-of-tricks, think-deep-think-fast, where-we-stand or o1-patterns."
    ),
    *,
    batch: TaskOptions,
    run: RunOptions,
    figures: FigureOptions,
    peers: Path | None = expert(None, help="Folder of the environments of peers. (default: peers in the data folder)"),
    inspect: Path | None = expert(None, help="Folder for a log of Inspect AI of each method's runs."),
) -> Output:
    """Compare methods on the same tasks, with the same model and budget: accuracy, cost, and what is chance."""
    from pilotage.agent.bench.figures import outcomes_of
    from pilotage.agent.bench.inspect_log import write_logs
    from pilotage.agent.cli.bench.printing import print_bench
    from pilotage.agent.cli.bench.sitting import opened
    from pilotage.agent.tasks.fields import mapping

    if batch.resume and batch.out is None:
        raise UsageError("--resume goes on with what --out holds: give the folder by --out")
    console = screen(errors=True, soft_wrap=True)
    given, of_preset, limits = _chosen(methods or [], preset, console)
    settings = _settings(run, limits)
    terms = figures.terms(settings.model)
    with ExitStack() as stack:
        place = batch.out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pilotage-bench-")))
        with ExitStack() as folders:
            for folder, option in ((batch.out, "--out"), (inspect, "--inspect")):
                if folder is not None:
                    folders.enter_context(gone_if_refused(folder, option))
            folders.push(lambda kind, *_: stack.close() if kind else None)
            sitting = opened(
                stack, (*given, *of_preset), settings, tasks, place, console, fields=mapping(batch.fields),
                limit=batch.limit, repeats=batch.repeats, resume=batch.resume, in_sample=batch.in_sample,
                kept=batch.out is not None, may_lack=of_preset, peers=peers,
            )  # fmt: skip
        sitting.solve(console)
        outcomes = outcomes_of(sitting.lanes, sitting.assigned)
        benched = _benched(sitting, outcomes, tasks, terms)
        if inspect is not None:
            logs = write_logs(benched, outcomes, inspect)
            console.print_line(f"{len(logs)} logs of Inspect written to {plain(inspect)}")
    if batch.out is not None:
        _write(benched, batch.out, console)
    failed = [(one.name, why) for one in outcomes if (why := one.failed) is not None]
    for name, why in failed:
        console.print_line(f"no run of {plain(name)} had a usable reply, so it is not judged: {plain(why)}")
    return Output(benched.to_json(), lambda console: print_bench(console, benched), exit_code=int(bool(failed)))


def _chosen(
    given: list[str], preset: str | None, console: Screen
) -> tuple[tuple[Method, ...], tuple[Method, ...], dict[str, int]]:
    """The methods that were given, the others of the preset, and its limits of a run."""
    from pilotage.agent.bench import presets
    from pilotage.agent.bench.methods import methods_of

    if preset is None:
        return methods_of(given), (), {}
    chosen = presets.chosen(preset)
    console.print_line(f"{plain(preset)}: {plain(presets.PRESETS[preset].source)}")
    console.print_left_out(chosen.left_out)
    own = methods_of(given) if given else ()
    others = tuple(one for one in methods_of(chosen.methods) if one not in own)
    return own, others, chosen.limits


def _settings(run: RunOptions, limits: dict[str, int]) -> Settings:
    """The settings of all methods; the limits are for those that nobody sets."""
    settings = run.settings(memory="none", learn=False)
    missing = {name: value for name, value in limits.items() if name not in settings.model_fields_set}
    return run.settings(memory="none", learn=False, **missing) if missing else settings


def _write(benched: Benched, folder: Path, console: Screen) -> None:
    """The numbers first, so that they are there whatever becomes of the figures."""
    from pilotage.agent.bench.report import ReportError, write_numbers, write_report

    numbers = write_numbers(benched, folder)
    try:
        page = write_report(benched, folder)[0]
    except ReportError as error:
        console.print_line(f"the numbers are in {plain(numbers)}; there is no report: {plain(error)}")
    else:
        console.print_line(f"written to {plain(page)}")


def _benched(sitting: Sitting, outcomes: list[Outcomes], sources: list[str], terms: Terms) -> Benched:
    """The figures of what is done."""
    from pilotage.agent.bench.figures import figures_of

    components = sitting.lanes[0].agent.components
    setting = {
        "sources": sources,
        "model": components.model.name,
        "repeats": 1 + sitting.lanes[-1].repeat,
        "seed": sitting.settings.seed,
        "budget": components.budget.model_dump(mode="json"),
    }
    notes = [f"{sitting.left_out} entries of the sources were left out."] if sitting.left_out else []
    return figures_of(outcomes, setting, terms, notes)
