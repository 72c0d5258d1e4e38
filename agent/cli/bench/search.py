"""`pilotage bench search`: Archon's architectures, searched on some tasks and judged on others."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.bench.bench import FigureOptions
from pilotage.agent.cli.command import Output
from pilotage.agent.cli.options import LIMIT, MAP, RunOptions, expert, for_tasks
from pilotage.agent.cli.outputs import gone_if_refused, write_json
from pilotage.agent.cli.terminal import interruptible, number_of, plain, screen, table
from pilotage.agent.errors import MissingExtra, ModelUnavailable, PilotageError, UsageError
from pilotage.common.files import replace

if TYPE_CHECKING:
    from pilotage.agent.banks.sources import Assigned
    from pilotage.agent.bench.schema import Benched
    from pilotage.agent.bench.search.space import Architecture
    from pilotage.agent.bench.search.study import ArchitectureSearch, Judged, Tried
    from pilotage.agent.cli.bench.sitting import Sitting
    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.settings import Settings

POLICY = "strategy:archon;file="


class Objective(StrEnum):
    """What makes an architecture good."""

    pareto = "pareto"
    accuracy = "accuracy"


class Sampler(StrEnum):
    """Who proposes architectures."""

    tpe = "tpe"
    random = "random"


@dataclass(frozen=True)
class SearchOptions:
    """How long is searched, and for what."""

    panel = "The search"

    trials: int = typer.Option(30, min=1, max=10_000, help="Architectures to try, with those of earlier sittings.")
    minutes: float | None = typer.Option(None, min=0.0, help="Begin none after so many minutes.")
    total_tokens: int | None = typer.Option(None, min=1, help="Begin none once all have spent so many tokens.")
    objective: Objective = typer.Option(
        Objective.pareto, metavar="pareto|accuracy", help="Accuracy and few tokens, or accuracy alone."
    )
    held_out: float = typer.Option(0.5, help="Share of the tasks that judge the winner, and that no trial sees.")
    depth: int = typer.Option(3, min=0, max=10, help="Layers behind the first at most.")
    sampler: Sampler = expert(Sampler.tpe, metavar="tpe|random", help="Who proposes.")


def search(
    tasks: list[str] = typer.Option(
        ..., metavar="SPEC...", help="FILE (JSON Lines, CSV, Parquet), gsm8k:FILE, math:FILE, gym:FAMILY,..., ..."
    ),
    out: Path = typer.Option(..., help="Folder of the search and of its winner."),
    fields: str | None = MAP,
    limit: int | None = LIMIT,
    resume: bool = for_tasks(False, "--resume", help="Go on with what --out holds."),
    *,
    looked_for: SearchOptions,
    run: RunOptions,
    figures: FigureOptions,
) -> Output:
    """Search the layers of `archon` that suit tasks, model and budget; the winner is judged on tasks it never saw."""
    from pilotage.agent.tasks.fields import mapping

    if ";" in str(out):
        raise UsageError(f"--out {out} has a semicolon, which no strategy's file can have: choose another place")
    if looked_for.minutes is not None and not looked_for.minutes > 0:
        raise UsageError(f"--minutes {looked_for.minutes:g} leaves no time for a trial: give more, or leave it out")
    if not 0 < looked_for.held_out < 1:
        raise UsageError("--held-out is a share between 0 and 1: write --held-out 0.5")
    console = screen(errors=True, soft_wrap=True)
    settings = run.settings(memory="none", learn=False)
    terms = figures.terms(settings.model)
    with ExitStack() as stack:
        with gone_if_refused(out), ExitStack() as refused:
            refused.push(lambda kind, *_: stack.close() if kind else None)
            bench = _Bench.of(tasks, mapping(fields), limit, settings, looked_for, out, console)
            study = stack.enter_context(_opened(bench, looked_for, resume))
            bench.require_room(study)
        rest = f"what was tried is kept in {out}; the same command with --resume goes on"
        with interruptible(lambda: f"interrupted; {rest}", also_by_sigterm=True):
            try:
                asyncio.run(_run(study, bench, looked_for, console))
                tried = study.tried
                best = study.best
                benched = bench.judged_apart(study, best, terms, tasks)
            except ModelUnavailable as error:
                raise ModelUnavailable(f"{error} The search ends here; {rest}") from error
        text = study.file(best.name).read_text()
        spent = study.spent
    winner = out / "best.toml"
    replace(winner, text.encode())
    data = _data(tried, best, benched, bench, winner, spent)
    write_json(out / "search.json", data)
    return Output(data, lambda shown: _print(shown, data, benched))


@dataclass(frozen=True)
class _Bench:
    """What judges architectures: `pilotage bench` on the search tasks, and in the end on those held out."""

    settings: Settings
    model: ModelClient
    searched: Sequence[Assigned]
    held_out: Sequence[Assigned]
    left_out: int
    folder: Path
    console: Screen

    @classmethod
    def of(
        cls,
        specs: Sequence[str],
        fields: dict[str, str],
        limit: int | None,
        settings: Settings,
        looked_for: SearchOptions,
        folder: Path,
        console: Screen,
    ) -> _Bench:
        """With the tasks that can be graded, dealt into those to search on and those held out."""
        from pilotage.agent.banks.sources import mixed
        from pilotage.agent.bench.search.split import split
        from pilotage.agent.cli.assembly import model_of
        from pilotage.agent.cli.bench.sitting import gradable
        from pilotage.agent.sandbox import open_sandbox

        assigned, defects = mixed(specs, limit, fields)
        sandbox = None if settings.sandbox == "none" else open_sandbox(settings.sandbox)
        graded, ungraded = gradable(assigned, sandbox)
        console.print_left_out([*defects, *ungraded])
        searched, held_out = split(graded, looked_for.held_out, settings.seed)
        return cls(settings, model_of(settings), searched, held_out, len(defects) + len(ungraded), folder, console)

    async def judge(self, file: Path) -> Judged:
        """What an architecture is worth on the search tasks.

        Raises:
            BeyondBudget: a budget cannot hold it.
            Unable: the model or the machine lacks what it needs.
        """
        from pilotage.agent.bench.run import solve_by_all, tidied
        from pilotage.agent.bench.search.study import Judged

        with ExitStack() as stack:
            sitting = self._sitting(stack, [file], self.searched, self.folder / "runs")
            tasks = [one.task for one in self.searched]
            await tidied(sitting.lanes, tasks, sitting.lanes[0].agent.components.sandbox)
            await solve_by_all(sitting.lanes, tasks, concurrency=self.settings.concurrency)
            [outcomes] = self._outcomes(sitting)
        return Judged(
            float(outcomes.score.mean()),
            float(1000 * outcomes.cost.mean()),
            float(outcomes.usage("llm_calls").mean()),
            round(1000 * outcomes.cost.sum()),
            sum("error" in line for lines in outcomes.lines for line in lines),
            outcomes.failed or "",
        )

    def require_room(self, study: ArchitectureSearch) -> None:
        """Raises UsageError where not even one plain draw can be run as asked; no call is paid."""
        with ExitStack() as stack:
            self._sitting(stack, [study.file(study.keep(plainest()))], self.searched, self.folder / "runs")

    def judged_apart(self, study: ArchitectureSearch, best: Tried, terms: Any, specs: list[str]) -> Benched:
        """The winner beside one plain draw, on the tasks that no trial has seen.

        Raises:
            PilotageError: one of the two had no usable reply on any of them.
        """
        from pilotage.agent.bench.figures import figures_of

        names = list(dict.fromkeys([study.keep(plainest()), best.name]))
        with ExitStack() as stack:
            files = [study.file(name) for name in names]
            sitting = self._sitting(stack, files, self.held_out, self.folder / "held-out")
            sitting.solve(self.console)
            components = sitting.lanes[0].agent.components
            setting = {
                "sources": specs,
                "model": components.model.name,
                "repeats": 1,
                "seed": self.settings.seed,
                "budget": components.budget.model_dump(mode="json"),
            }
            outcomes = self._outcomes(sitting)
            if (why := next((one.failed for one in outcomes if one.failed is not None), None)) is not None:
                raise PilotageError(
                    f"the winner could not be judged, since no run on the tasks held out had a usable reply: {why} "
                    "--resume tries them again"
                )
            return figures_of(outcomes, setting, terms, [])

    def _sitting(self, stack: ExitStack, files: Sequence[Path], tasks: Sequence[Assigned], folder: Path) -> Sitting:
        from pilotage.agent.bench.methods import methods_of
        from pilotage.agent.cli.bench.sitting import seated

        folder.mkdir(parents=True, exist_ok=True)
        methods = methods_of([f"{POLICY}{file}" for file in files])
        return seated(
            stack, methods, self.settings, tasks, folder, repeats=1, resume=True, in_sample=True, kept=True,
            model=self.model,
        )  # fmt: skip

    def _outcomes(self, sitting: Sitting) -> list[Any]:
        from pilotage.agent.bench.figures import outcomes_of

        return outcomes_of(sitting.lanes, sitting.assigned)


def plainest() -> Architecture:
    """One draw, which every winner has to beat."""
    from pilotage.agent.strategies.composed.layers import Generate

    return (Generate(n=1),)


def _opened(bench: _Bench, looked_for: SearchOptions, resume: bool) -> ArchitectureSearch:
    try:
        from pilotage.agent.bench.search.study import ArchitectureSearch
    except ModuleNotFoundError:
        raise MissingExtra("The search needs Optuna: run `pip install 'pilotage[bench]'`") from None
    from pilotage.agent.bench.search.space import Space
    from pilotage.agent.cli.solve.batch import conditions_of

    settings = bench.settings
    routes = ("reason",) if settings.sandbox == "none" else ("reason", "program")
    about = conditions_of(settings, bench.model) | {
        "tasks": sorted(one.task.asked for one in bench.searched),
        "held out": sorted(one.task.asked for one in bench.held_out),
        "set of right answers": _right([*bench.searched, *bench.held_out]),
    }
    return ArchitectureSearch(
        bench.folder, Space(routes=routes, depth=looked_for.depth), objective=looked_for.objective.value,
        sampler=looked_for.sampler.value, seed=settings.seed, setting=about, resume=resume,
    )  # fmt: skip


def _right(assigned: Sequence[Assigned]) -> str:
    """A hash of what is right of all tasks together, from which it cannot be read."""
    hidden = sorted([one.task.asked, one.task.model_dump_json(include={"gold", "metadata"})] for one in assigned)
    return hashlib.sha256(json.dumps(hidden).encode()).hexdigest()[:8]


async def _run(study: ArchitectureSearch, bench: _Bench, looked_for: SearchOptions, console: Screen) -> None:
    """The trials, a line each."""

    def on_trial(tried: Tried) -> None:
        said = tried.why or "nothing"
        if tried.judged is not None:
            failed = _failed(tried.judged.failed)
            said = f"{tried.judged.accuracy:.1%} right, {tried.judged.tokens:,.0f} tokens{failed}"
            said = tried.judged.why or said
        again = " (as before)" if tried.again else ""
        place = f"trial {1 + tried.number} of {looked_for.trials}"
        console.print_line(f"{place}: {plain(tried.words)}: {plain(said)}{again}")

    await study.run(
        bench.judge, looked_for.trials, seconds=None if looked_for.minutes is None else 60 * looked_for.minutes,
        most_tokens=looked_for.total_tokens, on_trial=on_trial,
    )  # fmt: skip


def _failed(runs: int) -> str:
    return f" ({runs} runs failed)" if runs else ""


def _data(
    tried: Sequence[Tried], best: Tried, benched: Benched, bench: _Bench, winner: Path, spent: int
) -> dict[str, Any]:
    from pilotage.agent.bench.search.study import front_of

    return {
        "format": "pilotage-search",
        "version": 1,
        "policy": f"{POLICY}{winner}",
        "best": asdict(best),
        "front": [asdict(one) for one in front_of(list(tried))],
        "trials": [asdict(one) for one in tried],
        "search_tasks": [one.task.id for one in bench.searched],
        "held_out_tasks": [one.task.id for one in bench.held_out],
        "left_out": bench.left_out,
        "tokens_spent": spent,
        "held_out": benched.to_json(),
    }


def _print(console: Screen, data: dict[str, Any], benched: Benched) -> None:
    """The trials, the best first, then the winner on tasks that it never saw."""
    from pilotage.agent.cli.evaluate.printing import difference, percents

    rows = table("trial", "architecture", right=("right", "tokens", "calls"))
    rows.add_column("")
    front = {one["name"] for one in data["front"]}
    known = {one["name"]: one for one in reversed(data["trials"])}
    for one in sorted(known.values(), key=lambda one: -(one["judged"] or {"accuracy": -1})["accuracy"]):
        cells, note = ["", "", ""], "could not be run"
        if (judged := one["judged"]) is not None:
            cells = ["" if judged["why"] else f"{judged['accuracy']:.1%}"]
            cells += [f"{judged['tokens']:,.0f}", f"{judged['calls']:.1f}"]
            note = ("front" if one["name"] in front else "") + _failed(judged["failed"])
        rows.add_row(str(1 + one["number"]), plain(one["words"]), *cells, note)
    console.print(
        f"{number_of(len(data['trials']), 'trial')} on {number_of(len(data['search_tasks']), 'task')}, "
        f"{number_of(data['tokens_spent'], 'token')}"
    )
    console.print(rows)
    if runs := sum(one["judged"]["failed"] for one in data["trials"] if one["judged"] and not one["again"]):
        console.print_line(f"{runs} runs of trials had no usable reply and count as wrong; --resume tries them again")
    console.print(f"\non {benched.setting.tasks} tasks that no trial has seen:")
    names = ["one draw", data["best"]["words"]][-len(benched.methods) :]
    for name, method in zip(names, benched.methods, strict=True):
        tokens = method.prompt_tokens + method.completion_tokens
        right = f"{method.accuracy:.1%} {percents(method.accuracy_interval)} right"
        console.print_line(f"{plain(name)}: {right}, {tokens:,.0f} tokens, {method.calls:.1f} calls")
    for pair in benched.comparisons:
        points, p = difference(pair)
        console.print_line(f"points over one draw: {points}, p {p}")
    policy = data["policy"]
    console.print_line(f'written to {plain(policy.removeprefix(POLICY))}; next: --policy "{plain(policy)}"')
