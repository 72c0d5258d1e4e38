"""`pilotage train --live`: training on real runs, with what was spent and the time left on the screen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pilotage.agent.cli.options import BASE_URL, LIMIT_MINUTES, MAP, MAX_STEPS, MAX_TOKENS, MODEL
from pilotage.agent.cli.terminal import plain, progress
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.banks.live_training import RecordingDynamics
    from pilotage.agent.cli.screen import Screen
    from pilotage.navigator.training.train import Plan, Progress, TrainingResult


@dataclass(frozen=True)
class LiveOptions:
    """The options of `pilotage train` that are for live training alone."""

    panel = "With --live"

    tasks: list[str] | None = typer.Option(
        None, help="FILE.jsonl, gsm8k:FILE, or gym:FAMILY,...;size=20;seed=1. Repeatable."
    )
    model: str | None = MODEL
    base_url: str | None = BASE_URL
    record: Path | None = typer.Option(None, help="Bank that keeps every node. (default: OUT.bank)")
    fields: str | None = MAP
    episodes: int | None = typer.Option(None, min=1, help="Runs of training tasks. (default: 300)")
    limit_minutes: float | None = LIMIT_MINUTES
    max_llm_calls: int | None = typer.Option(None, min=1, help="Begin no node after so many calls in all.")
    max_steps: int | None = MAX_STEPS
    max_tokens: int | None = MAX_TOKENS

    def require_sense(self, live: bool, bank: Path | None, algorithm: str) -> None:
        """Raises UsageError where the options contradict each other."""
        if live == (bank is not None):
            raise UsageError("give --bank FOLDER to train on what is recorded, or --live with --tasks, and not both")
        if live and not self.tasks:
            raise UsageError('--live needs --tasks, for example --tasks "gym:chain_sum,gcd;size=40;seed=1"')
        given = [name for name, value in vars(self).items() if value not in (None, [])]
        if not live and given:
            raise UsageError(f"--{given[0].replace('_', '-')} is for --live training; leave it out with --bank")
        if live and algorithm in ("linear", "nearest", "cql"):
            raise UsageError(
                f"{algorithm} is fitted to a recorded bank: give --bank, or train live with double-dueling-dqn, qr-dqn "
                "or maskable-ppo"
            )


def train_on_live(
    options: LiveOptions,
    preset: str | None,
    algorithm: str,
    given: dict[str, Any],
    places: dict[str, Any],
    console: Screen,
) -> TrainingResult:
    """Trains on the tasks; `given` are fields of `Plan`, `places` the files of `train_live`."""
    from pilotage.agent.banks.live_training import Limits, RecordingDynamics
    from pilotage.agent.banks.meta import recorded_in
    from pilotage.agent.banks.sources import mixed
    from pilotage.agent.cli.assembly import assemble
    from pilotage.agent.cli.bank.collect import MAX_SECONDS, any_policy, recordable
    from pilotage.agent.settings import settings_from
    from pilotage.agent.tasks.fields import mapping
    from pilotage.navigator.training.train import live_plan, train_live

    episodes, tasks, out = options.episodes or 300, options.tasks or [], places["out"]
    plan = live_plan(episodes, algorithm, **{name: value for name, value in given.items() if value is not None})
    flags = {name: getattr(options, name) for name in ("model", "base_url", "max_steps", "max_tokens")}
    flags |= {"observation": preset, "max_seconds": MAX_SECONDS, "memory": "none", "learn": False}
    settings = any_policy(settings_from(flags))
    assigned, defects = mixed(tasks, fields=mapping(options.fields))
    limits = Limits(options.max_llm_calls, options.limit_minutes)
    folder = options.record or out.with_name(out.name + ".bank")
    with assemble(settings) as agent:
        chosen = recordable(assigned, defects, agent.components, console)
        if not chosen:
            raise UsageError("no task is left to train on: give tasks that have an answer")
        with (
            recorded_in(folder, agent.components) as writer,
            RecordingDynamics(agent.components, chosen, writer, limits=limits, sources=tasks) as dynamics,
            _shown(console, plan, dynamics) as shown,
        ):
            result = train_live(dynamics, plan, episodes=episodes, **places, **shown)
    spent = dynamics.spent
    console.print_line(
        f"{spent.nodes} nodes, {spent.fresh} of them run in this sitting, {spent.usage.llm_calls} LLM calls and "
        f"{spent.usage.about}{spent.usage.total_tokens:,} tokens in all; recorded in {plain(folder)}"
    )
    if dynamics.stopped_by is not None:
        limit = dynamics.stopped_by.replace("_", "-")
        console.print(f"--{limit} was reached: the rest of the training went over what was known by then")
    return result


@contextmanager
def _shown(console: Screen, plan: Plan, dynamics: RecordingDynamics) -> Iterator[dict[str, Any]]:
    """What `train_live` is to call."""
    from pilotage.agent.banks.progress import clock

    total, started = plan.seeds * plan.length, time.monotonic()
    steps, scores = 0, ""

    def status() -> str:
        left = (time.monotonic() - started) / steps * max(total - steps, 0) if steps else None
        spent = dynamics.spent
        return f"{spent.nodes} nodes, {spent.usage.llm_calls} calls, {clock(left)} left at this pace{scores}"

    with progress(console, "training", "{task.fields[status]}", total=total, status="") as update:
        dynamics.on_node = lambda node: update(status=status())

        def on_step() -> None:
            nonlocal steps
            steps += 1
            update(completed=steps, status=status())

        def on_piece(piece: Progress) -> None:
            nonlocal scores
            scores = f"; {piece.accuracy:.1%} right for {1000 * piece.cost:,.0f} tokens on the validation tasks"
            if not console.is_terminal:
                console.print_line(f"seed {piece.seed}, step {piece.step:,} of {piece.steps:,}: {status()}")

        yield {"on_step": on_step, "progress": on_piece}
